"""Distances of two numeric columns that only their bins are known of."""

import math
import sys

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import BinnedNumbers

_ROUNDING = 1e-12
"""By how much two means may be off together, against the largest value."""


def binned_ks(was: BinnedNumbers, now: BinnedNumbers) -> tuple[float, float]:
    """Bound the Kolmogorov-Smirnov distance.

    :param was: one column, with at least one value.
    :param now: the other one, by the same edges.
    :return: the largest gap at an edge, and the largest that any value inside a bin could make.
    """
    upto_p, upto_q = _upto(was), _upto(now)
    lower = float(np.max(np.abs(upto_p - upto_q)))
    # Between two edges one function can rise by all values there before the other one does.
    inside_p, inside_q = _inside(was), _inside(now)
    upper = float(np.max(np.abs(upto_p - upto_q)[:-1] + np.maximum(inside_p, inside_q), initial=0.0))
    return lower, min(1.0, max(lower, upper))


def binned_wasserstein(was: BinnedNumbers, now: BinnedNumbers) -> tuple[float, float] | None:
    """Bound the Wasserstein distance, the area between the two distribution functions.

    Each function is known at the edges and at its own ends; in between it may rise anywhere. The difference of the
    means is that area with its sign, which says how much is above where it is known how much is below.

    :param was: the reference, with at least one value.
    :param now: the column now, by the same edges.
    :return: what the distance is at least and at most, in standard deviations of the reference, to rounding; None when
        that is constant or a value is infinite.
    """
    spread = was.moments.spread
    if was.infinite or now.infinite or was.smallest == was.largest or not spread > 0 or not math.isfinite(spread):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        least, most = (area / spread for area in _areas(was, now))
    return (least, min(most, sys.float_info.max)) if math.isfinite(least) else None


def quantile(column: BinnedNumbers, share: float) -> tuple[float, float]:
    """Bound a quantile of the finite values: it lies inside one bin.

    :param column: the column, with at least one finite value.
    :param share: which quantile, 0 to 1.
    :return: lower and upper end of that bin, cut by the smallest and largest value.
    """
    rank = max(1, math.ceil(share * int(column.bins.sum())))
    place = int(np.searchsorted(np.cumsum(column.bins), rank))
    lower = float(column.edges[place - 1]) if place else column.smallest
    upper = float(column.edges[place]) if place < len(column.edges) else column.largest
    return max(lower, column.smallest), min(upper, column.largest)


def _upto(column: BinnedNumbers) -> FloatArray:
    """Share of values up to minus infinity, up to each edge, up to the largest finite one, and all."""
    return np.asarray(np.cumsum(np.concatenate([[column.below], column.bins, [column.above]])) / column.present)


def _inside(column: BinnedNumbers) -> FloatArray:
    """Share of values strictly between minus infinity, the edges, the largest finite value and infinity."""
    between = column.bins - np.append(column.at_edges, 0)
    return np.append(between, 0) / column.present


def _areas(was: BinnedNumbers, now: BinnedNumbers) -> tuple[float, float]:
    """Bound the area between two functions, which is finite values' alone."""
    ends = [was.smallest, was.largest, now.smallest, now.largest]
    low, high = min(ends), max(ends)
    at = np.unique(np.clip(np.concatenate([was.edges, ends]), low, high))
    width = np.diff(at)
    (least_p, most_p), (least_q, most_q) = _between(was, at), _between(now, at)
    above = [_area(width, gap) for gap in (least_p - most_q, most_p - least_q)]
    below = [_area(width, gap) for gap in (least_q - most_p, most_q - least_p)]
    least = [above[0] + below[0]]
    most = [_area(width, np.maximum(most_p - least_q, most_q - least_p))]
    if math.isfinite(apart := now.moments.mean - was.moments.mean):
        # The area above less the area below, as exactly as means of such numbers are known.
        doubt = _ROUNDING * max(abs(low), abs(high))
        least += [abs(apart) - doubt, apart + 2 * below[0] - doubt, 2 * above[0] - apart - doubt]
        most += [apart + 2 * below[1] + doubt, 2 * above[1] - apart + doubt]
    return min(max(least), *most), min(most)


def _area(width: FloatArray, gap: FloatArray) -> float:
    """Sum up where one function may be above; a width that no number can hold counts only there."""
    there = gap > 0
    return float(np.sum(width[there] * gap[there]))


def _between(column: BinnedNumbers, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bound the share of values up to any point between neighbours of a list that has its edges and its ends."""
    n, upto = int(column.bins.sum()), np.cumsum(column.bins)[:-1]
    edges = np.searchsorted(at, np.clip(column.edges, at[0], at[-1]))
    reached, below = np.zeros(len(at)), np.ones(len(at))
    np.maximum.at(reached, edges, upto / n)
    np.minimum.at(below, edges, (upto - column.at_edges) / n)
    first, last = np.searchsorted(at, [column.smallest, column.largest])
    reached[first], below[first] = max(reached[first], 1 / n), 0.0
    reached[last], below[last] = 1.0, min(below[last], (n - 1) / n)
    return np.maximum.accumulate(reached)[:-1], np.minimum.accumulate(below[::-1])[::-1][1:]
