"""Approval by policy: risk tiers, groups, four eyes, what makes an answer void, reminders."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import TriggerEvent

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.triggers.approval import ApprovalTrigger
from tests.conftest import MakeLab
from tests.integration.test_approve import answer, asked, complete, context, judged
from tests.support.approval import UNDECIDED
from tests.support.lab import POLICY, Lab
from tests.support.runner import ExecutionApi, run_in_task_runner

GROUPS = {"owners": [{"id": "4", "name": "ann", "also": ["ann@example.com"]}, "bob"]}
DEMANDING = POLICY + "approval: {without_human: [low], groups: [owners], timeout_hours: 2}\n"


@pytest.fixture
def passed(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A candidate that the gate passed, under a policy that wants a human unless the risk tier is low."""
    monkeypatch.setenv("AIRFLOW__MLOPS__APPROVER_GROUPS", json.dumps(GROUPS))
    return judged(make_lab("evaluated"), DEMANDING)


def ask(lab: Lab, **arguments: Any) -> dict[str, Any]:
    """Let the operator ask, and return what it asks of Airflow."""
    task = asked(lab, **arguments)
    with (
        patch("airflow.providers.standard.operators.hitl.upsert_hitl_detail") as request,
        pytest.raises(BaseException) as waiting,
    ):
        task.execute(context(lab, task))
    assert type(waiting.value).__name__ in {"TaskAwaitingInput", "TaskDeferred"}, waiting.value
    return {**request.call_args.kwargs, "waiting": waiting.value, "timeout": task.response_timeout}


def tag(lab: Lab, tier: str) -> None:
    """Say the model's risk tier in the registry."""
    lab.client.set_registered_model_tag(lab.model, "risk_tier", tier)


def promote(lab: Lab) -> dict[str, Any]:
    """Promote by the verdict."""
    return lab.run("promote", gate_record=lab.facts["gate"]["record"])


def test_a_pass_of_a_low_tier_needs_nobody(passed: Lab) -> None:
    """The step goes on by itself and leaves no record of a human; the version is promoted."""
    tag(passed, "low")
    task = asked(passed)

    assert task.execute(context(passed, task))["decision"] is None
    assert passed.records("approval") == passed.records("approval_request") == []
    assert promote(passed)["moved"]


@pytest.mark.parametrize("tier", ["high", ""])
def test_a_pass_of_a_high_or_unknown_tier_waits_for_a_member_of_the_group(passed: Lab, tier: str) -> None:
    """Until then nothing is promoted; the answer of a member lets it through, and is marked."""
    tag(passed, tier)
    with pytest.raises(AirflowSkipException, match="Ask for one of this very verdict"):
        promote(passed)
    question = ask(passed)

    assert question["assigned_users"] == [{"id": "4", "name": "ann"}, {"id": "bob", "name": "bob"}]
    assert round(question["timeout"].total_seconds() / 60) == 120
    assert complete(passed, answer(user="bob"))["decision"] == "approved"
    assert promote(passed)["moved"]
    assert passed.records("promotion")[-1].body["verdict"]["marks"] == ["approved_by_human"]


def test_the_question_compares_and_escapes(passed: Lab) -> None:
    """Metrics with intervals as a table, the rules drawn against their bounds, who may answer, until when."""
    body = ask(passed)["body"]

    assert "| Metric | Candidate |" in body
    assert "roc\\_auc" in body
    assert "| **PASS** | auc\\_minimum |" in body
    assert any(line.startswith("auc_minimum") and "o" in line and "|" in line for line in body.splitlines())
    assert "ann, bob (owners)" in body
    assert "No answer is a rejection after" in body


@pytest.mark.parametrize(("user", "option"), [("eve", "Approve"), ("ann", "Approve"), ("eve", "Reject")])
def test_an_outsider_is_refused_although_the_auth_manager_let_the_answer_through(
    passed: Lab, user: str, option: str
) -> None:
    """Her name does not help, only the id counts; her no is no answer either. Nothing is recorded."""
    with pytest.raises(AirflowFailException, match="may not answer, only: ann, bob"):
        complete(passed, answer(option, user=user))

    assert passed.records("approval") == []


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"change": {"commit": "c", "author": "Bob", "email": "b@example.com"}}, "wrote the change"),
        ({"change": {"commit": "c", "author": "B", "email": "BOB"}}, "wrote the change"),
    ],
)
def test_who_wrote_the_change_may_not_approve_it(passed: Lab, part: dict[str, Any], words: str) -> None:
    """By the author of the newest commit to the training's code, where Git knows it."""
    with _training_with(passed, part), pytest.raises(AirflowFailException, match=f"bob {words}"):
        complete(passed, answer(user="bob"))


