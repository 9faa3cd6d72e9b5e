"""How many rows a rule needs to be decided, each number with the assumption that it rests on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scipy import special

from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import (
    BlockIfWorse,
    Fairness,
    FlipRate,
    Infrastructure,
    Maximum,
    MetricRule,
    Minimum,
    MinRows,
    NonInferior,
    Rule,
    Stress,
    Superior,
)
from airflow_provider_mlops.statistics.policy_assumptions import Assumptions, percent
from airflow_provider_mlops.statistics.policy_spreads import gap_of, limit_spread, paired_spread
from airflow_provider_mlops.statistics.policy_words import higher_is_better, metric_text
from airflow_provider_mlops.statistics.sample_size import row_variance, rows_needed

QUANTILE = 0.95
RECORDED_LEVEL = 0.90
"""Two-sided level of the intervals that evaluations record."""
ROWS = "test rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many rows decide a rule.

    :param rows: for a power of 80 %; None when no number can be given.
    :param of: what is counted, e.g. ``rows of each value of 'origin'``.
    :param given: the assumption that the number rests on, or why there is none.
    :param variance: variance of one row's contribution, where there is one.
    :param distance: how far the truth is from the limit, in that assumption.
    :param least: whether the number is a plain minimum, below which the rule never passes.
    """

    rows: int | None = None
    of: str = ROWS
    given: str = ""
    variance: float | None = None
    distance: float | None = None
    least: bool = False

    def power(self, rows: float, alpha: float) -> float | None:
        """Compute the probability that a number of rows decides the rule, in the assumption.

        :param rows: the rows.
        :param alpha: one-sided error rate.
        :return: the probability, None when none can be given.
        """
        if self.least and self.rows is not None:
            return float(rows >= self.rows)
        if not self.variance or not self.distance:
            return None
        return float(special.ndtr(self.distance * math.sqrt(rows / self.variance) - special.ndtri(1 - alpha)))


def need_of(rule: Rule, policy: Policy, assumed: Assumptions) -> Need:
    """Say how many rows decide a rule.

    :param rule: the rule.
    :param policy: its policy.
    :param assumed: what to take for true.
    :return: the number with its assumption; without a number, why there is none.
    """
    for kind, needed in _NEEDS.items():
        if isinstance(rule, kind):
            need: Need = needed(rule, policy.alpha, assumed)
            formula = need.variance is not None and assumed.source not in need.given
            # A measured interval was as wide as the dependence of its rows made it.
            return replace(need, given=f"{need.given}, for independent rows") if formula and policy.dependence else need
    return Need(given="the number of test rows does not matter")


def _need(variance: float, distance: float, alpha: float, given: str, of: str = ROWS, share: float = 1.0) -> Need:
    """Make the answer; ``share`` is the part of the rows that counts."""
    variance /= share
    rows = rows_needed(variance, distance, alpha=alpha)
    if rows is None:
        return Need(of=of, given=f"more than a billion rows would be needed {given}")
    return Need(rows=rows, of=of, given=given, variance=variance, distance=distance)


def _min_rows(rule: MinRows, _: float, assumed: Assumptions) -> Need:
    if rule.positives is None:
        return Need(rows=rule.rows, given="as the rule says", least=True)
    rows = max(rule.rows, math.ceil(rule.positives / assumed.base_rate))
    return Need(rows=rows, given=f"if {percent(assumed.base_rate)} of the rows are positive", least=True)


def _infrastructure(rule: Infrastructure, alpha: float, _: Assumptions) -> Need:
    if rule.p95_latency_ms is None:
        return Need(given="the number of test rows does not matter")
    timings = math.ceil(math.log(alpha) / math.log(QUANTILE))
    given = "with fewer no bound of the 95th percentile exists (order statistics), however fast the model is"
    return Need(rows=timings, of="timed requests, no test rows", given=given)


def _limit(rule: Minimum | Maximum, alpha: float, assumed: Assumptions) -> Need:
    of, minimum = _of(rule), isinstance(rule, Minimum)
    measured = assumed.interval(rule, "candidate")
    if measured is not None:
        distance = measured.value - rule.value if minimum else rule.value - measured.value
        seen = f"{metric_text(rule)} was {measured.value:.4g} in {assumed.source}"
        if distance <= 0:
            side = "below" if minimum else "above"
            return Need(of=of, given=f"{seen}, {side} the limit: no number of rows would make that pass")
        given = f"if the true value and the spread per row are as measured: {seen}"
        return _need(row_variance(measured, RECORDED_LEVEL), distance, alpha, given, of)
    truth = min(rule.value + assumed.gap, (1 + rule.value) / 2)
    spread = limit_spread(rule, truth, assumed) if minimum and 0 <= rule.value < 1 else None
    if spread is None:
        return Need(of=of, given=_unknown(rule, assumed))
    variance, why = spread
    return _need(variance, truth - rule.value, alpha, f"if the true {metric_text(rule)} is {truth:g}{why}", of)


