"""What the bounds say about groups: proved alike, proved treated otherwise, or too few rows to say.

PASS takes proof: each group's bound at alpha, without correction, since all of them must hold (intersection-union).
FAIL takes evidence that is rarely chance: two-sided bounds at alpha, corrected for the number of groups by Holm's
steps, since any of them refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.arrays import BoolArray, IntArray
from airflow_provider_mlops.statistics.fairness_compare import RATIO, Comparison
from airflow_provider_mlops.statistics.fairness_intervals import Bounds


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The outcomes of the groups compared.

    :param outcomes: one per group.
    :param bounds: value and bounds of level 1 - 2 alpha, which PASS is judged on.
    :param corrected: bounds which FAIL is judged on, at the last of Holm's steps.
    :param share: error rate of that step, of both bounds together.
    """

    outcomes: tuple[Outcome, ...]
    bounds: Bounds
    corrected: Bounds
    share: float


def decide(comparison: Comparison, groups: IntArray, limit: float, alpha: float) -> Decision:
    """Decide on every group compared.

    :param comparison: the measure, for all groups.
    :param groups: indices of the groups compared; they are the family that is corrected for.
    :param limit: the smallest ratio or the largest difference that is allowed.
    :param alpha: one-sided error rate of a PASS, and that of any FAIL among groups that are treated alike.
    :return: outcomes and bounds in the order of ``groups``.
    """
    proved, violated = (_ratio_proved, _ratio_violated) if comparison.metric == RATIO else (_kept, _beyond)

    def at(level: float) -> Bounds:
        found = comparison.bounds(level)
        methods = tuple(found.methods[group] for group in groups) if found.methods else ()
        return Bounds(found.value[groups], found.low[groups], found.high[groups], methods)

    bounds = at(1 - 2 * alpha)
    refused, share = holm_steps(lambda error: violated(at(1 - error), limit), len(groups), alpha)
    outcomes = tuple(
        Outcome.FAIL if fail else Outcome.PASS if good else Outcome.INCONCLUSIVE
        for fail, good in zip(refused, proved(bounds, limit), strict=True)
    )
    return Decision(outcomes, bounds, at(1 - share), share)


def holm_steps(rejects: Callable[[float], BoolArray], count: int, alpha: float) -> tuple[BoolArray, float]:
    """Reject by Holm's steps, asking for intervals of wider level instead of for p-values (Holm 1979).

    :param rejects: says which hypotheses an interval with an error rate rejects.
    :param count: number of hypotheses.
    :param alpha: error rate of any false rejection.
    :return: which are rejected, and the error rate of the last step.
    """
    rejected = np.zeros(count, dtype=np.bool_)
    share = alpha / max(count, 1)
    while not rejected.all():
        share = alpha / int(np.count_nonzero(~rejected))
        found = rejects(share) & ~rejected
        if not found.any():
            break
        rejected |= found
    return rejected, share


def _ratio_proved(bounds: Bounds, limit: float) -> BoolArray:
    """Say where the lower bound is above the limit, and the reference itself is not in sight of being worse off."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((bounds.low > limit) & (1 / bounds.value >= limit), dtype=np.bool_)


def _ratio_violated(bounds: Bounds, limit: float) -> BoolArray:
    """Say where practical and statistical evidence agree, for the group or for the reference as the one worse off."""
    worse = (bounds.value < limit) & (bounds.high < 1)
    better = (bounds.value * limit > 1) & (bounds.low > 1)
    return np.asarray(worse | better, dtype=np.bool_)


def _kept(bounds: Bounds, limit: float) -> BoolArray:
    return np.asarray((bounds.low >= -limit) & (bounds.high <= limit), dtype=np.bool_)


def _beyond(bounds: Bounds, limit: float) -> BoolArray:
    return np.asarray((bounds.low > limit) | (bounds.high < -limit), dtype=np.bool_)


def is_within(value: float, metric: str, limit: float) -> bool:
    """Say whether a point estimate keeps the limit.

    :param value: the estimate.
    :param metric: name of the measure.
    :param limit: the smallest ratio or the largest difference that is allowed.
    :return: True when it does.
    """
    return limit <= value <= 1 / limit if metric == RATIO else abs(value) <= limit
