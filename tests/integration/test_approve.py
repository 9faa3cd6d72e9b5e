"""Asking a human: what is asked, who may answer, what the answer moves."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pendulum
import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped

from airflow_provider_mlops.operators.approve import ModelApprovalOperator
from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.approval import UNDECIDED
from tests.support.lab import Lab

REFUSED = "schema: 1\nname: strict\nrules: [{name: auc, kind: minimum, metric: roc_auc, value: 0.999}]\n"


@pytest.fixture
def undecided(make_lab: MakeLab) -> Lab:
    """A candidate that the gate could not decide on."""
    return judged(make_lab("evaluated"), UNDECIDED)


def judged(lab: Lab, policy: str) -> Lab:
    """Judge the evaluated candidate by a policy."""
    (lab.root / "policy.yaml").write_text(policy)
    lab.facts["gate"] = lab.run("gate", evaluation_id=lab.facts["evaluate"]["evaluation_id"])
    return lab


def asked(lab: Lab, **arguments: Any) -> ModelApprovalOperator:
    """Make the operator that asks, with a step after it."""
    with DAG("approve", schedule=None):
        task = ModelApprovalOperator(
            task_id="approve", model_name=lab.model, gate_record=lab.facts["gate"]["record"], **arguments
        )
        task >> EmptyOperator(task_id="promote")
    return task


def context(lab: Lab, task: Any, *, starter: str | None = None, **run: Any) -> dict[str, Any]:
    """Build a context, of a run that somebody started."""
    found = fake_context(task, lab.root, **{"run_type": "manual", "dag_id": "approve", **run})
    found["dag_run"].triggering_user_name = starter
    found["ti"].id = "0"
    found["task_instance"] = found["ti"]
    return found


def answer(option: str = "Approve", user: str | None = "ada", reason: str = "Looked at it.") -> dict[str, Any]:
    """Return what Airflow resumes the task with."""
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason},
        "responded_at": datetime(2020, 4, 1, tzinfo=UTC),
        "responded_by_user": {"id": user, "name": user} if user else None,
    }


def complete(lab: Lab, event: dict[str, Any], *, starter: str | None = None, **arguments: Any) -> Any:
    """Resume the task with an answer; a skip of what follows ends it."""
    task = asked(lab, **arguments)
    return task.execute_complete(context(lab, task, starter=starter), event)


def test_the_question_shows_the_verdict_and_waits(undecided: Lab) -> None:
    """Headline with model, version and outcome; the rule that could not decide; nobody approves by default."""
    task = asked(undecided, response_timeout=pendulum.duration(days=2))
    with (
        patch("airflow.providers.standard.operators.hitl.upsert_hitl_detail") as request,
        pytest.raises(BaseException) as waiting,
    ):
        task.execute(context(undecided, task))

    assert type(waiting.value).__name__ in {"TaskAwaitingInput", "TaskDeferred"}
    question = request.call_args.kwargs
    assert question["subject"] == "late_events: promote version 1? The gate says INCONCLUSIVE"
    assert "fewer than the minimum 1,000,000" in question["body"]
    assert undecided.facts["gate"]["record"] in question["body"]
    assert question["defaults"] == [ApprovalOperator.REJECT]
    assert (type(task.response_timeout), round(task.response_timeout.total_seconds() / 3600)) == (timedelta, 48)


def test_an_approval_is_a_record_and_lets_the_version_be_promoted(undecided: Lab) -> None:
    """Who, when and why stand in the ledger; the promotion is marked."""
    result = complete(undecided, answer(), starter="grace")
    undecided.run("promote", gate_record=undecided.facts["gate"]["record"])

    (record,) = undecided.records("approval")
    assert result == {
        "model_name": "late_events",
        "version": "1",
        "decision": "approved",
        "approver": "ada",
        "reason": "Looked at it.",
        "record": record.hash,
    }
    assert record.body["gate_record_hash"] == undecided.facts["gate"]["record"]
    assert undecided.aliases()["champion"] == "1"
    assert undecided.records("promotion")[-1].body["verdict"]["marks"] == ["approved_by_human"]


def test_without_an_approval_an_undecided_candidate_is_not_promoted(undecided: Lab) -> None:
    """The gate's INCONCLUSIVE alone moves nothing."""
    with pytest.raises(AirflowSkipException, match="only PASS is promoted"):
        undecided.run("promote", gate_record=undecided.facts["gate"]["record"])

    assert "champion" not in undecided.aliases()


