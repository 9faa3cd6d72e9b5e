"""The area under the ROC curve as a function of the weights of clusters, exact with ties.

For every pair of clusters, the weight of the pairs of rows that are won: a positive row of the one, a lower negative
row of the other, half where the scores are equal. A resample then costs as much as there are pairs of clusters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.folding import Statistic

_MOST_CLUSTERS = 2_000
_MOST_PAIRS = 32
"""Pairs of clusters per row above which the rows cost less."""
_LEAST_STRIDE = 16
_CELLS = 500_000
"""Cells of a table, or pairs of rows, that are held at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Rows of both classes in the order of their scores.

    :param positives: places of the positive rows, lowest score first.
    :param negatives: places of the negative rows, lowest score first.
    :param first: how many negatives are below each positive.
    :param last: how many negatives are below each positive, or equal.
    """

    positives: IntArray
    negatives: IntArray
    first: IntArray
    last: IntArray


def folded_auc(order: Order, clusters: Clusters) -> Statistic | None:
    """Prepare the area as a function of the weights of clusters.

    :param order: the rows in order.
    :param clusters: the clusters, with the rows' own weights.
    :return: maps weights of shape (sets, clusters) to one area per set, NaN where a class has no weight; None where
        there are too many clusters for this to pay.
    """
    if clusters.size > _MOST_CLUSTERS or clusters.size**2 > _MOST_PAIRS * len(clusters.codes):
        return None
    positives, negatives = _part(clusters, order.positives), _part(clusters, order.negatives)
    won = _won(positives, negatives, order.first)
    if not np.array_equal(order.first, order.last):
        won = (won + _won(positives, negatives, order.last)) / 2
    positive_sums, negative_sums = positives.sums(), negatives.sums()

    def areas(times: FloatArray) -> FloatArray:
        pairs = (times @ positive_sums) * (times @ negative_sums)
        found = np.einsum("ij,ij->i", times @ won, times)
        return np.divide(found, pairs, out=np.full(len(times), np.nan), where=pairs > 0)

    return areas


def _part(clusters: Clusters, rows: IntArray) -> Clusters:
    weights = None if clusters.weights is None else clusters.weights[rows]
    return Clusters(clusters.codes[rows], clusters.size, weights)


def _won(positives: Clusters, negatives: Clusters, places: IntArray) -> FloatArray:
    """Add up, for each pair of clusters, the weights of every positive with the negatives before its place.

    The negatives are cut into strides. Those of the whole strides before a place come from running sums by cluster,
    as products of matrices; those of the stride that holds the place are paired one by one.
    """
    stride = max(_LEAST_STRIDE, positives.size // 4)
    return _whole_strides(positives, negatives, places // stride, stride) + _last_strides(
        positives, negatives, places, stride
    )


def _whole_strides(positives: Clusters, negatives: Clusters, strides: IntArray, stride: int) -> FloatArray:
    size = positives.size
    won, before = np.zeros((size, size)), np.zeros(size)
    needed = int(strides[-1]) + 1
    held = min(needed, max(1, _CELLS // size))
    for start in range(0, needed, held):
        winners = slice(*np.searchsorted(strides, (start, start + held)))
        losers = slice(start * stride, (start + held) * stride)
        wins = _by_stride(positives, winners, strides[winners] - start, held)
        sums = _by_stride(negatives, losers, np.arange(len(negatives.codes[losers])) // stride, held)
        after = np.cumsum(sums, axis=0) + before
        won += wins[:1].T @ before[None, :] + wins[1:].T @ after[:-1]
        before = after[-1]
    return won


def _by_stride(rows: Clusters, part: slice, strides: IntArray, held: int) -> FloatArray:
    """Add up some rows by stride and cluster."""
    weights = None if rows.weights is None else rows.weights[part]
    return Clusters(strides, held, weights).sums_by(rows.codes[part], rows.size)


def _last_strides(positives: Clusters, negatives: Clusters, places: IntArray, stride: int) -> FloatArray:
    size = positives.size
    won = np.zeros(size * size)
    partners = places % stride
    for part in _slices(np.cumsum(partners)):
        times = partners[part]
        # The partners of a place are the last ones before it.
        ends = np.cumsum(times)
        losers = np.arange(int(ends[-1])) + np.repeat(places[part] - ends, times)
        cells = np.repeat(positives.codes[part] * size, times) + negatives.codes[losers]
        weights = None
        if positives.weights is not None and negatives.weights is not None:
            weights = np.repeat(positives.weights[part], times) * negatives.weights[losers]
        won += np.bincount(cells, weights=weights, minlength=size * size)
    return won.reshape(size, size)


def _slices(ends: IntArray) -> Iterator[slice]:
    """Cut places into parts of about as many pairs as are held at a time."""
    cuts = np.searchsorted(ends, np.arange(_CELLS, int(ends[-1]) + _CELLS, _CELLS)) + 1
    start = 0
    for cut in np.unique(np.minimum(cuts, len(ends))):
        yield slice(start, int(cut))
        start = int(cut)
