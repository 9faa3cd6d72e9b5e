"""Asking a human about a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk import exceptions as airflow_exceptions
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_mlops.core import waiting
from airflow_provider_mlops.core.alias_moves import CHAMPION
from airflow_provider_mlops.core.approval import APPROVED, REJECTED, VOID, approval_of, recorded_answer
from airflow_provider_mlops.core.approval_policy import demand_of
from airflow_provider_mlops.core.approval_records import (
    answer_result,
    approvers_of,
    described,
    end_of,
    record_answer,
    request_body,
)
from airflow_provider_mlops.core.approvers import check_four_eyes, check_member
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.evaluation import names_of
from airflow_provider_mlops.core.evidence import gate_by_hash
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.promotion_evidence import check_pinned
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.approvers import allowed_approvers
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.telling import call_once
from airflow_provider_mlops.operators.base import final_errors
from airflow_provider_mlops.operators.context import bundle_file, policy_hash, run_facts

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context

# By which Airflow parks a task that waits for a human: a deferral on 3.2, a state of its own on 3.3.
_WAITING = (TaskDeferred, getattr(airflow_exceptions, "TaskAwaitingInput", TaskDeferred))
# An approval by default would be a silent pass.
_FIXED = ("options", "multiple", "defaults", "fail_on_reject")


class ModelApprovalOperator(ApprovalOperator):
    """Ask a human whether a candidate may be promoted; the answer, its author and the reason are a record.

    Who is asked about what, the policy's section ``approval`` says: without it, about what the gate could not decide.
    A verdict that needs no human passes at once, a FAIL is not for approval. The question shows the verdict, the
    comparison and the figures. No answer in time counts as a rejection. Refused is an answer by nobody, by somebody
    outside the groups, and an approval by who started one of the runs or wrote the change. An answer is void when the
    champion has changed, the version was judged again, or a training snapshot lost its PASS. A verdict is answered
    once: a retry finds the answer, an audit too, which like a dry run asks nobody. A no skips the steps after this.

    :param model_name: name of the registered model. (templated)
    :param gate_record: hash of the gate's record, as `GateModelOperator` returns it under ``record``. (templated)
    :param policy: policy file, relative to the Dag bundle's root or absolute, by which the verdict must have been
        given; default: any. (templated)
    :param alias: alias that the promotion is to move: an answer is void when it has moved meanwhile.
    :param groups: groups of approvers, of which one member must answer, where the policy names none. (templated)
    :param approvers: YAML file with the members of each group, relative to the Dag bundle's root or absolute; default:
        option ``[mlops] approver_groups``. (templated)
    :param four_eyes: whether who has a part is refused as the approver, where the policy does not say.
    :param remind_after: how long after the question the reminders are sent.
    :param escalate_after: how long after the question the escalations are sent.
    :param reminders: notifiers that remind.
    :param escalations: notifiers that call for somebody else. All notifiers see the message as ``news``; each is
        claimed in the ledger before it is called, so that no retry calls it twice.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)
    :param kwargs: further arguments of `ApprovalOperator`: ``subject`` and ``body`` (templated; default: as described),
        ``response_timeout`` (the policy's ``timeout_hours`` goes before it), ``assigned_users`` (where there are no
        groups), ``notifiers`` (called when the question is asked).

    Returns ``{"model_name", "version", "decision", "approver", "reason", "record"}``.
    """

    template_fields: Sequence[str] = (
        "subject",
        "body",
        "model_name",
        "gate_record",
        "policy",
        "groups",
        "approvers",
        "mlflow_conn_id",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#f9e79f"

    def __init__(
        self,
        *,
        model_name: str,
        gate_record: str,
        policy: str | None = None,
        alias: str = CHAMPION,
        groups: str | Sequence[str] | None = None,
        approvers: str | None = None,
        four_eyes: bool = True,
        remind_after: timedelta | None = None,
        escalate_after: timedelta | None = None,
        reminders: Sequence[BaseNotifier] = (),
        escalations: Sequence[BaseNotifier] = (),
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        for name in _FIXED:
            if name in kwargs:
                raise ValueError(f"{name} of ModelApprovalOperator is fixed: remove it.")
        # Airflow hands over the Dag's params too; the form asks for the reason alone.
        super().__init__(**{"subject": "", **kwargs, "params": {"reason": Param("", type="string")}})
        self.defaults = [self.REJECT]
        self.model_name = model_name
        self.gate_record = gate_record
        self.policy = policy
        self.alias = alias
        self.groups = groups
        self.approvers = approvers
        self.four_eyes = four_eyes
        self.remind_after = remind_after
        self.escalate_after = escalate_after
        self.reminders = reminders
        self.escalations = escalations
        self.mlflow_conn_id = mlflow_conn_id
        self.ledger_root = ledger_root

    def execute(self, context: Context) -> Any:
        """Ask, or find the answer that was given before.

        :param context: Airflow's context.
        :return: the answer; a live run without one waits for it.
        :raises AirflowFailException: when there is no such verdict, or none that a human could answer.
        """
        with final_errors():
            return self._ask_unless_answered(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer, and hold back what follows unless it is a yes; or remind, and wait on.

        :param context: Airflow's context.
        :param event: the answer, or the name of the moment that has come.
        :return: the answer, as small JSON.
        :raises AirflowFailException: when who answered is not allowed to.
        """
        if "error" in event:
            self.process_trigger_event_error(event)
        with final_errors():
            return self._remind(context, event["wake"]) if "wake" in event else self._take(context, event)

    def _ask_unless_answered(self, context: Context) -> Any:
        run, ledger = run_facts(context), model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        gate = gate_by_hash(records, self.model_name, self.gate_record)
        if run.mode is not Mode.LIVE:
            self.log.info("This run is in %s mode: nobody is asked.", run.mode.value)
            answer = recorded_answer(records, gate)
            return self._finish(context, gate, answer) if answer else answer_result(self.model_name, gate, None)
        if (answer := approval_of(records, gate.hash)) is not None:
            return self._finish(context, gate, answer)
        from airflow_provider_mlops.hooks.approval import need_of, question_of, void_now

        check_pinned(gate, policy_hash(context, self.policy))
        hook = MlflowHook(self.mlflow_conn_id)
        need = need_of(gate, self.model_name, hook)
        self.log.info("%s", need.reason)
        if not need.human:
            return answer_result(self.model_name, gate, None)
        request = self._request(context, ledger, gate, run)
        left = waiting.left_until(end_of(request))
        if left is not None and left <= timedelta(0):
            self.log.info("The time for an answer has ended.")
            return self._finish(context, gate, record_answer(ledger, gate, request, run, decision=REJECTED))
        if void := void_now(records, gate, self.model_name, hook, self.ledger_root, self.alias):
            self.log.warning("An approval would be void. %s", void)
        question = question_of(records, gate, request, need.reason, void, self.model_name, hook)
        self.subject, self.body = self.subject or question.subject, self.body or question.body
        if (allowed := approvers_of(request)) is not None:
            self.assigned_users = [{"id": approver.id, "name": approver.name} for approver in allowed]
        self.response_timeout = left
        return self._ask(context, ledger, request, run)

    def _request(self, context: Context, ledger: Ledger, gate: Record, run: RunFacts) -> Record:
        """Record once in a run who is asked and for how long, so that a retry neither forgets nor prolongs it."""
        key = sha256_of({"step": "ask", "gate": gate.hash, "run": f"{run.dag_id}/{run.run_id}"})
        if (found := ledger.find(kind="approval_request", key=key, mode=run.mode)) is not None:
            return found
        demand = demand_of(gate.body)
        timeout = timedelta(hours=demand.timeout_hours) if demand and demand.timeout_hours else self.response_timeout
        waiting.check_moments(timeout, self._after())
        groups = demand.groups if demand and demand.groups else names_of(self.groups, "groups")
        file = bundle_file(context, self.approvers) if self.approvers else None
        body = request_body(
            gate,
            groups=groups,
            approvers=allowed_approvers(groups, file, self.assigned_users),
            four_eyes=demand.four_eyes if demand else self.four_eyes,
            timeout=timeout,
        )
        return ledger.append(kind="approval_request", key=key, body=body, run=run.to_record(), mode=run.mode)

    def _after(self) -> dict[str, timedelta | None]:
        return waiting.read_moments(
            reminder=(self.reminders, self.remind_after), escalation=(self.escalations, self.escalate_after)
        )

    def _ask(self, context: Context, ledger: Ledger, request: Record, run: RunFacts) -> Any:
        """Let Airflow ask and wait; where somebody is to be reminded, by a trigger that wakes this task."""
        # Airflow calls the notifiers at each try, once it has the question; so each is called by the first that can.
        once = partial(call_once, run=run, ledger=ledger, record=request, notifiers=self.notifiers, retry=True)
        self.notifiers = [cast("BaseNotifier", once)]
        if not waiting.moments_after(request.time, self._after(), None):
            return super().execute(context)
        try:
            super().execute(context)
        except _WAITING:
            self._wait(context, request, None)

    def _wait(self, context: Context, request: Record, last: str | None) -> None:
        from airflow_provider_mlops.triggers.approval import ApprovalTrigger

        end = end_of(request)
        trigger = ApprovalTrigger(
            ti_id=str(context["ti"].id),
            options=self.options,
            defaults=[self.REJECT],
            params=self.serialized_params,
            end=None if end is None else end.isoformat(),
            wake_at=waiting.moments_after(request.time, self._after(), last),
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def _remind(self, context: Context, moment: str) -> None:
        """Call the notifiers of a moment, then wait on; one that fails is logged, and the question stands."""
        run, ledger = run_facts(context), model_ledger(self.model_name, self.ledger_root)
        request = self._request(context, ledger, gate_by_hash(ledger.records(), self.model_name, self.gate_record), run)
        self.log.info("Nobody has answered yet: %s.", moment)
        notifiers = self.escalations if moment == waiting.ESCALATION else self.reminders
        for failure in call_once(context, run, ledger, request, notifiers, moment=moment):
            self.log.warning("The %s is not complete: %s", moment, failure)
        self._wait(context, request, moment)

    def _take(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Check who answered, and that the question still stands, then record the answer."""
        from airflow_provider_mlops.hooks.approval import involved_in, void_now

        self.validate_chosen_options(event["chosen_options"])
        approved, user = event["chosen_options"] == [self.APPROVE], event.get("responded_by_user") or {}
        run, ledger = run_facts(context), model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        gate = gate_by_hash(records, self.model_name, self.gate_record)
        if (answered := approval_of(records, gate.hash)) is not None:
            return self._finish(context, gate, answered)
        check_pinned(gate, policy_hash(context, self.policy))
        request = self._request(context, ledger, gate, run)
        allowed, void = approvers_of(request), None
        if user:
            check_member(user, allowed)
        if approved:
            four_eyes = request.body["four_eyes"]
            involved = involved_in(records, gate, self.model_name, run.triggered_by) if four_eyes else {}
            check_four_eyes(user, involved, allowed or ())
            hook = MlflowHook(self.mlflow_conn_id)
            void = void_now(records, gate, self.model_name, hook, self.ledger_root, self.alias)
        answer = record_answer(
            ledger,
            gate,
            request,
            run,
            decision=REJECTED if not approved else APPROVED if void is None else VOID,
            void_because=void,
            user=user,
            responded_at=event.get("responded_at"),
            reason=(event.get("params_input") or {}).get("reason"),
        )
        return self._finish(context, gate, answer)

    def _finish(self, context: Context, gate: Record, answer: Record) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.approval import keep_answer

        if gate.mode == Mode.LIVE:
            keep_answer(MlflowHook(self.mlflow_conn_id), self.model_name, self.ledger_root)
        result = answer_result(self.model_name, gate, answer)
        self.log.info("The answer: %s.", described(answer.body))
        if answer.outcome != Outcome.PASS and context["task"].downstream_list:
            # Skipping ends the task by an exception, so that the result must be pushed before it.
            context["ti"].xcom_push(key="return_value", value=result)
            self.skip(ti=context["ti"], tasks=context["task"].downstream_list)
        return result
