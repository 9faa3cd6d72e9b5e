"""How much one row tells of a metric: the variance of its contribution, in closed forms with their assumptions."""

import math
from collections.abc import Callable, Mapping

from airflow_provider_mlops.core.rules import MetricRule
from airflow_provider_mlops.statistics.policy_assumptions import Assumptions, percent

_ACCURACY = ("accuracy", "multiclass_accuracy")
_OF_POSITIVES = ("recall",)
_OF_BOTH_CLASSES = ("balanced_accuracy",)
_LOSSES = ("brier", "log_loss")


def auc_variance(auc: float, base_rate: float) -> float:
    """Compute the variance of one row's contribution to ROC-AUC (Hanley and McNeil 1982, for many rows).

    :param auc: the true value.
    :param base_rate: share of the positive class.
    :return: the variance.
    """
    two_positives, two_negatives = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    return (two_positives - auc * auc) / (1 - base_rate) + (two_negatives - auc * auc) / base_rate


def limit_spread(rule: MetricRule, truth: float, assumed: Assumptions) -> tuple[float, str] | None:
    """Return the variance of one row's contribution to a metric.

    :param rule: the rule, whose metric it is.
    :param truth: the metric's true value.
    :param assumed: what to take for true.
    :return: the variance and its assumption; None for a metric without a closed form.
    """
    variance = _SPREADS.get(rule.metric)
    if variance is None:
        return None
    share, why = _share(rule, assumed)
    return variance(truth, assumed) / share, why


def paired_spread(rule: MetricRule, assumed: Assumptions) -> tuple[float, str] | None:
    """Return the variance of one row's contribution to the difference of two models.

    :param rule: the rule, whose metric it is.
    :param assumed: what to take for true.
    :return: the variance and its assumption; None for a metric without a closed form.
    """
    spread = _PAIRED_SPREADS.get(_family(rule.metric))
    return spread(rule, assumed) if spread else None


def gap_of(rule: MetricRule, assumed: Assumptions) -> float:
    """Return how far a true value is taken to be beyond a limit, in the unit of the metric.

    :param rule: the rule, whose metric it is.
    :param assumed: what to take for true.
    """
    # A Brier score moves by a tenth of what a share moves by.
    return assumed.gap / 10 if rule.metric == "brier" else assumed.gap


def _share(rule: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    if rule.metric in _OF_POSITIVES:
        return assumed.base_rate, f" and {percent(assumed.base_rate)} of the rows are positive"
    if rule.metric in _ACCURACY:
        return 1.0, ""
    method = " (Hanley and McNeil)" if rule.metric == "roc_auc" else ""
    return 1.0, f" and {percent(assumed.base_rate)} of the rows are positive{method}"


def _family(metric: str) -> str:
    for members in (_ACCURACY, _OF_POSITIVES, _OF_BOTH_CLASSES, _LOSSES):
        if metric in members:
            return members[0]
    return metric


def _discordant(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    return assumed.discordance, f"and {percent(assumed.discordance)} of the rows are decided differently"


def _discordant_positives(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    given = f"{percent(assumed.discordance)} of the positive rows are decided differently, and "
    return assumed.discordance / assumed.base_rate, f"{given}{percent(assumed.base_rate)} of the rows are positive"


def _discordant_classes(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    given = f"{percent(assumed.discordance)} of the rows of either class are decided differently, and "
    variance = (assumed.discordance / assumed.base_rate + assumed.discordance / (1 - assumed.base_rate)) / 4
    return variance, f"{given}{percent(assumed.base_rate)} of the rows are positive"


def _auc_difference(_: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    variance = 2 * (1 - assumed.correlation) * auc_variance(assumed.auc, assumed.base_rate)
    given = f"at a ROC-AUC of {assumed.auc:g}, correlated at {assumed.correlation:g} (Hanley and McNeil), "
    return variance, f"{given}and {percent(assumed.base_rate)} of the rows are positive"


def _loss_difference(rule: MetricRule, assumed: Assumptions) -> tuple[float, str]:
    deviation = math.sqrt(assumed.base_rate * (1 - assumed.base_rate))
    slope = 2 * deviation if rule.metric == "brier" else 1 / deviation
    given = f"their scores differ by {assumed.score_difference:g} (root mean square), "
    return (assumed.score_difference * slope) ** 2, f"{given}and {percent(assumed.base_rate)} of the rows are positive"


def _proportion(truth: float, _: Assumptions) -> float:
    return truth * (1 - truth)


def _two_proportions(truth: float, assumed: Assumptions) -> float:
    return truth * (1 - truth) * (1 / assumed.base_rate + 1 / (1 - assumed.base_rate)) / 4


def _auc(truth: float, assumed: Assumptions) -> float:
    return auc_variance(truth, assumed.base_rate)


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
