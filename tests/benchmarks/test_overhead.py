"""What Airflow adds to the work of a lifecycle, with workers that have preloaded the libraries."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_mlops.embedded import EmbeddedAirflow
from tests.benchmarks.conftest import ROOT
from tests.support.bundles import bundles

LIFECYCLE, EMPTY = "flight_delays_lifecycle", "empty_lifecycle"
MONTHS = ("2013-01", "2013-02", "2013-03", "2013-04")
YEAR = tuple(f"2013-{month:02d}" for month in range(1, 13))
AT_ONCE = 4
ENV = bundles(flights=ROOT, bench=Path(__file__).parent / "dags")


def seconds(run: dict[str, str]) -> float:
    """Return how long a run took."""
    end, start = (datetime.fromisoformat(run[name]) for name in ("end_date", "start_date"))
    return (end - start).total_seconds()


def places(airflow: EmbeddedAirflow, dag_id: str) -> list[str]:
    """Return the ids of a Dag's tasks, without their group."""
    tasks = airflow.api.request("GET", f"/dags/{dag_id}/tasks")["tasks"]
    return sorted(task["task_id"].rpartition(".")[2] for task in tasks)


@contextmanager
def both_dags() -> Iterator[EmbeddedAirflow]:
    """Run an Airflow with the lifecycle and the same Dag of empty tasks."""
    with EmbeddedAirflow(ROOT, "bench", extra_env=ENV) as airflow:
        airflow.api.wait_for_dags(LIFECYCLE, EMPTY)
        assert places(airflow, EMPTY) == places(airflow, LIFECYCLE)
        airflow.api.unpause(EMPTY)
        yield airflow


def empty_runs(airflow: EmbeddedAirflow, count: int) -> list[float]:
    """Run the empty lifecycle some times, one after the other."""
    found = []
    for _ in range(count):
        run = airflow.api.trigger(EMPTY, partition_key="2013-01")
        found.append(seconds(airflow.api.wait_for_run(EMPTY, run["dag_run_id"])))
    return found


def bare_runs(airflow: EmbeddedAirflow, storage: Path, run_type: str, keys: Sequence[str]) -> list[float]:
    """Do the work of the months in one process, with a storage of its own."""
    env = {**airflow.env, "AIRFLOW__MLOPS__STORAGE_ROOT": str(storage), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("bare_work.py")), str(ROOT), run_type, *keys]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, cwd=airflow.layout.state)
    return [json.loads(line)["seconds"] for line in done.stdout.splitlines() if line.startswith("{")]


def backfill_seconds(airflow: EmbeddedAirflow, dag_id: str, new: int = len(YEAR), **options: Any) -> float:
    """Run a backfill of the year, and return how long it took from its first start to its last end."""

    def over() -> bool:
        known = airflow.api.request("GET", "/backfills", dag_id=dag_id)["backfills"]
        return all(item["completed_at"] for item in known)

    airflow.api.wait(over, 120, lambda: "The backfill before it does not end.")
    before = {run["dag_run_id"] for run in airflow.api.runs(dag_id)}
    airflow.api.backfill(dag_id, "2013-01-01T00:00:00Z", "2013-12-01T00:00:00Z", **options)
    runs = airflow.api.wait_for_runs(dag_id, count=len(before) + new, timeout=1200)
    own = [run for run in runs if run["dag_run_id"] not in before]
    assert {run["state"] for run in own} == {"success"}
    return seconds(
        {
            "start_date": min(run["start_date"] for run in own),
            "end_date": max(run["end_date"] for run in own),
        }
    )


def test_task_overhead_ratio(keep: Callable[..., None]) -> None:
    """A lifecycle run against the same Dag of empty tasks plus the bare work, month by month."""
    with both_dags() as airflow:
        empty = empty_runs(airflow, 3)
        airflow.api.unpause(LIFECYCLE)
        runs = airflow.api.wait_for_runs(LIFECYCLE, count=len(MONTHS))
        empty += empty_runs(airflow, 3)
        bare = bare_runs(airflow, airflow.layout.state / "bare-storage", "scheduled", MONTHS)
    orchestration = sorted(empty)[len(empty) // 2]
    whole = [seconds(run) for run in runs]
    # January trains nothing, and warms both sides up.
    ratios = [total / (orchestration + work) for total, work in zip(whole[1:], bare[1:], strict=True)]
    keep("task_overhead_ratio", ratios, unit="ratio", goal="<= 1.3", peer="empty tasks + bare work")


def test_backfill_ratio(keep: Callable[..., None]) -> None:
    """An audit of twelve months, several at once, against the same Dag of empty tasks plus the bare work.

    The bare work is that of one process on one core, which is divided by the cores.
    """
    with both_dags() as airflow:
        airflow.api.unpause(LIFECYCLE)
        airflow.api.wait_for_runs(LIFECYCLE, count=len(MONTHS))
        rest = len(YEAR) - len(MONTHS)
        backfill_seconds(airflow, LIFECYCLE, rest, reprocess="none", max_active_runs=1, conf={"mode": "live"})
        storage = airflow.layout.state / "bare-storage"
        shutil.copytree(airflow.layout.storage, storage)
        empty, audited = [], []
        for _ in range(3):
            empty.append(backfill_seconds(airflow, EMPTY, max_active_runs=AT_ONCE))
            audited.append(backfill_seconds(airflow, LIFECYCLE, max_active_runs=AT_ONCE))
        bare = sum(bare_runs(airflow, storage, "backfill", YEAR)) / (os.cpu_count() or 1)
    ratios = [audit / (bare + nothing) for audit, nothing in zip(audited, empty, strict=True)]
    keep("backfill_ratio", ratios, unit="ratio", goal="<= 1.3", peer="empty tasks + bare work / cores")
