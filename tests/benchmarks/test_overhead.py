"""What Airflow adds to the work of a lifecycle, with workers that have preloaded the libraries."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from airflow_provider_mlops.embedded import EmbeddedAirflow
from tests.benchmarks.conftest import ROOT

LIFECYCLE, EMPTY = "flight_delays_lifecycle", "empty_lifecycle"
MONTHS = ("2013-01", "2013-02", "2013-03", "2013-04")
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"


def bundle(name: str, path: Path) -> dict[str, object]:
    """Return the configuration of a local Dag bundle."""
    return {"name": name, "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(path)}}


def seconds(run: dict[str, str]) -> float:
    """Return how long a run took."""
    end, start = (datetime.fromisoformat(run[name]) for name in ("end_date", "start_date"))
    return (end - start).total_seconds()


def empty_runs(airflow: EmbeddedAirflow, count: int) -> list[float]:
    """Run the empty lifecycle some times, one after the other."""
    found = []
    for _ in range(count):
        run = airflow.api.trigger(EMPTY, partition_key="2013-01")
        found.append(seconds(airflow.api.wait_for_run(EMPTY, run["dag_run_id"])))
    return found


def bare_runs(airflow: EmbeddedAirflow) -> list[float]:
    """Do the work of the months in one process, with a storage of its own."""
    storage = airflow.layout.state / "bare-storage"
    env = {**airflow.env, "AIRFLOW__MLOPS__STORAGE_ROOT": str(storage), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("bare_work.py")), str(ROOT), *MONTHS]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, cwd=airflow.layout.state)
    return [json.loads(line)["seconds"] for line in done.stdout.splitlines() if line.startswith("{")]


def test_task_overhead_ratio(keep: Callable[..., None]) -> None:
    """A lifecycle run against the same Dag of empty tasks plus the bare work, month by month."""
    bundles = [bundle("flights", ROOT), bundle("bench", Path(__file__).parent / "dags")]
    env = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}
    with EmbeddedAirflow(ROOT, "bench", extra_env=env) as airflow:
        airflow.api.wait_for_dags(LIFECYCLE, EMPTY)
        airflow.api.unpause(EMPTY)
        empty = empty_runs(airflow, 3)
        airflow.api.unpause(LIFECYCLE)
        runs = airflow.api.wait_for_runs(LIFECYCLE, count=len(MONTHS))
        empty += empty_runs(airflow, 3)
        bare = bare_runs(airflow)
    orchestration = sorted(empty)[len(empty) // 2]
    whole = [seconds(run) for run in runs]
    # January trains nothing, and warms both sides up.
    ratios = [total / (orchestration + work) for total, work in zip(whole[1:], bare[1:], strict=True)]
    keep("task_overhead_ratio", ratios, unit="ratio", goal="<= 1.3", peer="empty tasks + bare work")
