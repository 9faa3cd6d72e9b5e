"""A fire drill on a real lab: alarms ring on the copy, and nothing else has changed."""

from pathlib import Path

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.operators.fire_drill import DriftFireDrillOperator
from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.lab import DATASET, Lab

POLICY = "schema: 1\nname: strict\nmin_rows: 100\nthresholds: {ks: 0.1, cramers_v: 0.1, missing: 0.1}\n"


def run(lab: Lab, **arguments: object) -> dict[str, object]:
    settings = {"model_name": lab.model, "dataset": DATASET, "policy": "drill.yaml", "size": "0.6", **arguments}
    task = DriftFireDrillOperator(task_id="drill", **settings)  # type: ignore[arg-type]
    DAG("fire", schedule=None).add_task(task)
    return task.execute(fake_context(task, lab.root))


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    found = make_lab("promoted")
    (found.root / "drill.yaml").write_text(POLICY)
    return found


def test_the_alarms_ring_and_nothing_moves(lab: Lab) -> None:
    """Nulls are found, an even flip is no label shift; no snapshot, no live record, no event, no leftover."""
    snapshots, live = lab.snapshot_folders(), [r.hash for r in lab.ledger().records() if r.mode == "live"]

    result = run(lab, shifts="nulls, label_flip")

    by_shift = {item["shift"]: item for item in result["drills"]}  # type: ignore[attr-defined]
    assert by_shift["nulls"]["rang"]
    assert 0 < by_shift["nulls"]["rows_to_detect"] <= 800
    assert by_shift["nulls"]["days_to_detect"] <= 31
    assert (by_shift["label_flip"]["feature"], by_shift["label_flip"]["rang"]) == ("late", False)
    record = lab.records("fire_drill")[-1]
    assert record.mode == "dry_run"
    assert lab.snapshot_folders() == snapshots
    assert [r.hash for r in lab.ledger().records() if r.mode == "live"] == live
    (page,) = lab.storage.glob("fire_drills/*/*/index.html")
    assert "Time to detect" in page.read_text()
    assert ">rang</td>" in page.read_text()


def test_a_drill_is_the_same_at_every_try(lab: Lab) -> None:
    """A retry finds the record."""
    first, second = run(lab, shifts=["nulls"]), run(lab, shifts=["nulls"])

    assert first == second
    assert len(lab.records("fire_drill")) == 1


def test_a_drill_of_a_model_whose_time_is_a_number(make_lab: MakeLab) -> None:
    """A training may name such a column; the snapshot of the drill's rows names no time then."""
    lab = make_lab("accepted")
    (lab.root / "drill.yaml").write_text(POLICY)
    lab.promote("2020-02", time_column="noise")

    assert run(lab, shifts=["nulls"])["drills"][0]["rang"]  # type: ignore[index]


def test_deaf_alarms_fail_the_drill(lab: Lab) -> None:
    """A policy that needs more rows than there are never rings, and the drill says so."""
    (lab.root / "drill.yaml").write_text(POLICY.replace("min_rows: 100", "min_rows: 100000"))

    result = run(lab, shifts=["nulls"])

    assert result["verdict"]["outcome"] != "PASS"  # type: ignore[index]


def test_a_wrong_form_is_final(lab: Lab, tmp_path: Path) -> None:
    """Trying again cannot help."""
    with pytest.raises(AirflowFailException, match="share of the rows"):
        run(lab, size="2")


PERFORMANCE = "schema: 1\nname: watched\nmin_rows: 100\nmetrics:\n  - {metric: roc_auc, max_drop: %s}\n"


def test_flipped_labels_break_the_monitoring_policy(lab: Lab) -> None:
    """Realised performance sees what label shift cannot: half of the labels are flipped, evenly."""
    (lab.root / "watched.yaml").write_text(PERFORMANCE % "0.1")

    result = run(lab, shifts=["label_flip"], size="0.5", performance_policy="watched.yaml")

    (drill,) = result["drills"]  # type: ignore[misc]
    assert (drill["feature"], drill["rang"]) == ("late", True)
    assert 0 < drill["rows_to_detect"] <= 800
    body = lab.records("fire_drill")[-1].body
    assert body["performance_policy_hash"].startswith("sha256:")
    assert "roc_auc of version 1 is 0." in body["drills"][0]["reason"]
    assert body["drills"][0]["effect"] > 1


def test_a_loose_monitoring_policy_need_not_ring(lab: Lab) -> None:
    """What the policy allows is too small a shift to try the alarm with."""
    (lab.root / "watched.yaml").write_text(PERFORMANCE % "0.9")

    result = run(lab, shifts=["label_flip"], size="0.05", performance_policy="watched.yaml")

    (drill,) = result["drills"]  # type: ignore[misc]
    assert not drill["rang"]
    assert result["verdict"]["outcome"] == "INCONCLUSIVE"  # type: ignore[index]
