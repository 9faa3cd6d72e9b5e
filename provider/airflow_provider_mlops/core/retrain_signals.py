"""What calls for a retraining: enough of the newest verdicts of one kind, and the newest among them.

A drift verdict is of one kind. A performance verdict has rules of several kinds (realised, concept, latency, ...), and
says something about each of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain import answered_verdicts
from airflow_provider_mlops.core.retrain_policy import DRIFT, PERFORMANCE, REALISED, SIGNALS, RetrainPolicy, Signal
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.core.verdict_summary import summary_of, worst

_DEFAULT_KIND = {DRIFT: "feature", PERFORMANCE: REALISED}
"""The kind of what was recorded without one."""


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What a verdict says about one kind.

    :param record: the verdict.
    :param outcome: FAIL where something is wrong.
    """

    record: Record = field(repr=False)
    outcome: Outcome

    @property
    def key(self) -> str:
        """The partition that was judged."""
        return str(self.record.body["partition_key"])

    @property
    def end(self) -> datetime:
        """The end of that partition."""
        return Partition.parse(self.key).end


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The newest finding of each partition, of one kind, about the champion that the newest is about.

    :param subject: what is judged, in words.
    :param findings: oldest partition first; at least one.
    """

    subject: str
    findings: Sequence[Finding]

    def judge(self, signal: Signal, answered: frozenset[str]) -> Called:
        """Say whether enough of the newest windows are bad.

        :param signal: how many of how many.
        :param answered: hashes of the verdicts that a retraining has answered: they do not call again.
        :return: what it says.
        """
        newest = self.findings[-signal.n :]
        open_ones = [found for found in newest if found.record.hash not in answered]
        bad = [found for found in open_ones if found.outcome is Outcome.FAIL]
        unknown = [found for found in open_ones if found.outcome is Outcome.INCONCLUSIVE]
        latest = newest[-1]
        words = (
            f"{len(bad)} of the newest {len(newest)} windows of {self.subject} FAIL "
            f"({signal.k} of {signal.n} are asked for)"
        )
        if latest not in open_ones:
            return Called(outcome=Outcome.FAIL, words=f"{words}, and a retraining has answered the newest")
        if latest in bad and len(bad) >= signal.k:
            return Called(outcome=Outcome.PASS, words=f"{words}, the newest among them", since=self._since())
        if unknown and latest in (*bad, *unknown) and len(bad) + len(unknown) >= signal.k:
            return Called(outcome=Outcome.INCONCLUSIVE, words=f"{words}, and {len(unknown)} could not be judged")
        if bad and latest not in bad:
            words += f", and not the newest, {latest.key}"
        return Called(outcome=Outcome.FAIL, words=words)

    def _since(self) -> str:
        """Where the row of bad windows begins that ends with the newest one; what was not judged interrupts none."""
        first = self.findings[-1]
        for found in reversed(self.findings):
            if found.outcome is Outcome.PASS:
                break
            first = found if found.outcome is Outcome.FAIL else first
        return first.key


def series_of(records: Iterable[Record], record_kind: str, signal: Signal, now: Partition) -> dict[str, Series]:
    """Sort what live verdicts up to a partition say into series, one for each kind that counts.

    :param records: records of the model's ledger, oldest first.
    :param record_kind: ``drift`` or ``performance``.
    :param signal: which kinds count.
    :param now: the partition of the run; what is newer does not count.
    :return: the series by kind.
    """
    newest: dict[str, dict[str, Finding]] = {}
    for record in records:
        if (record.kind, record.mode) != (record_kind, Mode.LIVE):
            continue
        for kind, outcome in outcomes_of(record, signal).items():
            found = Finding(record, outcome)
            if found.end <= now.end:
                newest.setdefault(kind, {})[found.key] = found
    series = {}
    for kind in sorted(newest):
        ordered = sorted(newest[kind].values(), key=lambda found: found.end)
        champion = _champion(ordered[-1])
        same = [found for found in ordered if _champion(found) == champion]
        series[kind] = Series(subject=f"{kind} {record_kind}", findings=same)
    return series


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
        and record.mode == Mode.LIVE
        and record.hash not in answered
        and Outcome.FAIL in outcomes_of(record, signal).values()
    ]


def outcomes_of(record: Record, signal: Signal) -> dict[str, Outcome]:
    """Return what a verdict says about each kind that counts.

    :param record: a record of the kind ``drift`` or ``performance``.
    :param signal: which kinds count, and the policy's own bounds.
    :return: outcome by kind: the worst of its rules.
    """
    said = _said(record)
    if record.kind == PERFORMANCE and signal.below:
        said[REALISED] = worst(_bounded(record.body, signal.below), said.get(REALISED, Outcome.PASS))
    return {kind: outcome for kind, outcome in said.items() if signal.kinds is None or kind in signal.kinds}


def _said(record: Record) -> dict[str, Outcome]:
    default = _DEFAULT_KIND[record.kind]
    said = {} if record.kind == DRIFT else summary_of(record.body)["said"]
    if not said:
        return {str(record.body.get("kind") or default): Outcome(record.outcome or Outcome.INCONCLUSIVE)}
    found: dict[str, Outcome] = {}
    for name, outcome in said.items():
        kind = name or default
        found[kind] = worst(found.get(kind, outcome), outcome)
    return found


def _bounded(body: Mapping[str, Any], bounds: Mapping[str, float]) -> Outcome:
    """FAIL where the whole interval of a realised metric lies below the policy's bound; open where one is unknown."""
    highs = summary_of(body)["highs"]
    known = {name: highs[name] for name in bounds if isinstance(highs.get(name), int | float)}
    if any(high < bounds[name] for name, high in known.items()):
        return Outcome.FAIL
    return Outcome.PASS if len(known) == len(bounds) else Outcome.INCONCLUSIVE


def _champion(found: Finding) -> Any:
    return found.record.body.get("champion_version")
