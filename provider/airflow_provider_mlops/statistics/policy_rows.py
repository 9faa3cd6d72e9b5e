"""How many rows a rule needs to be decided, each number with the assumption that it rests on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scipy import special

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval
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
from airflow_provider_mlops.statistics.policy_words import higher_is_better, metric_text
from airflow_provider_mlops.statistics.sample_size import POWER, row_variance, rows_needed

QUANTILE = 0.95
RECORDED_LEVEL = 0.90
"""Two-sided level of the intervals that evaluations record."""
ROWS = "test rows"
_ACCURACY = ("accuracy", "multiclass_accuracy")
_OF_POSITIVES = ("recall",)
_OF_BOTH_CLASSES = ("balanced_accuracy",)
_LOSSES = ("brier", "log_loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is taken for true where nothing was measured.

    :param discordance: share of rows that two models decide differently.
    :param base_rate: share of the positive class.
    :param auc: ROC-AUC of both models.
    :param correlation: correlation of the two models' ROC-AUC over test sets.
    :param score_difference: root mean square difference of two models' scores.
    :param gap: how far a model's true value is beyond a limit.
    :param measured: by metric what a recorded evaluation holds: ``candidate`` and ``difference``.
    :param source: which evaluation that is, in words.
    :raises BadInput: when a share is not between 0 and 1.
    """

    discordance: float = 0.05
    base_rate: float = 0.2
    auc: float = 0.75
    correlation: float = 0.9
    score_difference: float = 0.05
    gap: float = 0.02
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = "the evaluation"

    def __post_init__(self) -> None:
        for name in ("discordance", "base_rate"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise BadInput(f"The {name.replace('_', ' ')} must be above 0 and below 1, not {value!r}.")

    def interval(self, rule: MetricRule, part: str) -> Interval | None:
        """Return what was measured of a rule's metric.

        :param rule: the rule; one with a threshold or parameters of its own was not measured.
        :param part: ``candidate`` or ``difference``.
        :return: the interval, None when there is none.
        """
        if rule.threshold is not None or rule.params:
            return None
        found = self.measured.get(rule.metric, {}).get(part)
        return Interval(**{name: found[name] for name in ("value", "low", "high", "n", "method")}) if found else None


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


def auc_variance(auc: float, base_rate: float) -> float:
    """Compute the variance of one row's contribution to ROC-AUC (Hanley and McNeil 1982, for many rows).

    :param auc: the true value.
    :param base_rate: share of the positive class.
    :return: the variance.
    """
    two_positives, two_negatives = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    return (two_positives - auc * auc) / (1 - base_rate) + (two_negatives - auc * auc) / base_rate


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
    return Need(rows=rows, given=f"if {_percent(assumed.base_rate)} of the rows are positive", least=True)


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
    variance = _SPREADS.get(rule.metric)
    if variance is None or not minimum or not 0 <= rule.value < 1:
        return Need(of=of, given=_unknown(rule, assumed))
    truth = min(rule.value + assumed.gap, (1 + rule.value) / 2)
    share, why = _share(rule, assumed)
    given = f"if the true {metric_text(rule)} is {truth:g}{why}"
    return _need(variance(truth, assumed), truth - rule.value, alpha, given, of, share)


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
    truth = rule.by + _gap(rule, assumed)
    return _difference(rule, alpha, assumed, truth - rule.by, f"if the candidate is truly better by {truth:g}")


def _block_if_worse(rule: BlockIfWorse, alpha: float, assumed: Assumptions) -> Need:
    values = len(rule.values)
    gap = _gap(rule, assumed)
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
    spread = _PAIRED_SPREADS.get(_family(rule.metric))
    if spread is None:
        return Need(of=of, given=_unknown(rule, assumed))
    variance, given = spread(rule, assumed)
    return _need(variance, distance, alpha, f"{truth}, {given}", of)


def _fairness(rule: Fairness, alpha: float, assumed: Assumptions) -> Need:
    rate, of = assumed.base_rate, f"rows of each group of {' x '.join(map(repr, rule.group))}"
    holm = "two groups of one size; more groups need more (Holm)"
    if rule.metric == "demographic_parity_ratio":
        given = f"if both groups have {_percent(rate)} positive decisions, {holm}"
        if not 0 < rule.value < 1:
            return Need(of=of, given=f"equal groups are exactly at the limit {rule.value:g}: no number would do")
        return _need(2 * (1 - rate) / rate, -math.log(rule.value), alpha, given, of)
    if rule.metric == "calibration_gap" or rule.value == 0:
        why = "equal groups are exactly at the limit 0" if rule.value == 0 else "it depends on the spread of the scores"
        return Need(of=of, given=f"no number can be given: {why}")
    if rule.metric == "demographic_parity_difference":
        given = f"if both groups have {_percent(rate)} positive decisions, {holm}"
        return _need(2 * rate * (1 - rate), rule.value, alpha, given, of)
    negatives = rule.metric == "false_positive_rate_difference"
    share = 1 - rate if negatives else rate
    label = "negative" if negatives else "positive"
    given = f"if half of the {label} rows of both groups are decided as positive (the widest case), "
    given += f"{_percent(share)} of the rows are {label}, {holm}"
    return _need(2 * 0.25, rule.value, alpha, given, of, share)


def _flip_rate(rule: FlipRate, alpha: float, _: Assumptions) -> Need:
    if rule.value in (0, 1):
        return Need(given=f"no number can be given for the limit {rule.value:g}")
    truth = rule.value / 2
    return _need(truth * (1 - truth), truth, alpha, f"if truly {_percent(truth)} of the decisions change")


def _of(rule: MetricRule) -> str:
    return ROWS if rule.slice is None else f"rows of each value of {rule.slice!r}"


def _share(rule: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    if rule.metric in _OF_POSITIVES:
        return assumed.base_rate, f" and {_percent(assumed.base_rate)} of the rows are positive"
    if rule.metric in _ACCURACY:
        return 1.0, ""
    method = " (Hanley and McNeil)" if rule.metric == "roc_auc" else ""
    return 1.0, f" and {_percent(assumed.base_rate)} of the rows are positive{method}"


def _gap(rule: MetricRule, assumed: Assumptions) -> float:
    # A Brier score moves by a tenth of what a share moves by.
    return assumed.gap / 10 if rule.metric == "brier" else assumed.gap


def _unknown(rule: MetricRule, assumed: Assumptions) -> str:
    where = f"{assumed.source} has not measured it" if assumed.measured else "--model takes it from an evaluation"
    return f"no number can be given without the spread of {metric_text(rule)} per row; {where}"


def _family(metric: str) -> str:
    for members in (_ACCURACY, _OF_POSITIVES, _OF_BOTH_CLASSES, _LOSSES):
        if metric in members:
            return members[0]
    return metric


def _discordant(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    return assumed.discordance, f"and {_percent(assumed.discordance)} of the rows are decided differently"


def _discordant_positives(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    given = f"{_percent(assumed.discordance)} of the positive rows are decided differently, and "
    return assumed.discordance / assumed.base_rate, f"{given}{_percent(assumed.base_rate)} of the rows are positive"


def _discordant_classes(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    given = f"{_percent(assumed.discordance)} of the rows of either class are decided differently, and "
    variance = (assumed.discordance / assumed.base_rate + assumed.discordance / (1 - assumed.base_rate)) / 4
    return variance, f"{given}{_percent(assumed.base_rate)} of the rows are positive"


def _auc_difference(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    variance = 2 * (1 - assumed.correlation) * auc_variance(assumed.auc, assumed.base_rate)
    given = f"at a ROC-AUC of {assumed.auc:g}, correlated at {assumed.correlation:g} (Hanley and McNeil), "
    return variance, f"{given}and {_percent(assumed.base_rate)} of the rows are positive"


def _loss_difference(rule: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    deviation = math.sqrt(assumed.base_rate * (1 - assumed.base_rate))
    slope = 2 * deviation if rule.metric == "brier" else 1 / deviation
    given = f"their scores differ by {assumed.score_difference:g} (root mean square), "
    return (assumed.score_difference * slope) ** 2, f"{given}and {_percent(assumed.base_rate)} of the rows are positive"


def _proportion(truth: float, _: Assumptions) -> float:
    return truth * (1 - truth)


def _two_proportions(truth: float, assumed: Assumptions) -> float:
    return truth * (1 - truth) * (1 / assumed.base_rate + 1 / (1 - assumed.base_rate)) / 4


def _auc(truth: float, assumed: Assumptions) -> float:
    return auc_variance(truth, assumed.base_rate)


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


_SPREADS: Mapping[str, Callable[[float, Assumptions], float]] = {
    "accuracy": _proportion,
    "multiclass_accuracy": _proportion,
    "recall": _proportion,
    "balanced_accuracy": _two_proportions,
    "roc_auc": _auc,
}
_PAIRED_SPREADS: Mapping[str, Callable[[MetricRule, Assumptions], tuple[float, str]]] = {
    "accuracy": _discordant,
    "recall": _discordant_positives,
    "balanced_accuracy": _discordant_classes,
    "roc_auc": _auc_difference,
    "brier": _loss_difference,
}
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
__all__ = ["POWER", "Assumptions", "Need", "auc_variance", "need_of"]