def test_a_rejection_skips_what_follows_and_stands_against_a_later_promotion(undecided: Lab) -> None:
    """Also when nobody answered in time: Airflow then rejects in nobody's name."""
    with pytest.raises(BaseException) as skipped:
        complete(undecided, answer("Reject", user=None, reason=""))
    assert type(skipped.value).__name__ == "DownstreamTasksSkipped"

    assert undecided.records("approval")[-1].outcome == "FAIL"
    with pytest.raises(AirflowSkipException, match="Nobody rejected version 1"):
        undecided.run("promote", gate_record=undecided.facts["gate"]["record"])


@pytest.mark.parametrize(
    ("user", "starter", "message"),
    [("grace", "grace", "grace started this run and may not approve it"), (None, None, "Nobody is named")],
)
def test_who_may_not_approve(undecided: Lab, user: str | None, starter: str | None, message: str) -> None:
    """Not who started the run, and not nobody; nothing is recorded, so that another one can answer."""
    with pytest.raises(AirflowFailException, match=message):
        complete(undecided, answer(user=user), starter=starter)

    assert undecided.records("approval") == []


def test_four_eyes_can_be_switched_off(undecided: Lab) -> None:
    """For a team of one."""
    assert complete(undecided, answer(user="grace"), starter="grace", four_eyes=False)["approver"] == "grace"


def test_a_verdict_is_answered_once(undecided: Lab) -> None:
    """A retry finds the answer and asks nobody; of two answers the first counts."""
    complete(undecided, answer())
    task = asked(undecided)

    assert task.execute(context(undecided, task))["decision"] == "approved"
    assert complete(undecided, answer(user="bob"))["approver"] == "ada"
    assert len(undecided.records("approval")) == 1


def test_a_fail_is_not_for_approval(make_lab: MakeLab) -> None:
    """The gate decided."""
    lab = judged(make_lab("evaluated"), REFUSED)
    task = asked(lab)

    with pytest.raises(AirflowFailException, match="The gate said FAIL: not for approval"):
        task.execute(context(lab, task))


@pytest.mark.parametrize(("run_type", "conf"), [("backfill", {}), ("manual", {"mode": "dry_run"})])
def test_nobody_is_asked_when_nothing_may_move(undecided: Lab, run_type: str, conf: dict[str, str]) -> None:
    """An audit and a dry run go on without an answer."""
    task = asked(undecided)

    result = task.execute(context(undecided, task, run_type=run_type, conf=conf))

    assert (result["decision"], result["record"]) == (None, None)
    assert undecided.records("approval") == []


def test_an_audit_goes_by_the_recorded_answer(undecided: Lab) -> None:
    """Yes or no, it is the answer to the verdict that the audit's own is compared with."""
    with pytest.raises(DownstreamTasksSkipped):
        complete(undecided, answer("Reject", "ada", "Not yet."))
    audit = {"run_type": "backfill", "run_id": "audit"}
    again = undecided.run("gate", evaluation_id=undecided.facts["evaluate"]["evaluation_id"], **audit)
    assert again["record"] != undecided.facts["gate"]["record"]
    undecided.facts["gate"] = again
    task = asked(undecided)

    told = context(undecided, task, **audit)
    with pytest.raises(DownstreamTasksSkipped):
        task.execute(told)

    result = told["ti"].xcoms["return_value"]
    assert (result["decision"], result["approver"], result["reason"]) == ("rejected", "ada", "Not yet.")
    assert len(undecided.records("approval")) == 1


def test_an_unknown_verdict_is_final(undecided: Lab) -> None:
    """A wrong hash is not asked about."""
    undecided.facts["gate"]["record"] = "sha256:0"
    task = asked(undecided)

    with pytest.raises(AirflowFailException, match="holds no gate record 'sha256:0'"):
        task.execute(context(undecided, task))


@pytest.mark.parametrize("name", ["defaults", "options", "multiple", "fail_on_reject"])
def test_what_would_weaken_an_approval_is_fixed(name: str) -> None:
    """An approval by default would be a silent pass."""
    with pytest.raises(ValueError, match=f"{name} of ModelApprovalOperator is fixed"):
        ModelApprovalOperator(task_id="approve", model_name="m", gate_record="r", **{name: "Approve"})
