"""Where to roll back to: the versions that held an alias by a valid record, newest first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.alias_moves import (
    ADOPTION,
    CHAMPION,
    PROMOTION,
    ROLLBACK,
    alias_moves,
    withdrawn_versions,
)
from airflow_provider_mlops.core.approval import approval_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import MAX_REASON_LENGTH, Outcome


def rollback_targets(
    records: Sequence[Record], champion: str | None, *, target: str | None = None, alias: str = CHAMPION
) -> list[Record]:
    """List the moves whose versions may be restored, the best first.

    A version may be restored when it held the alias before by a record with evidence: it was adopted, copied from
    another registry with its evidence, or the gate passed it or a human approved it. Versions that were rolled back
    from are passed over, unless one is named; a retired one never comes back.

    :param records: records of the model's ledger, oldest first.
    :param champion: version that holds the alias now, None for none.
    :param target: the version to restore; None for the newest that there is.
    :param alias: the alias.
    :return: the move that each version came by, each version once.
    :raises Refused: when there is none, or the named version is not one.
    """
    withdrawn = withdrawn_versions(records)
    found: dict[str, Record] = {}
    for record in reversed(alias_moves(records, alias)):
        if record.kind in (PROMOTION, ADOPTION) and _has_evidence(records, record):
            found.setdefault(record.body["version"], record)
    found.pop(str(champion), None)
    if target is not None:
        return [_named(found, withdrawn, target, champion, alias)]
    left = [record for version, record in found.items() if version not in withdrawn]
    if not left:
        passed_over = "; ".join(f"version {version} {withdrawn[version].why}" for version in found)
        raise Refused(
            f"No earlier version held the alias {alias!r} by a valid record: there is nothing to roll back to"
            f"{f' ({passed_over})' if passed_over else ''}."
        )
    return left


def rollback_of_request(records: Iterable[Record], request: str, mode: str) -> Record | None:
    """Find what an earlier try of the same task did: a retry rolls back once, not once more.

    :param records: records of the model's ledger.
    :param request: the task and run that ask, as `RunFacts.request` names them.
    :param mode: the mode of the run.
    :return: the rollback record, None when there is none.
    """
    for record in records:
        if (record.kind, record.mode) == (ROLLBACK, mode) and record.body.get("request") == request:
            return record
    return None


def stated_reason(reason: Any, what: str) -> str:
    """Read why something is done that people must be able to look up later.

    :param reason: what was given.
    :param what: what is done, for the error.
    :return: the reason, without space around it.
    :raises BadInput: when there is none, or it is too long.
    """
    text = " ".join(str(reason or "").split())
    if not text or len(text) > MAX_REASON_LENGTH:
        raise BadInput(f"{what} needs a reason of 1 to {MAX_REASON_LENGTH} characters; got {len(text)}.")
    return text


def _named(
    found: Mapping[str, Record], withdrawn: Mapping[str, Any], target: str, champion: str | None, alias: str
) -> Record:
    if target == champion:
        raise Refused(f"Version {target} holds the alias {alias!r} already.")
    if target in withdrawn and withdrawn[target].for_good:
        raise Refused(f"Version {target} {withdrawn[target].why}; it does not come back.")
    if target not in found:
        known = ", ".join(found) or "none"
        raise Refused(
            f"Version {target} never held the alias {alias!r} by a valid record; these did: {known}. "
            "Promote it instead."
        )
    return found[target]


def _has_evidence(records: Sequence[Record], move: Record) -> bool:
    if move.kind == ADOPTION:
        return True
    proofs = {move.body.get("gate_record_hash"), move.body.get("transfer_record")}
    for record in records:
        if record.hash not in proofs or record.mode != "live":
            continue
        if record.kind == "transfer" or record.outcome == Outcome.PASS:
            return True
        approval = approval_of(records, record.hash)
        if record.outcome == Outcome.INCONCLUSIVE and approval is not None and approval.outcome == Outcome.PASS:
            return True
    return False