def test_who_started_the_training_may_not_approve_it(passed: Lab) -> None:
    """Also when another one started the run that asks."""
    with _training_with(passed, {}, {"triggered_by": "bob"}):
        with pytest.raises(AirflowFailException, match="bob started the run that trained it"):
            complete(passed, answer(user="bob"))
        # A no is always taken.
        with pytest.raises(BaseException) as skipped:
            complete(passed, answer("Reject", user="bob"))
    assert type(skipped.value).__name__ == "DownstreamTasksSkipped"


def _training_with(lab: Lab, body: dict[str, Any], run: dict[str, Any] | None = None) -> Any:
    """Let the training's record hold something else, without forging the ledger."""
    real = Ledger.records

    def records(self: Ledger, *kinds: str) -> Any:
        found = real(self, *kinds)
        for record in found:
            if record.kind == "training":
                record.body.update(body)
                record.run.update(run or {})
        return found

    return patch.object(Ledger, "records", records)


def test_an_answer_is_void_when_the_champion_has_changed(passed: Lab) -> None:
    """It is recorded with its author and comment, moves nothing, and is the last word on this verdict."""
    ask(passed)
    source = str(passed.client.get_model_version(passed.model, "1").source)
    other = passed.client.create_model_version(passed.model, source, await_creation_for=0)
    passed.client.set_registered_model_alias(passed.model, "champion", other.version)
    with pytest.raises(BaseException) as skipped:
        complete(passed, answer(user="bob"))

    assert type(skipped.value).__name__ == "DownstreamTasksSkipped"
    (record,) = passed.records("approval")
    assert (record.outcome, record.body["decision"], record.body["approver"]) == ("FAIL", "void", "bob")
    assert "The champion is version 2 now" in record.body["void_because"]
    with pytest.raises(AirflowSkipException, match="is void"):
        promote(passed)


def test_an_answer_is_void_when_the_alias_in_question_has_moved(passed: Lab) -> None:
    """Not another one: whom the champion's alias is on says nothing about another alias, and the other way round."""
    source = str(passed.client.get_model_version(passed.model, "1").source)
    other = passed.client.create_model_version(passed.model, source, await_creation_for=0).version
    passed.client.set_registered_model_alias(passed.model, "champion", other)
    assert "would be void" not in ask(passed, alias="canary")["body"]
    assert "The champion is version 2 now" in ask(passed)["body"]

    passed.client.set_registered_model_alias(passed.model, "canary", other)
    passed.client.delete_registered_model_alias(passed.model, "champion")
    with pytest.raises(BaseException) as skipped:
        complete(passed, answer(user="bob"), alias="canary")
    assert type(skipped.value).__name__ == "DownstreamTasksSkipped"
    assert "The canary is version 2 now" in passed.records("approval")[0].body["void_because"]


def test_an_answer_is_void_when_the_version_was_judged_again(passed: Lab) -> None:
    """The question was about other evidence."""
    ask(passed)
    first = passed.facts["gate"]["record"]
    judged(passed, DEMANDING.replace("0.6}", "0.61}"))
    passed.facts["gate"]["record"] = first
    with pytest.raises(BaseException) as skipped:
        complete(passed, answer(user="bob"))

    assert type(skipped.value).__name__ == "DownstreamTasksSkipped"
    assert "judged again since" in passed.records("approval")[0].body["void_because"]


def test_the_question_says_when_an_approval_would_be_void(passed: Lab) -> None:
    """A snapshot lost its PASS after the training: whoever is asked can only say no."""
    snapshot_id = passed.facts["snapshots"]["2020-01"]
    with pytest.raises(AirflowFailException, match="is not accepted"):
        passed.run("validate", partition_key="2020-01", snapshot_id=snapshot_id, suite=_strict(passed))

    assert "**An approval would be void.** The training snapshot" in ask(passed)["body"]


def _strict(lab: Lab) -> str:
    text = (lab.root / "suite.yaml").read_text().replace("min_value: -9, max_value: 9", "min_value: 5, max_value: 6")
    (lab.root / "strict.yaml").write_text(text)
    return "strict.yaml"


def test_a_retry_keeps_the_question_and_its_end(passed: Lab) -> None:
    """What was asked is recorded once in a run; when its time is over, the retry records the rejection."""
    ask(passed)
    first = ask(passed)["timeout"]
    (request,) = passed.records("approval_request")
    assert first <= timedelta(hours=2)
    assert request.body["groups"] == ["owners"]

    task = asked(passed)
    with (
        patch("airflow_provider_mlops.core.waiting.left_until", return_value=timedelta(0)),
        pytest.raises(BaseException) as skipped,
    ):
        task.execute(context(passed, task))
    assert type(skipped.value).__name__ == "DownstreamTasksSkipped"
    (record,) = passed.records("approval")
    assert (record.body["decision"], record.body["approver"]) == ("rejected", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"groups": ["owner"]}, "no group 'owner'.*Did you mean owners"),
        ({"remind_after": timedelta(hours=1)}, "The reminder needs both"),
        ({"remind_after": timedelta(hours=9), "reminders": [BaseNotifier()]}, "below the timeout of 1:00:00"),
        ({"approvers": "nobody.yaml", "groups": ["owners"]}, "'nobody.yaml' is not in the Dag bundle"),
    ],
)
def test_a_question_that_nobody_could_answer_in_time_is_not_asked(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], words: str
) -> None:
    """Before anybody waits."""
    monkeypatch.setenv("AIRFLOW__MLOPS__APPROVER_GROUPS", json.dumps(GROUPS))
    lab = judged(make_lab("evaluated"), UNDECIDED)
    task = asked(lab, **{"response_timeout": timedelta(hours=1), **arguments})
    with pytest.raises(AirflowFailException, match=words):
        task.execute(context(lab, task))

    assert lab.records("approval_request") == []


