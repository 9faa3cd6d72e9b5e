"""Questions to a ledger's records."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core import evidence
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.ledger import Ledger, Record
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.window import WindowSpec


@pytest.fixture
def dataset(tmp_path: Path) -> Ledger:
    """An empty chain of a dataset."""
    return Ledger(tmp_path, "dataset/flights")


@pytest.fixture
def model(tmp_path: Path) -> Ledger:
    """An empty chain of a model."""
    return Ledger(tmp_path, "model/delays")


def add(
    ledger: Ledger, kind: str, outcome: str | None = None, *, mode: str = "live", dag: str = "d", **body: Any
) -> Record:
    """Append a record."""
    key = f"{len(ledger.records())}"
    return ledger.append(kind=kind, key=key, body=body, outcome=outcome, mode=mode, run={"dag_id": dag})


def snapshot(ledger: Ledger, key: str, snapshot_id: str, **more: Any) -> None:
    """Append a snapshot record."""
    add(ledger, "snapshot", partition_key=key, snapshot_id=snapshot_id, **more)


def validation(ledger: Ledger, snapshot_id: str, outcome: str, **more: Any) -> None:
    """Append a validation record."""
    accepted = snapshot_id if outcome == "PASS" else None
    add(ledger, "validation", outcome, snapshot_id=snapshot_id, accepted_snapshot_id=accepted, **more)


def test_newest_passed_snapshot_is_accepted(dataset: Ledger) -> None:
    """A newer snapshot that failed, or was not judged, leaves the older one; a later verdict overrides an earlier."""
    for key, snapshot_id in (("2013-02", "b1"), ("2013-01", "a1"), ("2013-01", "a2"), ("2013-03", "c1")):
        snapshot(dataset, key, snapshot_id)
    validation(dataset, "a1", "PASS")
    validation(dataset, "a2", "FAIL")
    validation(dataset, "b1", "PASS")
    validation(dataset, "c1", "PASS")
    validation(dataset, "c1", "FAIL")
    assert evidence.accepted_snapshots(dataset.records()) == {"2013-01": "a1", "2013-02": "b1"}

    validation(dataset, "a2", "PASS")
    assert evidence.accepted_snapshots(dataset.records())["2013-01"] == "a2"


@pytest.mark.parametrize("mode", ["audit", "dry_run"])
def test_only_live_records_accept(dataset: Ledger, mode: str) -> None:
    """Audits and dry runs neither accept a snapshot nor take one back."""
    snapshot(dataset, "2013-01", "a1")
    validation(dataset, "a1", "PASS", mode=mode)
    assert evidence.accepted_snapshots(dataset.records()) == {}
    validation(dataset, "a1", "PASS")
    validation(dataset, "a1", "FAIL", mode=mode)
    snapshot(dataset, "2013-01", "a2", mode=mode)
    assert evidence.accepted_snapshots(dataset.records()) == {"2013-01": "a1"}
    assert evidence.validation_outcomes(dataset.records(), ["a1", "a9"]) == {"a1": "PASS", "a9": None}


@pytest.mark.parametrize(
    ("window", "current", "chosen"),
    [
        (None, False, ["2013-01", "2013-02"]),
        (1, False, ["2013-02"]),
        (5, False, ["2013-01", "2013-02"]),
        (1, True, ["2013-02", "2013-03"]),
        ({"since": "2013-02"}, True, ["2013-02", "2013-03"]),
        ({"since": "2013-05"}, False, []),
    ],
)
def test_training_window(window: WindowSpec, current: bool, chosen: list[str]) -> None:
    """The window holds partitions before the given one, oldest first, and the partition's head when asked."""
    accepted = {key: f"s{key}" for key in ("2013-04", "2013-01", "2013-03", "2013-02")}
    found = evidence.training_window(accepted, "2013-03", window=window, include_current=current)
    assert found == [{"partition_key": key, "snapshot_id": f"s{key}"} for key in chosen]


@pytest.mark.parametrize("window", [0, -1])
def test_window_holds_a_partition(window: int) -> None:
    """A window of nothing is an error, not a window of everything."""
    with pytest.raises(BadInput, match=f"window={window} must be at least 1, or None"):
        evidence.training_window({"2013-01": "a"}, "2013-02", window=window, include_current=False)


def test_trainings_and_registrations(model: Ledger) -> None:
    """They are found by manifest and version; what the ledger does not know is named with the way out."""
    training = add(model, "training", manifest_hash="h1")
    add(model, "training", "INCONCLUSIVE", partition_key="2013-01")
    registered = add(model, "registration", version="1", manifest_hash="h1")
    add(model, "registration", version="9", manifest_hash="h9", mode="dry_run")
    evaluated = add(model, "evaluation", evaluation_id="e1")
    records = model.records()

    assert evidence.training_of(records, "delays", "h1") == training
    assert evidence.registration_by_version(records, "delays", "1") == registered
    assert evidence.registration_by_manifest(records, "h1") == registered
    assert evidence.registration_by_manifest(records, "h9") is None
    assert evidence.evaluation_by_id(records, "delays", "e1") == evaluated
    with pytest.raises(Refused, match="model 'delays' holds no training with the manifest h2; train it first"):
        evidence.training_of(records, "delays", "h2")
    with pytest.raises(Refused, match="Version 9 of model 'delays' is not in the ledger"):
        evidence.registration_by_version(records, "delays", "9")
    with pytest.raises(Refused, match="holds no evaluation 'e2'"):
        evidence.evaluation_by_id(records, "delays", "e2")


def test_looks_count_other_judged_candidates(model: Ledger) -> None:
    """Each other evaluation on the same test snapshot that a live gate judged wears the rows out once."""
    for number, snapshot_id in enumerate(("s", "s", "s", "t")):
        add(model, "evaluation", evaluation_id=f"e{number}", test={"snapshot_id": snapshot_id})
        add(model, "gate", "PASS", evaluation_id=f"e{number}", mode="dry_run" if number == 2 else "live")
    add(model, "gate", "FAIL", evaluation_id="e0")

    assert evidence.looks_at(model.records(), "s", "e1") == 1
    assert evidence.looks_at(model.records(), "s", "new") == 2
    assert evidence.looks_at(model.records(), "u", "new") == 0


def test_audit_compares_with_its_own_dag(model: Ledger) -> None:
    """A retraining of the same partition by another Dag is not what the lifecycle's audit compares with."""
    first = add(model, "training", dag="lifecycle", partition_key="2013-02")
    add(model, "training", dag="retrain", partition_key="2013-02")
    add(model, "training", dag="lifecycle", partition_key="2013-02", mode="dry_run")
    run = RunFacts(
        dag_id="lifecycle",
        run_id="r",
        task_id="t",
        try_number=1,
        map_index=-1,
        partition_key="2013-02",
        run_type="backfill",
        mode=Mode.AUDIT,
    )
    assert evidence.latest_of_run(model.records(), kind="training", partition_key="2013-02", run=run) == first
    assert evidence.latest_of_run(model.records(), kind="gate", partition_key="2013-02", run=run) is None
