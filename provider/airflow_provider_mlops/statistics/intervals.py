"""Intervals that several metrics share: the normal quantile, a proportion's interval, the interval of a mean."""

import math

import numpy as np
from scipy import special

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray

MIN_ROWS_FOR_MEAN = 30
"""Rows below which the distribution of a mean is not taken for normal."""

EXACT_BELOW = 10
"""Cases that count, or that do not, below which a proportion has its exact interval."""
_ROUNDING = 1e-12


def two_sided_z(level: float) -> float:
    """Return the normal quantile of a two-sided interval.

    :param level: confidence level, above 0 and below 1; 0.90 holds two one-sided bounds at alpha 0.05.
    :return: the quantile, 1.645 for 0.90.
    :raises BadInput: when the level is out of range.
    """
    if not 0 < level < 1:
        raise BadInput(f"The confidence level must be above 0 and below 1, not {level!r}.")
    return float(special.ndtri((1 + level) / 2))


def wilson(successes: float, n: int, level: float) -> Interval:
    """Give a proportion its score interval (Wilson 1927): sound for small n and near 0 and 1.

    :param successes: cases that count, between 0 and n.
    :param n: all cases.
    :param level: two-sided confidence level.
    :return: the proportion with its interval.
    :raises NotMeasurable: when there are no cases.
    """
    if n < 1:
        raise NotMeasurable("There are no rows.")
    z = two_sided_z(level)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # Rounding must not push a bound past the share itself at 0 and at 1.
    return Interval(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)), n, "wilson")


def clopper_pearson(successes: int, n: int, level: float) -> Interval:
    """Give a proportion its exact interval (Clopper and Pearson 1934): it never covers less than its level.

    :param successes: cases that count, between 0 and n.
    :param n: all cases.
    :param level: two-sided confidence level.
    :return: the proportion with its interval.
    :raises NotMeasurable: when there are no cases.
    """
    if n < 1:
        raise NotMeasurable("There are no rows.")
    two_sided_z(level)
    low = float(special.betaincinv(successes, n - successes + 1, (1 - level) / 2)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, n - successes, (1 + level) / 2)) if successes < n else 1.0
    return Interval(successes / n, low, high, n, "clopper_pearson")


def proportion(successes: int, n: int, level: float) -> Interval:
    """Give a proportion its interval: exact where few cases count, or few do not, else Wilson's.

    A one-sided Wilson bound errs too often near 0 and 1, on the side that would let a rule pass.

    :param successes: cases that count, between 0 and n.
    :param n: all cases.
    :param level: two-sided confidence level.
    :return: the proportion with its interval.
    :raises NotMeasurable: when there are no cases.
    """
    few = min(successes, n - successes) < EXACT_BELOW
    return clopper_pearson(successes, n, level) if few else wilson(successes, n, level)


def unseen(n: int, level: float) -> float:
    """Bound the share of cases of a kind that n cases did not show: Wilson's upper bound at zero.

    A variance of zero is no proof that there is none: this is what such a sample still allows.

    :param n: cases seen.
    :param level: two-sided confidence level.
    :return: the share, 1 when there are no cases.
    """
    z = two_sided_z(level)
    return z * z / (n + z * z)


def mean_interval(values: FloatArray, level: float, *, scale: float, method: str = "student_t") -> Interval:
    """Give a mean its Student interval, widened on the side of the longer tail (Johnson 1978).

    Without that, a few rows with large losses would be missed too often on the side that lets a rule pass. Where all
    values are equal, but for rounding, the interval is what `unseen` rows could change, each by at most ``scale``.

    :param values: one independent value per row.
    :param level: two-sided confidence level.
    :param scale: largest size that a value was seen or known to have.
    :param method: name to keep with the interval.
    :return: the mean with its interval.
    :raises NotMeasurable: with fewer than 30 rows, where a mean is not taken for normal.
    """
    n = len(values)
    if n < MIN_ROWS_FOR_MEAN:
        raise NotMeasurable(f"There are {n} rows; a mean needs at least {MIN_ROWS_FOR_MEAN} for its interval.")
    mean = float(np.mean(values))
    if float(np.ptp(values)) <= _ROUNDING * scale:
        half = unseen(n, level) * scale
        return Interval(mean, mean - half, mean + half, n, method)
    gaps = values - mean
    spread = float(np.std(values, ddof=1))
    t = float(special.stdtrit(n - 1, (1 + level) / 2))
    shift = float(np.mean((gaps / spread) ** 3)) * (2 * t * t + 1) / (6 * math.sqrt(n))
    error = spread / math.sqrt(n)
    return Interval(mean, mean - error * (t - min(shift, 0.0)), mean + error * (t + max(shift, 0.0)), n, method)
