"""Distances of two numeric columns that only their bins are known of."""

import math

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import BinnedNumbers


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


def binned_wasserstein(was: BinnedNumbers, now: BinnedNumbers) -> float | None:
    """Estimate the Wasserstein distance, as if values lay evenly inside each bin.

    :param was: the reference, with at least one value.
    :param now: the column now, by the same edges.
    :return: the distance in standard deviations of the reference; None when that is constant or a value is infinite.
    """
    spread = was.moments.spread
    if was.infinite or now.infinite or was.smallest == was.largest or not spread > 0 or not math.isfinite(spread):
        return None
    gap = (_upto(was) - _upto(now))[1:-2]
    before, after = np.append(0.0, gap), np.append(gap - (was.at_edges / was.present - now.at_edges / now.present), 0.0)
    means = abs(was.moments.mean - now.moments.mean)
    if np.all(np.append(before, after) >= 0) or np.all(np.append(before, after) <= 0):
        # One function is above the other everywhere: the distance is that of the means.
        return means / spread
    low, high = min(was.smallest, now.smallest), max(was.largest, now.largest)
    width = np.diff(np.concatenate([[low], np.clip(was.edges, low, high), [high]]))
    both = np.abs(before) + np.abs(after)
    mean_gap = both / 2
    crosses = before * after < 0
    mean_gap[crosses] = ((np.square(before) + np.square(after))[crosses]) / (2 * both[crosses])
    moved = max(float(np.sum(mean_gap * width)), means) / spread
    return moved if math.isfinite(moved) else None


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
