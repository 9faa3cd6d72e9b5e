"""Whether to retrain: a verdict on what calls for it and what forbids it, by the records and the policy alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_mlops.core.new_data import NewData, new_data, training_partition
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain import answered_verdicts, live_claims, newest_claim
from airflow_provider_mlops.core.retrain_policy import RETRAIN, SIGNALS, Arrival, Every, RetrainPolicy
from airflow_provider_mlops.core.retrain_signals import Called, series_of, waiting
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

_DAY = 86_400
SCHEDULE, DATA = "schedule", "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a decision rests on.

    :param now: the partition of the run.
    :param records: records of the model's ledger, oldest first.
    :param accepted: rows of the accepted snapshot by partition of the dataset that is trained on.
    :param champion: the champion's version; None for none.
    :param trained_until: up to which instant the champion's training rows reach; None where that is not known.
    """

    now: Partition
    records: Sequence[Record] = field(repr=False)
    accepted: Mapping[str, int | None]
    champion: str | None
    trained_until: datetime | None

    @property
    def last(self) -> Record | None:
        """The claim of the last retraining."""
        return newest_claim(self.records)

    @property
    def since_last(self) -> datetime | None:
        """The end of the champion's training rows, or of the last retraining's partition where that is later."""
        last = self.last
        ends = [Partition.parse(last.body["partition_key"]).end] if last else []
        return max([*ends, *([self.trained_until] if self.trained_until else [])], default=None)

    def new(self, since: datetime | None) -> NewData:
        """What was accepted since an instant."""
        return new_data(self.accepted, since, self.now.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to retrain, and on what.

    :param verdict: PASS: retrain; FAIL: no; INCONCLUSIVE: not enough is known, so no.
    :param triggers: what called for it.
    :param drift: hashes of the drift verdicts that a retraining answers.
    :param performance: hashes of the performance verdicts that it answers.
    :param training_partition: newest partition to train and test on; None when there is none.
    :param window: which partitions before it to train on, as `core.window.Window.parse` reads it.
    """

    verdict: Verdict
    triggers: tuple[str, ...]
    drift: tuple[str, ...]
    performance: tuple[str, ...]
    training_partition: str | None
    window: Mapping[str, Any] | None

    def with_rule(self, rule: RuleResult, marks: tuple[str, ...] = ()) -> "Decision":
        """Return the same decision with one more rule.

        :param rule: the result of the rule.
        :param marks: marks of the verdict.
        """
        verdict = Verdict.from_rules((*self.verdict.rules, rule), (*self.verdict.marks, *marks))
        return Decision(
            verdict=verdict,
            triggers=self.triggers,
            drift=self.drift,
            performance=self.performance,
            training_partition=self.training_partition,
            window=self.window,
        )


def decide(policy: RetrainPolicy, known: Known) -> Decision:
    """Decide whether the run of a partition should retrain, but for the probe.

    - ``trigger``: something that the policy names calls for it.
    - ``newest``: no unanswered verdict is of a newer partition, whose own run will answer all.
    - ``not_behind``: no retraining was claimed for a newer partition.
    - ``cooldown``, ``budget``, ``new_rows``: the policy does not forbid it.
    - ``training_data``: there is an accepted partition to train on.

    :param policy: the policy.
    :param known: what it rests on.
    :return: the decision.
    """
    called = _called(policy, known)
    pending = waiting(known.records, policy)
    upto = [record for record in pending if _end(record) <= known.now.end]
    partition = training_partition(known.accepted, known.now)
    rules = (
        _trigger(called),
        _newest(pending, known.now),
        _not_behind(known),
        _cooldown(policy, known),
        _budget(policy, known),
        _new_rows(policy, known),
        _training_data(partition, known),
    )
    return Decision(
        verdict=Verdict.from_rules(rules),
        triggers=tuple(name for name, found in called.items() if found.outcome is Outcome.PASS),
        drift=tuple(record.hash for record in upto if record.kind == "drift"),
        performance=tuple(record.hash for record in upto if record.kind == "performance"),
        training_partition=partition,
        window=_window(policy, called),
    )


def probe_rule(found: RuleResult, policy: RetrainPolicy) -> tuple[RuleResult, tuple[str, ...]]:
    """Let the policy say what a probe that could not tell does.

    :param found: what the probe found.
    :param policy: the policy; it has a probe.
    :return: the rule of the verdict, and marks.
    """
    if found.outcome is not Outcome.INCONCLUSIVE or policy.probe is None or policy.probe.on_inconclusive != RETRAIN:
        return found, ()
    reason = f"{found.reason} The policy retrains all the same."
    numbers = {**found.numbers, "outcome": found.outcome.value}
    return RuleResult(rule=found.rule, outcome=Outcome.PASS, reason=reason, numbers=numbers), ("probe_inconclusive",)


def _called(policy: RetrainPolicy, known: Known) -> dict[str, Called]:
    answered, found = answered_verdicts(known.records), {}
    for record_kind in SIGNALS:
        if (signal := policy.signal(record_kind)) is None:
            continue
        series = series_of(known.records, record_kind, signal, known.now)
        if not series:
            found[record_kind] = Called(outcome=Outcome.FAIL, words=f"no {record_kind} verdict counts yet")
        found |= {f"{record_kind}:{kind}": one.judge(signal, answered) for kind, one in series.items()}
    if policy.schedule is not None:
        found[SCHEDULE] = _schedule(policy.schedule, known)
    if policy.data is not None:
        found[DATA] = _data(policy.data, known)
    return found


def _schedule(every: Every, known: Known) -> Called:
    since = known.since_last
    if since is None:
        return Called(outcome=Outcome.PASS, words="no retraining and no training is known, so one is due")
    days, partitions = (known.now.end - since).total_seconds() / _DAY, known.new(since).partitions
    due = (every.days is not None and days >= every.days) or (
        every.partitions is not None and partitions >= every.partitions
    )
    limits = [
        f"{every.days:g} days" if every.days else "",
        f"{every.partitions} partitions" if every.partitions else "",
    ]
    words = f"{days:g} days and {partitions} partitions since the last training (due after {_or(limits)})"
    return Called(outcome=_holds(due), words=words)


def _data(arrival: Arrival, known: Known) -> Called:
    new = known.new(known.since_last)
    enough = arrival.partitions is not None and new.partitions >= arrival.partitions
    rows = "an unknown number of" if new.rows is None else f"{new.rows:,}"
    limits = [
        f"{arrival.partitions} partitions" if arrival.partitions else "",
        f"{arrival.rows:,} rows" if arrival.rows else "",
    ]
    words = f"{new.partitions} new partitions and {rows} new rows since the last training (asked for: {_or(limits)})"
    if arrival.rows is not None and not enough:
        if new.rows is None:
            return Called(outcome=Outcome.INCONCLUSIVE, words=words)
        enough = new.rows >= arrival.rows
    return Called(outcome=_holds(enough), words=words)


def _trigger(called: Mapping[str, Called]) -> RuleResult:
    outcomes = {found.outcome for found in called.values()}
    order = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL)
    outcome = next((outcome for outcome in order if outcome in outcomes), Outcome.FAIL)
    told = "; ".join(f"{name}: {found.words}" for name, found in called.items() if found.outcome is outcome)
    words = {
        Outcome.PASS: f"A retraining is called for. {told}.",
        Outcome.INCONCLUSIVE: f"It cannot be said whether a retraining is called for. {told}.",
        Outcome.FAIL: f"Nothing calls for a retraining. {told}.",
    }
    numbers = {name: found.outcome.value for name, found in called.items()}
    return RuleResult(rule="trigger", outcome=outcome, reason=words[outcome], numbers=numbers)


def _newest(pending: Sequence[Record], now: Partition) -> RuleResult:
    newest = max(pending, key=_end, default=None)
    key = newest.body["partition_key"] if newest else None
    if newest is not None and _end(newest) > now.end:
        reason = f"The {newest.kind} of {key} waits too, and its run answers all; this one is of {now.key}."
        return _rule("newest", False, reason, newest_waiting=key)
    return _rule("newest", True, f"No verdict that waits is newer than {now.key}.", newest_waiting=key)


def _not_behind(known: Known) -> RuleResult:
    last = known.last
    key = last.body["partition_key"] if last else None
    if last is not None and _end(last) > known.now.end:
        reason = f"A retraining for {key} was claimed already; one for {known.now.key} would be older."
        return _rule("not_behind", False, reason, newest_claim=key)
    return _rule("not_behind", True, f"No retraining is newer than {known.now.key}.", newest_claim=key)


def _cooldown(policy: RetrainPolicy, known: Known) -> RuleResult:
    last, wanted = known.last, policy.cooldown_days
    if last is None or not wanted:
        return _rule("cooldown", True, "No retraining has to cool down.", cooldown_days=wanted)
    days = (known.now.end - _end(last)).total_seconds() / _DAY
    key = last.body["partition_key"]
    reason = f"{days:g} days since the retraining of {key}; the cool-down is {wanted:g} days."
    return _rule("cooldown", days >= wanted or days < 0, reason, days=days, cooldown_days=wanted)


def _budget(policy: RetrainPolicy, known: Known) -> RuleResult:
    month = known.now.start.strftime("%Y-%m")
    spent = sum(claim.body["partition_key"].startswith(month) for claim in live_claims(known.records))
    allowed = policy.budget_per_month
    if allowed is None:
        return _rule("budget", True, "The policy sets no budget.", spent=spent)
    reason = f"{spent} of {allowed} retrainings of {month} are spent."
    return _rule("budget", spent < allowed, reason, spent=spent, budget_per_month=allowed)


def _new_rows(policy: RetrainPolicy, known: Known) -> RuleResult:
    new, least = known.new(known.trained_until), policy.min_new_rows
    numbers = {"new_rows": new.rows, "new_partitions": new.partitions, "min_new_rows": least}
    if new.rows is None:
        holds = least == 0
        reason = f"How many rows are new is not known; at least {least:,} are asked for."
        outcome = Outcome.PASS if holds else Outcome.INCONCLUSIVE
        return RuleResult(rule="new_rows", outcome=outcome, reason=reason, numbers=numbers)
    since = "all there are" if known.trained_until is None else f"since {known.trained_until.date()}"
    reason = f"{new.rows:,} accepted rows are new to the champion ({since}); at least {least:,} are asked for."
    return _rule("new_rows", new.rows >= least, reason, **numbers)


def _training_data(partition: str | None, known: Known) -> RuleResult:
    if partition is None:
        reason = f"No accepted partition to train on began by {known.now.key}; take and validate one first."
        return RuleResult(rule="training_data", outcome=Outcome.INCONCLUSIVE, reason=reason)
    return _rule("training_data", True, f"The newest accepted partition for {known.now.key} is {partition}.")


def _window(policy: RetrainPolicy, called: Mapping[str, Called]) -> dict[str, Any] | None:
    if policy.window is None:
        return None
    window = dict(policy.window)
    if policy.since_drift:
        begun = [found.since for found in called.values() if found.since is not None]
        window.pop("since")
        if begun:
            window["since"] = min(begun, key=lambda key: Partition.parse(key).start)
    return window or None


def _rule(name: str, holds: bool, reason: str, **numbers: Any) -> RuleResult:
    return RuleResult(rule=name, outcome=_holds(holds), reason=reason, numbers=numbers)


def _holds(holds: bool) -> Outcome:
    return Outcome.PASS if holds else Outcome.FAIL


def _or(limits: Sequence[str]) -> str:
    return " or ".join(limit for limit in limits if limit)


def _end(record: Record) -> datetime:
    return Partition.parse(record.body["partition_key"]).end
