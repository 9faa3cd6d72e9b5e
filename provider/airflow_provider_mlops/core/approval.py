"""A human's answer to a verdict: how it is found again, what makes it void, and what promotion makes of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_mlops.core.approval_policy import approval_need, demand_of
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult

APPROVED, REJECTED, VOID = "approved", "rejected", "void"
RULE = "approved"


def approval_of(records: Iterable[Record], gate_hash: str) -> Record | None:
    """Find the answer to a verdict.

    :param records: records of the model's ledger.
    :param gate_hash: hash of the gate's record.
    :return: the first live approval record, None when nobody has answered.
    """
    for record in records:
        if (record.kind, record.mode) == ("approval", "live") and record.body["gate_record_hash"] == gate_hash:
            return record
    return None


def recorded_answer(records: Iterable[Record], gate: Record) -> Record | None:
    """Find the answer to the live verdict that an audit compared its own with.

    :param records: records of the model's ledger.
    :param gate: the audit's record of the gate.
    :return: the answer; None when nobody has given one, and for a verdict that no audit gave.
    """
    recorded = gate.body.get("recorded")
    return approval_of(records, recorded["record"]) if recorded else None


def newest_undecided(records: Iterable[Record], model: str) -> Record:
    """Find the newest verdict that is INCONCLUSIVE and that nobody has answered.

    :param records: records of the model's ledger, oldest first.
    :param model: name of the model, for the error.
    :return: the gate's record.
    :raises Refused: when there is none.
    """
    records = list(records)
    for record in reversed(records):
        undecided = (record.kind, record.mode, record.outcome) == ("gate", "live", Outcome.INCONCLUSIVE)
        if undecided and approval_of(records, record.hash) is None:
            return record
    raise Refused(f"The ledger of model {model!r} holds no undecided verdict: there is nothing to approve.")


def judged_since(records: Iterable[Record], gate: Record) -> Record | None:
    """Find a later verdict on the same version: an answer to the earlier one is void.

    :param records: records of the model's ledger, oldest first.
    :param gate: the gate's record that was answered.
    :return: the newest later verdict of the same mode, None when there is none.
    """
    later = None
    for record in records:
        same = (record.kind, record.mode) == (gate.kind, gate.mode)
        if same and record.seq > gate.seq and record.body["candidate_version"] == gate.body["candidate_version"]:
            later = record
    return later


def void_reason(
    gate: Record,
    *,
    champion: str | None,
    since: Record | None,
    validations: Mapping[str, str | None],
    alias: str = "champion",
) -> str | None:
    """Say what has changed since a verdict, so that an answer to it is void.

    :param gate: the gate's record.
    :param champion: version that holds the alias now.
    :param since: a later verdict on the same version, as `judged_since` finds it.
    :param validations: outcome of the validation of each training snapshot, as it is now.
    :param alias: the alias that is to move.
    :return: one sentence, None when nothing has changed.
    """
    version, judged_against = gate.body["candidate_version"], gate.body["champion_version"]
    if champion not in (judged_against, version):
        return (
            f"The {alias} is {_version(champion)} now, version {version} was judged against "
            f"{_version(judged_against)}; judge it again."
        )
    if since is not None:
        return f"Version {version} was judged again since, as {since.outcome}; ask about that verdict."
    if broken := sorted(snapshot for snapshot, outcome in validations.items() if outcome != Outcome.PASS):
        return f"The training snapshot {broken[0]} has no PASS any more; train without it."
    return None


def approval_rule(
    gate: Mapping[str, Any],
    approval: Mapping[str, Any] | None,
    *,
    risk_tier: str | None = None,
    judged_again: str | None = None,
) -> RuleResult:
    """Decide whether a verdict has the human answer that it needs before its candidate is promoted.

    A PASS that needs nobody passes without an answer, but not against a rejection.

    :param gate: the gate's record as `Record.to_dict` gives it.
    :param approval: the answer as `Record.to_dict` gives it; None when there is none.
    :param risk_tier: the model's risk tier by its governance tags, None when unknown.
    :param judged_again: hash of a later verdict on the same version, which makes an answer void.
    :return: PASS or FAIL; ``approval_record`` stands among the numbers where a human's yes counted.
    """
    version = (gate.get("body") or {}).get("candidate_version")
    try:
        need = approval_need(gate.get("outcome"), demand_of(gate.get("body") or {}), risk_tier)
    except Refused as err:
        return RuleResult(rule=RULE, outcome=Outcome.FAIL, reason=str(err), numbers={"needed": True})
    numbers: dict[str, Any] = {"needed": need.human, "risk_tier": risk_tier}
    body = (approval or {}).get("body") or {}
    if approval is None or body.get("gate_record_hash") != gate.get("hash"):
        asked = " Ask for one of this very verdict." if need.human else ""
        outcome = Outcome.FAIL if need.human else Outcome.PASS
        return RuleResult(rule=RULE, outcome=outcome, reason=f"{need.reason}{asked}", numbers=numbers)
    numbers |= {"approval_record": approval.get("hash"), "approver": body.get("approver")}
    reason = _objection(approval, body, version, judged_again if need.human else None)
    if reason is None:
        reason, outcome = f"{body.get('approver')} approved version {version}.", Outcome.PASS
    else:
        outcome = Outcome.FAIL
    return RuleResult(rule=RULE, outcome=outcome, reason=reason, numbers=numbers)


def _objection(
    approval: Mapping[str, Any], body: Mapping[str, Any], version: Any, judged_again: str | None
) -> str | None:
    if body.get("decision") == VOID:
        return f"The answer about version {version} is void: {body.get('void_because')}"
    if approval.get("outcome") != Outcome.PASS:
        return f"{body.get('approver') or 'Nobody'} rejected version {version}."
    if judged_again is not None:
        return f"Version {version} was judged again since its approval; ask about the verdict {judged_again}."
    return None


def _version(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
