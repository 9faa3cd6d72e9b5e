"""A step that runs again on the same inputs finds its earlier result: nothing is there twice."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.conftest import MakeLab
from tests.support.lab import DATASET, SYNTHETIC
from tests.support.steps import STEPS as WORKING
from tests.support.steps import TELLING, arguments_of

STEPS = {**WORKING, **TELLING}
# What these return is what they found to do, which is nothing the second time.
REPAIRS = ("reconcile", "notify")
# A claim, a decision, a rollback, a question and what an alias named belong to the run that asks.
OF_THEIR_RUN = ("claim", "decide", "breach", "rollback", "ask", "remind", "learn_on")
LATER = {"run_id": "manual__later", "run_type": "manual"}


@pytest.mark.parametrize("step", sorted(set(STEPS) - {*REPAIRS}))
def test_second_try_finds_the_first(make_lab: MakeLab, step: str) -> None:
    """The retry of a task returns the same ids and leaves storage, MLflow and ledger as they were."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    first = lab.run(step, **arguments)
    before = lab.census()

    assert lab.run(step, **arguments) == first
    assert lab.census() == before


@pytest.mark.parametrize("step", sorted(set(STEPS) - {*REPAIRS, *OF_THEIR_RUN}))
def test_another_run_finds_the_first(make_lab: MakeLab, step: str) -> None:
    """A later live run on the same inputs decides nothing anew: keys are content, not runs."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    first = lab.run(step, **arguments)
    before = lab.census()

    assert lab.run(step, **LATER, **arguments) == first
    assert lab.census() == before


@pytest.mark.parametrize("again", [{}, LATER], ids=["try", "run"])
@pytest.mark.parametrize("step", REPAIRS)
def test_what_is_done_is_not_done_again(make_lab: MakeLab, step: str, again: dict[str, Any]) -> None:
    """Neither a retry nor a later run finds anything to do."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    lab.run(step, **arguments)
    before = lab.census()

    lab.run(step, **again, **arguments)
    assert lab.census() == before


def test_a_later_run_rolls_back_on_its_own_account(make_lab: MakeLab) -> None:
    """It is asked anew, and there is nothing further back."""
    lab = make_lab("replaced")
    lab.run("rollback")
    before = lab.census()
    with pytest.raises(AirflowFailException, match="there is nothing to roll back to"):
        lab.run("rollback", **LATER)
    assert lab.census() == before


def test_a_verdict_is_answered_once(make_lab: MakeLab) -> None:
    """Another run asks once more, and gets the answer that there is."""
    lab = make_lab("evaluated")
    arguments = arguments_of("answer", lab)
    first = lab.run("answer", **arguments)

    assert lab.run("answer", **LATER, **arguments) == first
    assert len(lab.records("approval")) == 1


def test_drift_is_claimed_once(make_lab: MakeLab) -> None:
    """A second run finds no drift that waits and is skipped."""
    from airflow.sdk.exceptions import AirflowSkipException

    lab = make_lab("alarmed")
    claimed = lab.run("claim", partition_key="2020-04", run_id="first")

    with pytest.raises(AirflowSkipException, match=r"drift"):
        lab.run("claim", partition_key="2020-04", run_id="second")
    assert claimed["drift_records"] == [lab.facts["drift"]["record"]]
    assert len(lab.records("retrain_claim")) == 1


def test_changed_rows_make_another_snapshot(make_lab: MakeLab) -> None:
    """One corrected value gives another snapshot; the old one stays, and going back is recorded too."""
    lab = make_lab("empty")
    first = lab.run("snapshot", partition_key="2020-05")
    second = lab.run("snapshot", partition_key="2020-05", source=f"{SYNTHETIC}:corrected")
    third = lab.run("snapshot", partition_key="2020-05")

    assert second["snapshot_id"] != first["snapshot_id"] == third["snapshot_id"]
    assert len(lab.snapshot_folders()) == 2
    recorded = [record.body["snapshot_id"] for record in lab.records("snapshot", f"dataset/{DATASET}")]
    assert recorded == [first["snapshot_id"], second["snapshot_id"], first["snapshot_id"]]


def test_events_are_emitted_by_each_live_run(make_lab: MakeLab) -> None:
    """Events are delivered at least once: a retry that found its result emits again, with schema, key and mode."""
    lab = make_lab("empty")
    for _ in range(2):
        taken = lab.run("snapshot", partition_key="2020-05")
        facts = {"dataset": DATASET, "snapshot_id": taken["snapshot_id"], "rows": 800}
        assert lab.events == [("events-snapshot", {"schema": 1, "partition_key": None, "mode": "live", **facts})]


def test_parameters_make_another_training(make_lab: MakeLab) -> None:
    """Another parameter is another manifest: a new run and version beside the old ones, the candidate moves."""
    lab = make_lab("registered")
    other = lab.run("train", partition_key="2020-02", train_params={"strength": 0.5})
    registered = lab.run("register", manifest_hash=other["manifest_hash"])

    assert other["manifest_hash"] != lab.facts["train"]["manifest_hash"]
    assert registered["version"] == "2"
    assert lab.census()["aliases"] == {"candidate": "2"}
    assert lab.census()["runs"] == {"FINISHED": 2}


def test_first_partition_has_nothing_to_train_on(make_lab: MakeLab) -> None:
    """The first partition is skipped with an INCONCLUSIVE record, once, and MLflow hears nothing."""
    from airflow.sdk.exceptions import AirflowSkipException

    lab = make_lab("accepted")
    for _ in range(2):
        with pytest.raises(AirflowSkipException, match="no accepted partition before 2020-01: nothing to train on"):
            lab.run("train", partition_key="2020-01")

    assert [record.outcome for record in lab.records("training")] == ["INCONCLUSIVE"]
    assert lab.census()["runs"] == {}


def test_holdout_days_train_on_the_head_of_the_partition(make_lab: MakeLab) -> None:
    """With holdout_days the last days are the test rows and the rest of the partition is trained on."""
    lab = make_lab("accepted")
    trained = lab.run("train", partition_key="2020-03", holdout_days=7, window=1)
    manifest = lab.records("training")[-1].body["manifest"]
    judged = lab.run("evaluate", manifest_hash=trained["manifest_hash"])

    # 800 rows, 50 minutes apart from 1 March: the last is of 28 March, so the cut is midnight of 22 March.
    assert manifest["train"]["until"] == manifest["test"]["since"] == "2020-03-22T00:00:00+00:00"
    assert [item["partition_key"] for item in manifest["train"]["snapshots"]] == ["2020-02", "2020-03"]
    held_out = 800 - 21 * 24 * 60 // 50 - 1
    assert judged["rows"] == pytest.approx(0.9 * held_out, abs=20)
