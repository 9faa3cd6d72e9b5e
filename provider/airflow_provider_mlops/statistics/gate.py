"""The gate: measure what every rule of a policy asks for, let the bounds decide, combine.

Every rule is judged at the policy's alpha without correction: all must pass, which is an intersection-union test
(Berger 1982) and keeps the risk of a false promotion at alpha.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core import gate as decisions
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import Maximum, MaxLooks, MetricRule, Minimum, MinRows, NonInferior
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics.metrics import DEFAULT_THRESHOLD, Metric, Options, metric_named
from airflow_provider_mlops.statistics.sample_size import rows_to_decide
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.seeds import derive_seed
from airflow_provider_mlops.statistics.wording import limit_text, non_inferior_text

NO_BASELINE = "no_baseline"
MAX_SLICES = 100
NO_VALUE = "(none)"


def judge(policy: Policy, table: ScoreTable, *, evaluation_id: str, looks: int) -> Verdict:
    """Judge a candidate.

    Without a champion, non-inferiority rules do not apply: the verdict rests on the others and is marked
    ``no_baseline``. A policy that then measures nothing is INCONCLUSIVE.

    :param policy: the rules.
    :param table: the test rows.
    :param evaluation_id: id of the evaluation; the seeds derive from it.
    :param looks: gates judged on these test rows, this one included.
    :return: the verdict, one result per rule and slice in the order of the policy.
    :raises BadInput: when the policy names a metric that does not exist or a limit of the wrong direction.
    """
    results: list[RuleResult] = []
    measured = False
    for rule in policy.rules:
        if isinstance(rule, MinRows):
            results.append(_judge_rows(rule, table))
        elif isinstance(rule, MaxLooks):
            results.append(_judge_looks(rule, looks))
        elif isinstance(rule, MetricRule):
            check_rule(rule)
            if table.champion is None and isinstance(rule, NonInferior):
                continue
            measured = True
            results.extend(_judge_metric(rule, table, policy.alpha, evaluation_id))
        else:
            raise BadInput(f"Rule {rule.name!r} is of the kind {rule.kind!r}, which the gate cannot judge.")
    if not measured:
        results.append(_nothing_measured(table))
    return Verdict.from_rules(results, marks=(NO_BASELINE,) if table.champion is None else ())


def measure_all(
    table: ScoreTable, metrics: Iterable[str], level: float, *, evaluation_id: str = ""
) -> dict[str, dict[str, Any]]:
    """Measure what an evaluation record holds: every metric of both models and their difference.

    :param table: the test rows.
    :param metrics: names of the metrics.
    :param level: two-sided confidence level.
    :param evaluation_id: id of the evaluation; the seeds derive from it.
    :return: ``{metric: {"candidate": {...} | None, "champion": ..., "difference": ...}}``; a part that cannot be
        measured is None, and ``reason`` says why.
    :raises BadInput: when a metric does not exist.
    """
    return {name: _record_of(metric_named(name), table, level, evaluation_id) for name in metrics}


def check_rule(rule: MetricRule) -> None:
    """Refuse a rule that contradicts its metric.

    :param rule: the rule.
    :raises BadInput: on an unknown metric, a minimum where lower is better (or the reverse), or a threshold for a
        metric that has none.
    """
    metric = metric_named(rule.metric)
    if isinstance(rule, Minimum) and not metric.higher_is_better:
        raise BadInput(f"Rule {rule.name!r} sets a minimum for {rule.metric}, where lower is better: use a maximum.")
    if isinstance(rule, Maximum) and metric.higher_is_better:
        raise BadInput(f"Rule {rule.name!r} sets a maximum for {rule.metric}, where higher is better: use a minimum.")
    if rule.threshold is not None and not metric.thresholded:
        raise BadInput(f"Rule {rule.name!r} sets a threshold, which {rule.metric} does not have: remove it.")


def _judge_rows(rule: MinRows, table: ScoreTable) -> RuleResult:
    wanted = rule.positives or 0
    outcome = decisions.decide_rows(table.rows, table.positives, min_rows=rule.rows, min_positives=wanted)
    relation = "enough for" if outcome is Outcome.PASS else "fewer than"
    limits = f"{rule.rows:,} and {wanted:,}" if wanted else f"{rule.rows:,}"
    reason = (
        f"There are {table.rows:,} test rows, {table.positives:,} of them positive, {relation} the minimum {limits}."
    )
    numbers = {"n": table.rows, "positives": table.positives, "rows": rule.rows, "min_positives": rule.positives}
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason, numbers=numbers)


def _judge_looks(rule: MaxLooks, looks: int) -> RuleResult:
    outcome = decisions.decide_looks(looks, rule.value)
    if outcome is Outcome.PASS:
        reason = f"This is look {looks} of {rule.value} at these test rows."
    else:
        reason = f"This is look {looks} at these test rows, more than the {rule.value} allowed: test on newer rows."
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason, numbers={"looks": looks, "value": rule.value})


def _nothing_measured(table: ScoreTable) -> RuleResult:
    missing = (
        "there is no champion and the policy has no minimum or maximum"
        if table.champion is None
        else ("the policy has no rule about a metric")
    )
    return RuleResult(rule="measured", outcome=Outcome.INCONCLUSIVE, reason=f"Nothing was measured: {missing}.")


def _judge_metric(rule: MetricRule, table: ScoreTable, alpha: float, evaluation_id: str) -> Iterator[RuleResult]:
    """Judge a rule on all rows, or once per value of its slice column."""
    if rule.slice is None:
        yield _Question(rule, table, alpha, evaluation_id).judge()
        return
    if rule.slice not in table.slices:
        known = ", ".join(table.slices) or "none"
        yield _unanswered(rule, f"The test rows have no slice column {rule.slice!r}; they have: {known}.")
        return
    column = np.array([_slice_text(value) for value in table.slices[rule.slice]], dtype=object)
    values = sorted(set(column))
    if not 0 < len(values) <= MAX_SLICES:
        limits = f"it must have 1 to {MAX_SLICES}"
        yield _unanswered(rule, f"The slice column {rule.slice!r} has {len(values):,} values; {limits}.")
        return
    for value in values:
        yield _Question(rule, table.where(column == value), alpha, evaluation_id, value).judge()


def _slice_text(value: Any) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return NO_VALUE if missing else str(value)


def _unanswered(rule: MetricRule, reason: str) -> RuleResult:
    numbers = {"metric": rule.metric, "slice": rule.slice}
    return RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)


@dataclass(frozen=True, slots=True)
class _Question:
    """One rule on one set of rows."""

    rule: MetricRule
    table: ScoreTable
    alpha: float
    evaluation_id: str
    value: str | None = None

    @property
    def name(self) -> str:
        return self.rule.name if self.value is None else f"{self.rule.name}[{self.value}]"

    @property
    def subject(self) -> str:
        return self.rule.metric if self.value is None else f"{self.rule.metric} for {self.rule.slice} {self.value}"

    @property
    def options(self) -> Options:
        where = "" if self.value is None else f"{self.rule.slice}={self.value}"
        seed = derive_seed(self.evaluation_id, self.rule.metric, where)
        threshold = DEFAULT_THRESHOLD if self.rule.threshold is None else self.rule.threshold
        return Options(level=1 - 2 * self.alpha, seed=seed, threshold=threshold)

    def judge(self) -> RuleResult:
        least = self.rule.min_rows or 0
        if self.table.rows < least:
            reason = f"{self.subject}: {self.table.rows:,} rows, fewer than the minimum {least:,}."
            return self._result(Outcome.INCONCLUSIVE, reason, {"min_rows": least})
        try:
            return self._compare(self.rule) if isinstance(self.rule, NonInferior) else self._limit(self.rule)
        except NotMeasurable as error:
            return self._result(Outcome.INCONCLUSIVE, f"{self.subject} cannot be measured: {error}", {})

    def _limit(self, rule: MetricRule) -> RuleResult:
        if not isinstance(rule, Minimum | Maximum):
            raise BadInput(f"Rule {rule.name!r} is of the kind {rule.kind!r}, which the gate cannot judge.")
        measured = metric_named(rule.metric).measure(self.table.labels, self.table.candidate, self.options)
        minimum = isinstance(rule, Minimum)
        decide = decisions.decide_minimum if minimum else decisions.decide_maximum
        outcome = decide(measured, rule.value)
        rows = None
        if outcome is Outcome.INCONCLUSIVE:
            rows = rows_to_decide(measured, rule.value, alpha=self.alpha)
        subject = f"{self.subject} of the candidate"
        reason = limit_text(outcome, subject, measured, rule.value, minimum=minimum, rows=rows)
        found = {"candidate": measured.value, "limit": rule.value, "rows_needed": rows}
        return self._result(outcome, reason, found, measured)

    def _compare(self, rule: NonInferior) -> RuleResult:
        metric, table, options = metric_named(rule.metric), self.table, self.options
        if table.champion is None:
            raise NotMeasurable("There is no champion.")
        difference = metric.compare(table.labels, table.candidate, table.champion, options)
        ours = metric.point(table.labels, table.candidate, options)
        theirs = metric.point(table.labels, table.champion, options)
        outcome = decisions.decide_non_inferior(difference, rule.margin, higher_is_better=metric.higher_is_better)
        rows = None
        if outcome is Outcome.INCONCLUSIVE:
            limit = -rule.margin if metric.higher_is_better else rule.margin
            rows = rows_to_decide(difference, limit, alpha=self.alpha, margin=rule.margin)
        reason = non_inferior_text(outcome, self.subject, (ours, theirs), difference, rule.margin, rows)
        found = {
            "candidate": ours,
            "champion": theirs,
            "difference": difference.value,
            "margin": rule.margin,
            "rows_needed": rows,
        }
        return self._result(outcome, reason, found, difference)

    def _result(
        self, outcome: Outcome, reason: str, found: Mapping[str, Any], interval: Interval | None = None
    ) -> RuleResult:
        metric, options = metric_named(self.rule.metric), self.options
        numbers: dict[str, Any] = {"metric": self.rule.metric, "slice": self.rule.slice, "slice_value": self.value}
        numbers |= {"n": self.table.rows, "positives": self.table.positives, "alpha": self.alpha, **found}
        if metric.thresholded:
            numbers["threshold"] = options.threshold
        if interval is not None:
            numbers |= {"low": interval.low, "high": interval.high, "method": interval.method}
            if metric.seeded:
                numbers["seed"] = options.seed
        return RuleResult(rule=self.name, outcome=outcome, reason=reason, numbers=numbers)


def _record_of(metric: Metric, table: ScoreTable, level: float, evaluation_id: str) -> dict[str, Any]:
    options = Options(level=level, seed=derive_seed(evaluation_id, metric.name))
    record: dict[str, Any] = {"candidate": None, "champion": None, "difference": None}
    try:
        record["candidate"] = metric.measure(table.labels, table.candidate, options).to_dict()
        if table.champion is not None:
            record["champion"] = metric.measure(table.labels, table.champion, options).to_dict()
            record["difference"] = metric.compare(table.labels, table.candidate, table.champion, options).to_dict()
    except NotMeasurable as error:
        record["reason"] = str(error)
    return record
