"""The law of the two-sided Kolmogorov-Smirnov statistic, as exact as `scipy.stats.kstwo` and fast for millions of rows.

SciPy sums Smirnov's n (1 - x) terms one by one: a third of a second for a million values, beyond which it takes an
approximation. Neighbouring terms hardly differ then, so that the same sum is had from two thousand of them: the
trapezoidal rule for a smooth function that vanishes at both ends converges faster than any power of the step. Each
term is a binomial probability in Loader's form (2000, "Fast and accurate computation of binomial probabilities"), whose
exponent does not cancel.
"""

import math

import numpy as np
from scipy import special

from airflow_provider_mlops.statistics.arrays import FloatArray

_SUMMED_ONE_BY_ONE = 4_000
_APPROXIMATED = 1_000_000
"""Above this many values SciPy takes Smirnov's second-order limit, 1 % off where p is 1e-300; so do we, to agree."""
_POINTS = 2_000
_SMALL = 140
_CERTAIN = 0.2
"""Below this value of sqrt(n) x the p-value is 1 to twelve digits."""
_TWICE_ONE_SIDED = 2.2
"""From this value of n x**2 on both sides are never crossed: the p-value is twice the one-sided one (Miller 1956)."""
_VANISHED = 370.0


def kolmogorov_sf(n: int, x: float) -> float:
    """Compute the probability that the statistic of n values is x or more.

    Within 1e-9 (relative) of ``scipy.stats.kstwo.sf`` where that exceeds 1e-300.

    :param n: number of values, at least 1; for two samples the rounded ``n m / (n + m)``.
    :param x: the statistic, 0 to 1.
    :return: the p-value.
    """
    scaled = n * x * x
    if x <= 0 or n * x <= 0.5:
        return 1.0
    if x >= 1 or scaled >= _VANISHED:
        return 0.0
    if n <= _SMALL:
        return _by_scipy(n, x)
    if scaled >= _TWICE_ONE_SIDED:
        return min(1.0, 2 * smirnov_sf(n, x))
    if math.sqrt(scaled) <= _CERTAIN:
        return 1.0
    if n * x**1.5 <= 1.4:
        return _by_scipy(n, x)
    return 1 - _pelz_good(n, math.sqrt(scaled))


def smirnov_sf(n: int, x: float) -> float:
    """Compute the probability that the one-sided statistic of n values is x or more.

    :param n: number of values.
    :param x: the statistic, with n x**2 at least 2 where there are thousands of values.
    :return: the p-value.
    """
    if n <= _SUMMED_ONE_BY_ONE or n > _APPROXIMATED:
        return float(special.smirnov(n, x))
    # Both ends are left out: their terms are below exp(-n x), nothing beside exp(-2 n x**2).
    step = n * (1 - x) / _POINTS
    below = np.arange(1, _POINTS) * step
    above = n - below
    exponent = _deviance(below, n * x) + _deviance(above, -n * x)
    exponent += _stirling(below) + _stirling(above) - _stirling(np.array([float(n)]))
    terms = np.exp(-exponent) * np.sqrt(n / (2 * math.pi * below * above)) / (below + n * x)
    return float(np.sum(terms)) * step * n * x


def _deviance(count: FloatArray, moved: float) -> FloatArray:
    """``count log(count / (count + moved)) + moved`` without cancellation."""
    return count * _excess(moved / count)


def _excess(ratio: FloatArray) -> FloatArray:
    """``ratio - log(1 + ratio)``, by its series where both are nearly equal."""
    series = np.zeros_like(ratio)
    for power in range(14, 1, -1):
        series = ratio * series + (1 if power % 2 == 0 else -1) / power
    return np.where(np.abs(ratio) < 0.05, ratio * ratio * series, ratio - np.log1p(ratio))


def _stirling(count: FloatArray) -> FloatArray:
    """What Stirling's formula lacks of ``log(count!)``, for counts of one and more."""
    squared = 1 / np.square(count)
    return (1 / 12 - squared * (1 / 360 - squared * (1 / 1260 - squared / 1680))) / count


def _pelz_good(n: int, z: float) -> float:
    """The distribution function by the series of Pelz and Good (1976, J. R. Stat. Soc. B 38(2)), to ``n**-1.5``."""
    odd = np.square(2.0 * np.arange(1, math.ceil(16 * z / math.pi) + 1) - 1)
    even = np.square(np.arange(1.0, len(odd) + 1))
    z2, pi2 = z * z, math.pi**2
    weight = np.exp(-pi2 / (8 * z2) * odd)
    quarter = pi2 / 4 * odd
    first = np.sum(weight) / z
    second = np.sum(weight * (quarter - z2)) / (6 * z**4)
    third = np.sum(
        weight * (6 * z**6 + 2 * z**4 + (2 * z**4 - 5 * z2) * quarter + (1 - 2 * z2) * np.square(quarter))
    ) / (72 * z**7)
    fourth = np.sum(
        weight
        * (
            -30 * z**6
            - 90 * z**8
            + (135 * z**4 - 96 * z**6) * quarter
            + (212 * z**4 - 60 * z2) * np.square(quarter)
            + (5 - 30 * z2) * quarter**3
        )
    ) / (6480 * z**10)
    whole = np.exp(-pi2 / (2 * z2) * even)
    third -= np.sum(even * whole) * pi2 / (36 * z**3)
    fourth += np.sum((3 * z2 - pi2 * even) * even * whole) * pi2 / (216 * z**6)
    root = math.sqrt(n)
    return math.sqrt(2 * math.pi) * float(first + second / root + third / n + fourth / (n * root))


def _by_scipy(n: int, x: float) -> float:
    """Few values: SciPy is fast enough there, only its import is not."""
    from scipy import stats

    return float(stats.kstwo.sf(x, n))
