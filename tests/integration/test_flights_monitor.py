"""The reference Dag that watches flights, and the example of profiles: their own tasks, on real flights."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_mlops.core.record import Record
from include.flights import spec
from tests.conftest import ROOT
from tests.support.airflow import fake_context
from tests.support.flights import accept_flights, train_flights
from tests.support.lab import Lab, Stages, copy_lab

TRAINED, TESTED = ("2013-02-25", "2013-02-26"), "2013-02-27"
DAYS = ("2013-03-06", "2013-03-07", "2013-03-08", "2013-03-09")
POLICY = """\
schema: 1
name: flight_delays
rules:
  - {name: rows, kind: min_rows, rows: 100, positives: 10}
  - {name: auc, kind: minimum, metric: roc_auc, value: 0.3}
"""
WINDOW = 3


@pytest.fixture(scope="module")
def watched(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A small champion of flights, trained on two days; four days later on are accepted."""
    lab = stages.copy("empty", tmp_path_factory.mktemp("watched") / "lab")
    lab.model = spec.MODEL
    (lab.root / "policy.yaml").write_text(POLICY)
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        snapshots = {key: accept_flights(lab, key) for key in (*TRAINED, TESTED)}
        trained = train_flights(lab, TESTED, max_iter=5, window=2, test_snapshot_id=snapshots[TESTED])
        lab.run("register", manifest_hash=trained["manifest_hash"])
        scored = lab.run("evaluate", manifest_hash=trained["manifest_hash"], as_of="2013-03-01T00:00:00Z", slices=[])
        lab.run("promote", gate_record=lab.run("gate", evaluation_id=scored["evaluation_id"])["record"])
        for key in DAYS:
            accept_flights(lab, key, dataset=spec.SERVED, source="read_served")
            accept_flights(lab, key)
    return lab


@pytest.fixture
def lab(watched: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A copy of it."""
    lab = copy_lab(watched, tmp_path / "lab")
    lab.model = spec.MODEL
    lab.enter(monkeypatch)
    return lab


def day(lab: Lab, path: Path, names: tuple[str, str], key: str) -> list[dict[str, Any]]:
    """Run the tasks of a Dag that profile and judge, for a day."""
    found = []
    dag = runpy.run_path(str(path))["dag"] if "dags" in path.parts else _only(runpy.run_path(str(path)))
    for name in names:
        task = dag.get_task(name)
        task.partition_key, task.window, task.policy = key, WINDOW, str(ROOT / task.policy)
        found.append(task.execute(fake_context(task, lab.root, partition_key=key)))
    return found


def _only(module: dict[str, Any]) -> Any:
    """Return the Dag of an example, which has no name there."""
    return next(value.dag for value in module.values() if getattr(value, "task_id", None) == "profile")


def by_rows(lab: Lab, name: str, **arguments: Any) -> Record:
    """Judge the same rows by the same policy, without profiles."""
    content = yaml.safe_load((ROOT / name).read_text())
    (lab.root / "rows.yaml").write_text(yaml.safe_dump({**content, "data": "rows"}))
    found = lab.run("drift", policy="rows.yaml", window=WINDOW, **arguments)
    return next(record for record in lab.records("drift") if record.hash == found["record"])


def outcomes(record: Record) -> dict[str, str]:
    """Return outcome by rule of what both can say."""
    return {rule["rule"]: rule["outcome"] for rule in record.body["verdict"]["rules"] if rule["rule"] != "columns:new"}


MONITOR = ROOT / "dags" / "flight_delays_monitor.py"
EXAMPLE = ROOT / "docs" / "examples" / "one_by_one.py"


@pytest.mark.parametrize(
    ("path", "names", "policy", "dataset"),
    [
        pytest.param(MONITOR, ("profile", "detect_drift"), "include/flights/drift.yaml", spec.SERVED, id="monitor"),
        pytest.param(
            EXAMPLE,
            ("profile", "detect_drift_of_the_week"),
            "docs/examples/drift_profiles.yaml",
            spec.DATASET,
            id="example",
        ),
    ],
)
def test_days_are_profiled_once_and_judged_together(
    lab: Lab, path: Path, names: tuple[str, str], policy: str, dataset: str
) -> None:
    """Nothing is decided otherwise than from rows, whose drift is found; the next day reads its own rows only."""
    first, verdict = day(lab, path, names, DAYS[2])
    (judged,) = lab.records("drift")
    rows = by_rows(lab, policy, dataset=dataset, partition_key=DAYS[2])
    for key in DAYS[:3]:
        snapshot = next(
            r.body["snapshot_id"]
            for r in lab.records("snapshot", f"dataset/{dataset}")
            if r.body["partition_key"] == key
        )
        for part in (lab.storage / "snapshots" / dataset / snapshot.removeprefix("sha256:")).glob("*.parquet"):
            part.unlink()
    second, after = day(lab, path, names, DAYS[3])

    assert [one["partition_key"] for one in first["profiles"]] == list(DAYS[:3])
    assert verdict["verdict"]["outcome"] in ("PASS", "FAIL")
    decided = {rule: outcome for rule, outcome in outcomes(judged).items() if outcome != "INCONCLUSIVE"}
    exactly = outcomes(rows)
    assert decided.items() <= exactly.items()
    assert (judged.outcome, outcomes(judged).keys()) == (rows.outcome, exactly.keys())
    assert "from_profiles" in judged.body["verdict"]["marks"]
    assert [one["record"] for one in second["profiles"]][:2] == [one["record"] for one in first["profiles"]][1:]
    assert len(lab.records("profile")) == len(DAYS)
    assert after["verdict"]["outcome"] in ("PASS", "FAIL")
    assert bool(judged.body["report"]["features"]) == (judged.outcome == "FAIL")
