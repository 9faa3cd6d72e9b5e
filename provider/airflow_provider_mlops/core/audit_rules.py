"""Rules of today beside those of the record: another suite, contract or checks than then are a cause, and named."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.certificate import Cause, Difference
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome

_RULES = {
    "validation": (("suite", Cause.SUITE), ("contract", Cause.CONTRACT)),
    "data_check": (("checks", Cause.CHECKS),),
}
_DIGITS = 12


def own_records(records: Iterable[Record], run: RunFacts) -> dict[str, Record]:
    """Return what a run has recorded in its mode, the newest of each kind.

    :param records: records of a ledger, oldest first.
    :param run: facts of the run.
    :return: by kind.
    """
    mine = (run.dag_id, run.run_id)
    own = (r for r in records if r.mode == run.mode and (r.run.get("dag_id"), r.run.get("run_id")) == mine)
    return {record.kind: record for record in own}


def rule_differences(records: Sequence[Record], run: RunFacts) -> list[Difference]:
    """Name the rules by which an audit judged its rows that are not those of the record, whatever they gave.

    :param records: records of the dataset's ledger, oldest first.
    :param run: facts of the audit's run.
    :return: the differences; none where the rules are the recorded ones, or nothing is on record.
    """
    own, by_hash = own_records(records, run), {record.hash: record for record in records}
    return [one for kind in _RULES if kind in own for one in _of(own[kind], by_hash)]


def refusal(records: Sequence[Record], run: RunFacts) -> list[Difference]:
    """Say why an audit refuses rows that were accepted then.

    :param records: records of the dataset's ledger, oldest first.
    :param run: facts of the audit's run.
    :return: what explains it; none where its newest verdict on rows refuses nothing, or nothing was accepted then.
    """
    own, by_hash = own_records(records, run), {record.hash: record for record in records}
    newest = max((own[kind] for kind in _RULES if kind in own), key=lambda record: record.seq, default=None)
    if newest is None or newest.outcome == Outcome.PASS:
        return []
    recorded = _recorded(newest, by_hash)
    if recorded is None or recorded.outcome != Outcome.PASS:
        return []
    return [*_of(newest, by_hash)] or [_unexplained(newest, recorded)]


def policy_difference(gate: Record) -> Difference | None:
    """Name the policy by which an audit judged a candidate, where it is not the recorded one.

    :param gate: the audit's own record of the gate.
    """
    recorded = gate.body.get("recorded")
    if recorded is None or recorded["policy_hash"] == gate.body["policy_hash"]:
        return None
    then, now = {"policy_hash": recorded["policy_hash"]}, gate.body
    return Difference(Cause.POLICY, _sentence("policy", then, now, recorded["outcome"], gate.outcome))


def _recorded(own: Record, by_hash: Mapping[str, Record]) -> Record | None:
    """Return the live record that one of an audit was compared with."""
    return by_hash.get(str((own.body.get("recorded") or {}).get("record")))


def _of(own: Record, by_hash: Mapping[str, Record]) -> Iterator[Difference]:
    recorded = _recorded(own, by_hash)
    if recorded is None:
        return
    for what, cause in _RULES[own.kind]:
        if recorded.body.get(f"{what}_hash") != own.body.get(f"{what}_hash"):
            sentence = _sentence(what, recorded.body, own.body, recorded.outcome, own.outcome)
            yield Difference(cause, sentence)


def _sentence(
    what: str, then: Mapping[str, Any], now: Mapping[str, Any], recorded: str | None, found: str | None
) -> str:
    name = f"{what}_hash"
    which = f"{what} {now[what]}" if isinstance(now.get(what), str) else what
    return (
        f"the {which} is not the recorded one ({_short(then.get(name))} then, {_short(now.get(name))} now): it gives "
        f"{found}, on record is {recorded}"
    )


def _short(digest: Any) -> str:
    return str(digest).removeprefix(PREFIX)[:_DIGITS] if digest else "none"


def _unexplained(own: Record, recorded: Record) -> Difference:
    rows = {name: (recorded.body.get(name), own.body.get(name)) for name in ("snapshot_id", "train", "test")}
    if any(then != now for then, now in rows.values()):
        return Difference(Cause.UNKNOWN, f"other rows than the recorded ones were judged: {_why(own)}")
    judged = " and ".join(what for what, _ in _RULES[own.kind])
    return Difference(
        Cause.UNKNOWN,
        f"{judged} are the recorded ones, on the recorded rows, and give {own.outcome} where {recorded.outcome} is on "
        f"record: what judges them, a library or this provider, is another version, or not deterministic: {_why(own)}",
    )


def _why(own: Record) -> str:
    rules = own.body["verdict"]["rules"]
    return next((str(rule["reason"]) for rule in rules if rule["outcome"] != Outcome.PASS), "no rule says why")