class Kept(BaseNotifier):
    """Keeps what it was called with."""

    called: list[tuple[str, str]] = []  # noqa: RUF012 - one list for all of them

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def notify(self, context: Any) -> None:
        """Keep the moment; the second name breaks."""
        if self.name == "broken":
            raise OSError("no network")
        self.called.append((self.name, context["mlops_moment"]))


def test_reminders_and_escalations_come_before_the_end_and_the_question_stands(passed: Lab) -> None:
    """A trigger wakes the task at each moment; one that fails does not lose the question."""
    arguments: dict[str, Any] = {
        "remind_after": timedelta(minutes=30),
        "escalate_after": timedelta(minutes=60),
        "reminders": [Kept("broken"), Kept("mail")],
        "escalations": [Kept("pager")],
    }
    waiting = ask(passed, **arguments)["waiting"]
    assert isinstance(waiting, TaskDeferred)
    assert isinstance(waiting.trigger, ApprovalTrigger)
    assert list(waiting.trigger.wake_at) == ["reminder", "escalation"]

    for moment, left in (("reminder", ["escalation"]), ("escalation", [])):
        task = asked(passed, **arguments)
        with pytest.raises(TaskDeferred) as waits:
            task.execute_complete(context(passed, task), {"wake": moment})
        assert isinstance(waits.value.trigger, ApprovalTrigger)
        assert list(waits.value.trigger.wake_at) == left
    assert Kept.called == [("mail", "reminder"), ("pager", "escalation")]
    assert complete(passed, answer(user="bob"), **arguments)["decision"] == "approved"


@pytest.mark.parametrize("remind", [False, True])
def test_airflow_is_asked_and_waits(passed: Lab, remind: bool) -> None:
    """Through Airflow's task runner: the question and its users; with reminders a trigger that is plain JSON."""
    arguments = {"remind_after": timedelta(minutes=30), "reminders": [Kept("mail")]} if remind else {}
    api = ExecutionApi(run_type="manual")
    state, error = run_in_task_runner(asked(passed, **arguments), api)

    assert error is None
    assert state in ({"deferred"} if remind else {"awaiting_input", "deferred"})
    assert [user["id"] for user in api.asked["assigned_users"]] == ["4", "bob"]
    assert api.asked["defaults"] == ["Reject"]
    if remind:
        assert api.ended["classpath"] == "airflow_provider_mlops.triggers.approval.ApprovalTrigger"
        assert api.ended["next_method"] == "execute_complete"
        assert "reminder" in json.dumps(api.ended["trigger_kwargs"])


FORM: dict[str, Any] = {
    "ti_id": "00000000-0000-0000-0000-000000000000",
    "options": ["Approve", "Reject"],
    "defaults": ["Reject"],
    "params": {"reason": {"value": "", "description": None, "schema": {"type": "string"}}},
    "end": "2999-01-02T00:00:00+00:00",
}


def test_the_trigger_is_made_again_from_what_it_serialises_and_wakes_at_the_moment() -> None:
    """Also after the triggerer was down: a moment that was missed comes at once."""
    wake_at = {"escalation": "2020-01-02T00:00:00+00:00", "reminder": "2020-01-01T00:00:00+00:00"}
    trigger = ApprovalTrigger(**ApprovalTrigger(**FORM, wake_at=wake_at).serialize()[1])

    assert asyncio.run(anext(trigger.run())) == TriggerEvent({"wake": "reminder"})


@pytest.mark.parametrize("wake_at", [{}, {"reminder": "2999-01-01T00:00:00+00:00"}])
def test_the_trigger_hands_on_the_answer(wake_at: dict[str, str]) -> None:
    """As Airflow's own trigger gives it."""
    trigger = ApprovalTrigger(**FORM, wake_at=wake_at)
    event = TriggerEvent({"chosen_options": ["Approve"]})

    async def respond(self: Any) -> TriggerEvent:
        return event

    with patch.object(HITLTrigger, "_handle_response", respond):
        assert asyncio.run(anext(trigger.run())) is event