def _paired(rule: NonInferior | Stress, alpha: float, assumed: Assumptions) -> Need:
    equal = "if the rows' disturbance costs nothing" if isinstance(rule, Stress) else "if both models are truly equal"
    return _difference(rule, alpha, assumed, rule.margin, equal)


def _superior(rule: Superior, alpha: float, assumed: Assumptions) -> Need:
    measured = assumed.interval(rule, "difference")
    if measured is not None:
        gain = (measured.value if higher_is_better(rule) else -measured.value) - rule.by
        seen = f"the difference was {measured.value:+.4g} in {assumed.source}"
        if gain <= 0:
            return Need(of=_of(rule), given=f"{seen}: no number of rows would make that pass")
        return _difference(rule, alpha, assumed, gain, f"if the true difference is as measured: {seen}")
    truth = rule.by + gap_of(rule, assumed)
    return _difference(rule, alpha, assumed, truth - rule.by, f"if the candidate is truly better by {truth:g}")


def _block_if_worse(rule: BlockIfWorse, alpha: float, assumed: Assumptions) -> Need:
    values = len(rule.values)
    gap = gap_of(rule, assumed)
    holm = (
        f"at Holm's strictest step for {values} values" if values else "before Holm's correction, which asks for more"
    )
    given = f"to notice a value that is truly worse by {rule.margin + gap:g}, {holm}"
    return _difference(rule, alpha / max(1, values), assumed, gap, given)


def _difference(rule: MetricRule, alpha: float, assumed: Assumptions, distance: float, truth: str) -> Need:
    of = _of(rule)
    measured = None if isinstance(rule, Stress) else assumed.interval(rule, "difference")
    if measured is not None and measured.high > measured.low:
        given = f"{truth}, and the difference spreads per row as in {assumed.source}"
        return _need(row_variance(measured, RECORDED_LEVEL), distance, alpha, given, of)
    spread = paired_spread(rule, assumed)
    if spread is None:
        return Need(of=of, given=_unknown(rule, assumed))
    variance, given = spread
    return _need(variance, distance, alpha, f"{truth}, {given}", of)


def _fairness(rule: Fairness, alpha: float, assumed: Assumptions) -> Need:
    rate, of = assumed.base_rate, f"rows of each group of {' x '.join(map(repr, rule.group))}"
    holm = "two groups of one size; more groups need more (Holm)"
    if rule.metric == "demographic_parity_ratio":
        given = f"if both groups have {percent(rate)} positive decisions, {holm}"
        if not 0 < rule.value < 1:
            return Need(of=of, given=f"equal groups are exactly at the limit {rule.value:g}: no number would do")
        return _need(2 * (1 - rate) / rate, -math.log(rule.value), alpha, given, of)
    if rule.metric == "calibration_gap" or rule.value == 0:
        why = "equal groups are exactly at the limit 0" if rule.value == 0 else "it depends on the spread of the scores"
        return Need(of=of, given=f"no number can be given: {why}")
    if rule.metric == "demographic_parity_difference":
        given = f"if both groups have {percent(rate)} positive decisions, {holm}"
        return _need(2 * rate * (1 - rate), rule.value, alpha, given, of)
    negatives = rule.metric == "false_positive_rate_difference"
    share = 1 - rate if negatives else rate
    label = "negative" if negatives else "positive"
    given = f"if half of the {label} rows of both groups are decided as positive (the widest case), "
    given += f"{percent(share)} of the rows are {label}, {holm}"
    return _need(2 * 0.25, rule.value, alpha, given, of, share)


def _flip_rate(rule: FlipRate, alpha: float, _: Assumptions) -> Need:
    if rule.value in (0, 1):
        return Need(given=f"no number can be given for the limit {rule.value:g}")
    truth = rule.value / 2
    return _need(truth * (1 - truth), truth, alpha, f"if truly {percent(truth)} of the decisions change")


def _of(rule: MetricRule) -> str:
    return ROWS if rule.slice is None else f"rows of each value of {rule.slice!r}"


def _unknown(rule: MetricRule, assumed: Assumptions) -> str:
    where = f"{assumed.source} has not measured it" if assumed.measured else "--model takes it from an evaluation"
    return f"no number can be given without the spread of {metric_text(rule)} per row; {where}"


_NEEDS: Mapping[type[Rule], Callable[[Any, float, Assumptions], Need]] = {
    MinRows: _min_rows,
    Infrastructure: _infrastructure,
    Minimum: _limit,
    Maximum: _limit,
    NonInferior: _paired,
    Stress: _paired,
    Superior: _superior,
    BlockIfWorse: _block_if_worse,
    Fairness: _fairness,
    FlipRate: _flip_rate,
}
