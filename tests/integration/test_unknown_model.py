"""A misspelt model is bad input to whoever watches it: silence about a model that is not there looks like health."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tests.conftest import MakeLab

WRONG = "late_event"
SAYS = r"Model 'late_event' has no record in .*; it has: late_events\. Did you mean late_events\?"
TRIGGERS = "schema: 1\nname: events\ntriggers: {drift: {}, schedule: {days: 30}}\n"


@pytest.mark.parametrize("run", [{}, {"run_type": "backfill"}, {"conf": {"mode": "dry_run"}}], ids=str)
@pytest.mark.parametrize("step", ["drift", "profile", "performance"])
def test_who_judges_it_fails_for_good(make_lab: MakeLab, step: str, run: dict[str, Any]) -> None:
    """In every mode, naming the model that was meant, and without a record of its own."""
    lab = make_lab("promoted")
    with pytest.raises(AirflowFailException, match=SAYS):
        lab.run(step, partition_key="2020-03", model_name=WRONG, **run)

    assert lab.records("drift", f"model/{WRONG}") == []


@pytest.mark.parametrize("step", ["decide", "claim", "breach"])
def test_who_answers_its_verdicts_fails_for_good(make_lab: MakeLab, step: str) -> None:
    """Nothing waits for an answer in a ledger that is not there: the task is not skipped as if all were well."""
    with pytest.raises(AirflowFailException, match=SAYS):
        make_lab("promoted").run(step, partition_key="2020-03", model_name=WRONG)


@pytest.mark.parametrize("run", [{}, {"run_type": "backfill"}, {"conf": {"mode": "dry_run"}}], ids=str)
@pytest.mark.parametrize(
    ("step", "arguments"),
    [("score", {"partition_key": "2020-03"}), ("rollback", {}), ("retire", {"version": "1"})],
)
def test_who_uses_its_versions_fails_for_good(
    make_lab: MakeLab, step: str, arguments: dict[str, Any], run: dict[str, Any]
) -> None:
    """In every mode; an audit of its scores is not skipped as if there were nothing to compare."""
    with pytest.raises(AirflowFailException, match=SAYS):
        make_lab("promoted").run(step, model_name=WRONG, **arguments, **run)


def test_who_reconciles_it_fails_for_good(make_lab: MakeLab) -> None:
    """A model that is in neither ledger nor registry would differ in nothing, for ever."""
    with pytest.raises(AirflowFailException, match=SAYS):
        make_lab("promoted").run("reconcile", model_name=WRONG)


def test_a_schedule_may_call_for_the_first_training(make_lab: MakeLab) -> None:
    """Where time or new data call for a training, the model may have no record yet."""
    lab = make_lab("accepted")
    (lab.root / "retrain.yaml").write_text(TRIGGERS)

    assert lab.run("decide", partition_key="2020-03")["triggers"] == ["schedule"]


def test_a_known_model_without_a_champion_is_no_error(make_lab: MakeLab) -> None:
    """It was trained, and nothing serves yet: there is nothing to compare with, and nothing to answer."""
    lab = make_lab("trained")
    found = lab.run("drift", partition_key="2020-03")

    assert (found["verdict"]["outcome"], found["champion_version"]) == ("INCONCLUSIVE", None)
    with pytest.raises(AirflowSkipException, match="It cannot be said whether a retraining is called for"):
        lab.run("decide", partition_key="2020-03")
