"""Intervals of a quantile that assume nothing about the distribution: order statistics, ranked by the binomial law."""

import math
from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt
from scipy import special

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import as_floats, check_finite

METHOD = "order_statistics"


def quantile_interval(values: npt.ArrayLike, q: float, level: float) -> Interval:
    """Give a quantile its interval: each bound is one of the values, and errs with at most half of ``1 - level``.

    :param values: independent measurements, e.g. latencies without the warm-up.
    :param q: which quantile, 0.95 for p95.
    :param level: two-sided confidence level; 0.90 holds two one-sided bounds at alpha 0.05.
    :return: the quantile with its interval.
    :raises NotMeasurable: when there are too few values for both bounds (59 for p95 at 0.90), or one is NaN.
    """
    numbers = as_floats(values, "values")
    check_finite(numbers, "values")
    n, least = len(numbers), values_needed(q, level)
    if n < least:
        raise NotMeasurable(
            f"There are {n} values; the bounds of quantile {q:g} at level {level:g} need at least {least}."
        )
    error = (1 - level) / 2

    def at_most(below: int) -> float:
        return float(special.bdtr(below, n, q))

    # The quantile is above the value of rank r when at least r values fall below it.
    low = bisect_right(range(n), error, key=at_most)
    high = bisect_left(range(n), 1 - error, key=at_most) + 1
    ordered = np.sort(numbers)
    value = float(np.quantile(ordered, q))
    return Interval(value, min(float(ordered[low - 1]), value), max(float(ordered[high - 1]), value), n, METHOD)


def values_needed(q: float, level: float) -> int:
    """Compute how many values it takes for a quantile to have bounds at all.

    :param q: which quantile.
    :param level: two-sided confidence level.
    :return: the number, 59 for p95 at level 0.90.
    :raises BadInput: when the quantile or the level is not between 0 and 1.
    """
    if not 0 < q < 1 or not 0 < level < 1:
        raise BadInput(f"There is no quantile {q!r} at level {level!r}; both must be above 0 and below 1.")
    # All values on one side of the quantile must be improbable enough.
    return math.ceil(math.log((1 - level) / 2) / math.log(max(q, 1 - q)))
