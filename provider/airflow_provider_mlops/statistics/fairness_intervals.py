"""Score intervals of two independent proportions: their difference and their ratio, for many pairs at once.

The score method (Miettinen and Nurminen 1985) with the Gart-Nam correction for skewness (1988, 1990): each of
the two bounds errs at its own rate, also with few rows and near 0 and 1, which a gate needs, since it asks one bound.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.intervals import two_sided_z

METHOD = "gart_nam"
Score = Callable[[FloatArray], FloatArray]
_STEPS = 45


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Shares of several groups, as counts.

    :param cases: rows that count, per group.
    :param rows: all rows, per group.
    """

    cases: FloatArray
    rows: FloatArray

    @property
    def share(self) -> FloatArray:
        """The share of each group, NaN without rows."""
        return np.asarray(self.cases / np.where(self.rows > 0, self.rows, np.nan), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Values with their confidence bounds, one per group; NaN where there is none.

    :param value: the point estimates.
    :param low: lower bounds.
    :param high: upper bounds.
    :param methods: how each was made, where that differs from group to group.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    methods: tuple[str, ...] = ()


def wilson_bounds(shares: Shares, level: float) -> Bounds:
    """Give each share its score interval (Wilson 1927).

    :param shares: the groups.
    :param level: two-sided confidence level.
    :return: the shares with their intervals.
    """
    z = two_sided_z(level)
    n = np.where(shares.rows > 0, shares.rows, np.nan)
    p = shares.share
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Bounds(p, np.clip(np.minimum(centre - half, p), 0, 1), np.clip(np.maximum(centre + half, p), 0, 1))


def difference_bounds(group: Shares, reference: Shares, level: float, *, skewness: bool = True) -> Bounds:
    """Give each difference of shares its score interval.

    :param group: the groups.
    :param reference: what each is compared with.
    :param level: two-sided confidence level.
    :param skewness: whether to correct for skewness; without it is the interval of Miettinen and Nurminen.
    :return: share of the group minus share of the reference.
    """

    def score(difference: FloatArray) -> FloatArray:
        p, q = _shared_by_difference(group, reference, difference)
        return _score(group, reference, p, q, difference, 1.0, skewness=skewness)

    value = group.share - reference.share
    z = two_sided_z(level)
    low = _bisect(score, z, inside=value, outside=np.full_like(value, -1.0))
    high = _bisect(score, -z, inside=value, outside=np.full_like(value, 1.0))
    return Bounds(value, low, high)


def ratio_bounds(group: Shares, reference: Shares, level: float, *, skewness: bool = True) -> Bounds:
    """Give each ratio of shares its score interval.

    :param group: the groups.
    :param reference: what each is compared with.
    :param level: two-sided confidence level.
    :param skewness: whether to correct for skewness; without it is the interval of Miettinen and Nurminen.
    :return: share of the group over share of the reference; NaN where the reference has no case.
    """

    def score(part: FloatArray) -> FloatArray:
        ratio = part / np.maximum(1 - part, np.finfo(float).tiny)
        p, q = _shared_by_ratio(group, reference, ratio)
        return _score(group, reference, p, q, 0.0, ratio, skewness=skewness)

    value = group.share / np.where(reference.cases > 0, reference.share, np.nan)
    z = two_sided_z(level)
    # Searched as r / (1 + r), which runs from 0 to 1.
    inside = value / (1 + value)
    low = _bisect(score, z, inside=inside, outside=np.zeros_like(value))
    high = _bisect(score, -z, inside=inside, outside=np.ones_like(value))
    low[group.cases == 0] = 0.0
    with np.errstate(divide="ignore"):
        return Bounds(value, np.minimum(low / (1 - low), value), np.maximum(high / (1 - high), value))


def _bisect(
    score: Callable[[FloatArray], FloatArray], z: float, *, inside: FloatArray, outside: FloatArray
) -> FloatArray:
    """Bisect for the hypothesis whose score is z: between the estimate and the end of the range."""
    inside, outside = inside.copy(), outside.copy()
    side = 1.0 if z > 0 else -1.0
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        within = side * score(middle) < abs(z)
        inside = np.where(within, middle, inside)
        outside = np.where(within, outside, middle)
    return outside


def _score(
    group: Shares,
    reference: Shares,
    p: FloatArray,
    q: FloatArray,
    difference: FloatArray | float,
    ratio: FloatArray | float,
    *,
    skewness: bool,
) -> FloatArray:
    """Give the score statistic under ``p = ratio * q + difference``, where p and q are the shares that fit best."""
    n, m = group.rows, reference.rows
    gap = group.share - ratio * reference.share - difference
    variance = (p * (1 - p) / n + ratio * ratio * q * (1 - q) / m) * ((n + m) / np.maximum(n + m - 1, 1))
    safe = np.where(variance > 0, variance, np.nan)
    plain = gap / np.sqrt(safe)
    if skewness:
        third = p * (1 - p) * (1 - 2 * p) / (n * n) - ratio**3 * q * (1 - q) * (1 - 2 * q) / (m * m)
        skew = third / (6 * safe**1.5)
        root = 1 + 4 * skew * (plain + skew)
        corrected = 2 * (plain + skew) / (1 + np.sqrt(np.maximum(root, 0.0)))
        plain = np.where(root >= 0, corrected, plain)
    return np.where(variance > 0, plain, np.where(gap == 0, 0.0, np.copysign(np.inf, gap)))


def _shared_by_ratio(group: Shares, reference: Shares, ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit both shares under one ratio: a quadratic equation (Miettinen and Nurminen 1985)."""
    square = (group.rows + reference.rows) * ratio
    linear = -(ratio * (group.rows + reference.cases) + group.cases + reference.rows)
    constant = group.cases + reference.cases
    root = np.sqrt(np.maximum(linear * linear - 4 * square * constant, 0.0))
    # The form that does not cancel: the smaller root, also where the ratio is 0.
    q = np.clip(2 * constant / (root - linear), 0.0, 1.0)
    p = np.clip(ratio * q, 0.0, 1.0)
    return p, q


def _shared_by_difference(group: Shares, reference: Shares, difference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit both shares under one difference: a cubic equation (Farrington and Manning 1990)."""
    n, m, x, y = group.rows, reference.rows, group.cases, reference.cases
    a = n + m
    b = (n + 2 * m) * difference - a - x - y
    c = (m * difference - a - 2 * y) * difference + x + y
    d = y * difference * (1 - difference)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) + d / (2 * a)
    u = np.copysign(np.sqrt(np.maximum((b / (3 * a)) ** 2 - c / (3 * a), 0.0)), v)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(u == 0, 0.0, v / np.where(u == 0, 1.0, u**3))
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3
    q = np.clip(2 * u * np.cos(angle) - b / (3 * a), np.maximum(0.0, -difference), np.minimum(1.0, 1 - difference))
    return np.clip(q + difference, 0.0, 1.0), q
