"""What calls for a retraining: enough of the newest verdicts of one kind, and the newest among them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain import answered_verdicts
from airflow_provider_mlops.core.retrain_policy import DRIFT, PERFORMANCE, SIGNALS, RetrainPolicy, Signal
from airflow_provider_mlops.core.verdict import Outcome

DEFAULT_KINDS = {DRIFT: "feature", PERFORMANCE: "realised"}
"""What records say that were written before there were kinds."""
ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What one kind of verdicts says about retraining.

    :param outcome: PASS: it calls for one; INCONCLUSIVE: it might, if more were known; FAIL: it does not.
    :param words: why, as the part of a sentence.
    :param since: first partition of the row of bad windows that the newest belongs to; None where it is not bad.
    """

    outcome: Outcome
    words: str
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The newest verdict of each partition, of one kind, about the champion that the newest is about.

    :param record_kind: ``drift`` or ``performance``.
    :param kind: the kind of verdict.
    :param records: the verdicts, oldest partition first; at least one.
    """

    record_kind: str
    kind: str
    records: Sequence[Record] = field(repr=False)

    def judge(self, signal: Signal, answered: frozenset[str]) -> Called:
        """Say whether enough of the newest windows are bad.

        :param signal: how many of how many.
        :param answered: hashes of the verdicts that a retraining has answered: they do not call again.
        :return: what it says.
        """
        newest = self.records[-signal.n :]
        bad = [r for r in newest if is_bad(r, signal) and r.hash not in answered]
        unknown = [r for r in newest if r.outcome == Outcome.INCONCLUSIVE and not is_bad(r, signal)]
        latest = newest[-1]
        words = (
            f"{len(bad)} of the newest {len(newest)} windows of {self.kind} {self.record_kind} FAIL "
            f"({signal.k} of {signal.n} are asked for)"
        )
        if latest.hash in answered:
            return Called(outcome=Outcome.FAIL, words=f"{words}, and a retraining has answered the newest")
        if latest in bad and len(bad) >= signal.k:
            return Called(outcome=Outcome.PASS, words=f"{words}, the newest among them", since=self._since(signal))
        if latest in (*bad, *unknown) and len(bad) + len(unknown) >= signal.k and unknown:
            return Called(outcome=Outcome.INCONCLUSIVE, words=f"{words}, and {len(unknown)} could not be judged")
        if bad and latest not in bad:
            words += f", and not the newest, {latest.body['partition_key']}"
        return Called(outcome=Outcome.FAIL, words=words)

    def _since(self, signal: Signal) -> str:
        """Where the row of bad windows begins that ends with the newest one; what was not judged interrupts none."""
        first = self.records[-1]
        for record in reversed(self.records):
            if is_bad(record, signal):
                first = record
            elif record.outcome == Outcome.PASS:
                break
        return str(first.body["partition_key"])


def series_of(records: Iterable[Record], record_kind: str, signal: Signal, now: Partition) -> list[Series]:
    """Sort the live verdicts up to a partition into series, one for each kind that counts.

    :param records: records of the model's ledger, oldest first.
    :param record_kind: ``drift`` or ``performance``.
    :param signal: which kinds count.
    :param now: the partition of the run; what is newer does not count.
    :return: the series, by kind.
    """
    newest: dict[str, dict[str, Record]] = {}
    for record in records:
        if counts(record, record_kind, signal) and _end(record) <= now.end:
            newest.setdefault(kind_of(record), {})[record.body["partition_key"]] = record
    found = []
    for kind in sorted(newest):
        ordered = sorted(newest[kind].values(), key=_end)
        champion = ordered[-1].body.get("champion_version")
        same = [record for record in ordered if record.body.get("champion_version") == champion]
        found.append(Series(record_kind=record_kind, kind=kind, records=same))
    return found


def waiting(records: Sequence[Record], policy: RetrainPolicy) -> list[Record]:
    """List the bad verdicts that count by the policy and that no retraining has answered.

    :param records: records of the model's ledger, oldest first.
    :param policy: the policy.
    :return: the records, in the order given.
    """
    answered = answered_verdicts(records)
    signals = {kind: policy.signal(kind) for kind in SIGNALS}
    return [
        record
        for record in records
        if (signal := signals.get(record.kind)) is not None
        and counts(record, record.kind, signal)
        and is_bad(record, signal)
        and record.hash not in answered
    ]


def counts(record: Record, record_kind: str, signal: Signal) -> bool:
    """Whether a record is a live verdict of a kind that counts.

    :param record: any record.
    :param record_kind: ``drift`` or ``performance``.
    :param signal: which kinds count.
    """
    if (record.kind, record.mode) != (record_kind, Mode.LIVE):
        return False
    kind = kind_of(record)
    return (signal.kinds is None or kind in signal.kinds) and (signal.estimated or not is_estimated(record))


def is_bad(record: Record, signal: Signal) -> bool:
    """Whether a verdict is a FAIL, or shows a metric that is surely below the policy's bound.

    :param record: a verdict.
    :param signal: the bounds.
    """
    if record.outcome == Outcome.FAIL:
        return True
    rules = (record.body.get("verdict") or {}).get("rules") or ()
    return any(_below(rule.get("numbers") or {}, signal) for rule in rules)


def is_estimated(record: Record) -> bool:
    """Whether a performance verdict was made without labels.

    :param record: a verdict.
    """
    return record.kind == PERFORMANCE and (kind_of(record) == ESTIMATED or bool(record.body.get(ESTIMATED)))


def kind_of(record: Record) -> str:
    """Return the kind of a verdict.

    :param record: a record of the kind ``drift`` or ``performance``.
    """
    return str(record.body.get("kind") or DEFAULT_KINDS.get(record.kind, record.kind))


def _below(numbers: dict[str, Any], signal: Signal) -> bool:
    bound, high = signal.below.get(str(numbers.get("metric"))), numbers.get("high")
    return bound is not None and isinstance(high, int | float) and high < bound


def _end(record: Record) -> Any:
    return Partition.parse(record.body["partition_key"]).end
