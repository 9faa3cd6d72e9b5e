"""The bodies of the two records of an approval: the question, and the answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_mlops.core.approval import APPROVED
from airflow_provider_mlops.core.approvers import Approver
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome

MOST_REASON = 500


def request_body(
    gate: Record,
    *,
    groups: Sequence[str],
    approvers: Sequence[Approver] | None,
    four_eyes: bool,
    timeout: timedelta | None,
) -> dict[str, Any]:
    """Return the body of an ``approval_request``: what is asked, of whom, for how long.

    :param gate: the gate's record.
    :param groups: groups of approvers.
    :param approvers: who may answer; None: whoever Airflow lets answer.
    :param four_eyes: whether who has a part is refused as the approver.
    :param timeout: how long the question waits, from the time of this record; None for ever.
    """
    members = None
    if approvers is not None:
        members = [{"id": member.id, "name": member.name, "also": list(member.also)} for member in approvers]
    return {
        "partition_key": gate.body["partition_key"],
        "gate_record_hash": gate.hash,
        "version": gate.body["candidate_version"],
        "champion_version": gate.body["champion_version"],
        "groups": list(groups),
        "approvers": members,
        "four_eyes": four_eyes,
        "timeout_seconds": None if timeout is None else timeout.total_seconds(),
    }


def approvers_of(request: Record) -> list[Approver] | None:
    """Return who may answer, as the question was asked; None: whoever Airflow lets answer.

    :param request: the record of the question.
    """
    members = request.body["approvers"]
    if members is None:
        return None
    return [Approver(member["id"], member["name"], tuple(member["also"])) for member in members]


def end_of(request: Record) -> datetime | None:
    """Return when a question ends, None when it does not.

    :param request: the record of the question.
    """
    seconds = request.body["timeout_seconds"]
    return None if seconds is None else datetime.fromisoformat(request.time) + timedelta(seconds=seconds)


def described(body: Mapping[str, Any]) -> str:
    """Say in one line who answered what, and why.

    :param body: body of an ``approval``, of any version.
    """
    why = f": {body['reason']}" if body.get("reason") else ""
    void = f" ({body['void_because']})" if body.get("void_because") else ""
    return f"version {body['version']} {body['decision']} by {body['approver'] or 'nobody'}{why}{void}"


def record_answer(ledger: Ledger, gate: Record, request: Record, run: RunFacts, **answer: Any) -> Record:
    """Record the answer to a verdict; the first one counts.

    :param ledger: the model's ledger.
    :param gate: the gate's record.
    :param request: the record of the question.
    :param run: the run that asks.
    :param answer: what `answer_body` takes.
    :return: the record, or the one of the answer that came first.
    """
    return ledger.append(
        kind="approval",
        key=sha256_of({"step": "approval", "gate": gate.hash}),
        body=answer_body(gate, request, **answer),
        run=run.to_record(),
        mode=run.mode,
        outcome=Outcome.PASS if answer["decision"] == APPROVED else Outcome.FAIL,
    )


def answer_body(
    gate: Record,
    request: Record,
    *,
    decision: str,
    void_because: str | None = None,
    user: Mapping[str, Any] | None = None,
    responded_at: Any = None,
    reason: Any = "",
) -> dict[str, Any]:
    """Return the body of an ``approval``: who answered what, when and why.

    :param gate: the gate's record.
    :param request: the record of the question.
    :param decision: ``approved``, ``rejected`` or ``void``.
    :param void_because: what has changed, of a void answer.
    :param user: ``{"id", "name"}`` of who answered; None when nobody did in time.
    :param responded_at: when.
    :param reason: what the approver wrote.
    """
    user = user or {}
    return {
        "partition_key": gate.body["partition_key"],
        "gate_record_hash": gate.hash,
        "request_record_hash": request.hash,
        "version": gate.body["candidate_version"],
        "champion_version": gate.body["champion_version"],
        "decision": decision,
        "void_because": void_because,
        "approver": user.get("name") or user.get("id"),
        "approver_id": None if user.get("id") is None else str(user["id"]),
        "responded_at": None if responded_at is None else str(responded_at),
        "reason": str(reason or "")[:MOST_REASON],
    }


def answer_result(model: str, gate: Record, answer: Record | None) -> dict[str, Any]:
    """Return what the step that asks hands on.

    :param model: name of the registered model.
    :param gate: the gate's record.
    :param answer: the record of the answer; None where nobody was asked.
    """
    shown = {name: answer.body[name] if answer else None for name in ("decision", "approver", "reason")}
    version = gate.body["candidate_version"]
    return {"model_name": model, "version": version, **shown, "record": answer.hash if answer else None}
