"""The area under the ROC curve and what is known about its error (DeLong, DeLong and Clarke-Pearson 1988).

The placements come from midranks in O(n log n) (Sun and Xu 2014, IEEE Signal Processing Letters 21(11)). Rows must be
independent cases; where an entity has several rows, these intervals are too short.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, check_classes
from airflow_provider_mlops.statistics.intervals import two_sided_z, unseen, wilson

MIN_PER_CLASS = 10
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Placements:
    """How each row of one class stands among the rows of the other.

    :param auc: the area.
    :param positives: per positive row, the share of negatives that it beats (ties count half).
    :param negatives: per negative row, the share of positives that beat it.
    """

    auc: float
    positives: FloatArray
    negatives: FloatArray


def midranks(values: FloatArray) -> FloatArray:
    """Rank values from 1; ties share the mean of their ranks.

    :param values: finite numbers.
    :return: one rank per value, in the order given.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.append(starts, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (sizes + 1) / 2, sizes)
    return ranks


def placements(positive: BoolArray, scores: FloatArray) -> Placements:
    """Compute the area and the placements that its variance is made of.

    :param positive: mask of the positive class, both classes present.
    :param scores: finite scores, higher for more likely positive.
    :return: the area and the placements.
    """
    ranks = midranks(scores)
    m = int(np.count_nonzero(positive))
    n = len(scores) - m
    wins = (ranks[positive] - midranks(scores[positive])) / n
    losses = 1 - (ranks[~positive] - midranks(scores[~positive])) / m
    return Placements(float(np.mean(wins)), wins, losses)


def auc_value(positive: BoolArray, scores: FloatArray) -> float:
    """Compute the area alone.

    :param positive: mask of the positive class.
    :param scores: finite scores, higher for more likely positive.
    :return: the area, 0 to 1.
    :raises NotMeasurable: when a class is missing.
    """
    check_classes(positive, 1)
    return placements(positive, scores).auc


def auc_interval(positive: BoolArray, scores: FloatArray, level: float) -> Interval:
    """Give the area its DeLong interval, made on the logit scale so that it stays within 0 and 1.

    Where the classes are perfectly separated the DeLong variance is zero; then the interval is Wilson's on the smaller
    class.

    :param positive: mask of the positive class, at least 10 rows of each.
    :param scores: finite scores, higher for more likely positive.
    :param level: two-sided confidence level.
    :return: the area with its interval.
    :raises NotMeasurable: when a class has too few rows.
    """
    check_classes(positive, MIN_PER_CLASS)
    placed = placements(positive, scores)
    variance = _variance(placed.positives, placed.negatives)
    auc, n = placed.auc, len(scores)
    if variance <= _ROUNDING**2 or not 0 < auc < 1:
        smaller = min(len(placed.positives), len(placed.negatives))
        fallback = wilson(auc * smaller, smaller, level)
        return Interval(auc, fallback.low, fallback.high, n, "wilson_smaller_class")
    half = two_sided_z(level) * math.sqrt(variance) / (auc * (1 - auc))
    centre = float(special.logit(auc))
    return Interval(auc, float(special.expit(centre - half)), float(special.expit(centre + half)), n, "delong_logit")


def auc_difference(positive: BoolArray, candidate: FloatArray, champion: FloatArray, level: float) -> Interval:
    """Give the difference of two areas on the same rows its DeLong interval, covariance included.

    Where both models rank every pair alike the variance is zero; then the interval is what unseen rows of the smaller
    class could change.

    :param positive: mask of the positive class, at least 10 rows of each.
    :param candidate: finite scores of the candidate.
    :param champion: finite scores of the champion.
    :param level: two-sided confidence level.
    :return: area of the candidate minus area of the champion.
    :raises NotMeasurable: when a class has too few rows.
    """
    check_classes(positive, MIN_PER_CLASS)
    ours, theirs = placements(positive, candidate), placements(positive, champion)
    # The placements of the difference are the differences of the placements: the covariance is in them.
    variance = _variance(ours.positives - theirs.positives, ours.negatives - theirs.negatives)
    value = ours.auc - theirs.auc
    if variance <= _ROUNDING**2:
        half, method = unseen(min(len(ours.positives), len(ours.negatives)), level), "unseen_smaller_class"
    else:
        half, method = two_sided_z(level) * math.sqrt(variance), "delong_paired"
    return Interval(value, max(value - half, -1.0), min(value + half, 1.0), len(candidate), method)


def _variance(positives: FloatArray, negatives: FloatArray) -> float:
    return float(np.var(positives, ddof=1)) / len(positives) + float(np.var(negatives, ddof=1)) / len(negatives)
