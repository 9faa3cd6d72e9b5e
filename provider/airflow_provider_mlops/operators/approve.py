"""Asking a human where the gate could not decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.approval import approval_of
from airflow_provider_mlops.core.approval_question import approval_question
from airflow_provider_mlops.core.approvers import check_four_eyes
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, FinalError
from airflow_provider_mlops.core.evidence import gate_by_hash
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.operators.base import run_facts

if TYPE_CHECKING:
    from airflow.sdk import Context


# An approval by default would be a silent pass.
_FIXED = ("options", "multiple", "defaults", "fail_on_reject")


class ModelApprovalOperator(ApprovalOperator):
    """Ask a human whether a candidate may be promoted that the gate could not decide on; the answer is a record.

    The question shows the verdict and is bound to the hash of its record. A FAIL is not for approval. No answer in time
    (``response_timeout``) counts as a rejection, whoever started the run by hand may not approve it, and a verdict is
    answered once: a retry finds the answer. ``audit`` and ``dry_run`` ask nobody. On a rejection the steps directly
    after this one are skipped.

    :param model_name: name of the registered model. (templated)
    :param gate_record: hash of the gate's record, as `GateModelOperator` returns it under ``record``. (templated)
    :param four_eyes: whether the person who started the run by hand is refused as the approver.
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)
    :param kwargs: further arguments of `ApprovalOperator`: ``subject`` and ``body`` (templated; default: model, version
        and verdict, and the reasons of every rule), ``response_timeout``, ``assigned_users``, ``notifiers``.

    Returns ``{"model_name", "version", "decision", "approver", "reason", "record"}``.
    """

    template_fields: Sequence[str] = ("subject", "body", "model_name", "gate_record", "ledger_root")
    ui_color = "#f9e79f"

    def __init__(
        self,
        *,
        model_name: str,
        gate_record: str,
        four_eyes: bool = True,
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
        self.four_eyes = four_eyes
        self.ledger_root = ledger_root

    def execute(self, context: Context) -> Any:
        """Ask, or find the answer that was given before.

        :param context: Airflow's context.
        :return: the answer; a live run without one waits for it.
        :raises AirflowFailException: when there is no such verdict, or it is a FAIL.
        """
        try:
            run = run_facts(context)
            records = model_ledger(self.model_name, self.ledger_root).records()
            gate = gate_by_hash(records, self.model_name, self.gate_record)
            if run.mode is not Mode.LIVE:
                self.log.info("This run is in %s mode: nobody is asked.", run.mode.value)
                return self._result(gate, None)
            if gate.outcome == Outcome.FAIL:
                raise BadInput(f"The gate said FAIL to version {gate.body['candidate_version']}: not for approval.")
            if (answer := approval_of(records, gate.hash)) is not None:
                self.log.info("This verdict was answered before: %s.", answer.body["decision"])
                return self._finish(context, gate, answer)
        except FinalError as err:
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err
        question = approval_question(self.model_name, gate)
        self.subject, self.body = self.subject or question.subject, self.body or question.body
        if self.response_timeout is not None:
            # Airflow cannot tell its supervisor of pendulum's subclass.
            self.response_timeout = timedelta(seconds=self.response_timeout.total_seconds())
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer, and hold back what follows on a rejection.

        :param context: Airflow's context.
        :param event: the answer.
        :return: the answer, as small JSON.
        :raises AirflowFailException: when the approver is not allowed to be one.
        """
        if "error" in event:
            self.process_trigger_event_error(event)
        chosen = event["chosen_options"]
        self.validate_chosen_options(chosen)
        run, user = run_facts(context), event.get("responded_by_user") or {}
        approved = chosen == [self.APPROVE]
        try:
            if approved:
                starter = getattr(context["dag_run"], "triggering_user_name", None)
                check_four_eyes(user, {starter: "started this run"} if starter and self.four_eyes else {})
            ledger = model_ledger(self.model_name, self.ledger_root)
            gate = gate_by_hash(ledger.records(), self.model_name, self.gate_record)
        except FinalError as err:
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err
        answer = ledger.append(
            kind="approval",
            key=sha256_of({"step": type(self).__name__, "gate": gate.hash}),
            body={
                "partition_key": gate.body["partition_key"],
                "gate_record_hash": gate.hash,
                "version": gate.body["candidate_version"],
                "decision": "approved" if approved else "rejected",
                "approver": user.get("name") or user.get("id"),
                "responded_at": str(event.get("responded_at")),
                "reason": str((event.get("params_input") or {}).get("reason", ""))[:500],
            },
            run=run.to_record(),
            mode=run.mode,
            outcome=Outcome.PASS if approved else Outcome.FAIL,
        )
        return self._finish(context, gate, answer)

    def _finish(self, context: Context, gate: Record, answer: Record) -> dict[str, Any]:
        result, body = self._result(gate, answer), answer.body
        self.log.info("%s by %s. %s", body["decision"].capitalize(), body["approver"] or "nobody", body["reason"])
        if answer.outcome != Outcome.PASS and context["task"].downstream_list:
            # Skipping ends the task by an exception, so that the result must be pushed before it.
            context["ti"].xcom_push(key="return_value", value=result)
            self.skip(ti=context["ti"], tasks=context["task"].downstream_list)
        return result

    def _result(self, gate: Record, answer: Record | None) -> dict[str, Any]:
        shown = {name: answer.body[name] if answer else None for name in ("decision", "approver", "reason")}
        version = gate.body["candidate_version"]
        return {"model_name": self.model_name, "version": version, **shown, "record": answer.hash if answer else None}
