"""The area under the ROC curve for many sets of row weights at once, exact with ties: what a bootstrap of it needs.

Scores are sorted once. A set of weights then costs a gather and a running sum of the negatives, read at every
positive.
"""

import numpy as np

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.folded_auc import Order, folded_auc
from airflow_provider_mlops.statistics.folding import Foldable, Statistic

_STRIDE = 32
"""The running sum is made in this many steps over whole lanes, which is faster than one long chain of additions."""


class WeightedAuc(Foldable):
    """The area as a function of the rows' weights.

    :param positive: mask of the positive class, both classes present.
    :param scores: finite scores, higher for more likely positive.
    """

    def __init__(self, positive: BoolArray, scores: FloatArray) -> None:
        rows = np.argsort(scores, kind="stable")
        self._positives, negatives = rows[positive[rows]], rows[~positive[rows]]
        below, wins = scores[negatives], scores[self._positives]
        first, last = np.searchsorted(below, wins, "left"), np.searchsorted(below, wins, "right")
        self._lanes = len(negatives) // _STRIDE + 1
        # Position j holds the weight of the j lowest negatives; position 0 nothing, those after the last are not read.
        padded = np.full(_STRIDE * self._lanes, negatives[0])
        padded[1 : len(negatives) + 1] = negatives
        self._negatives = padded.reshape(self._lanes, _STRIDE).T.ravel()
        self._first, self._last = self._place(first), self._place(last)
        self._tied = not np.array_equal(first, last)
        self._all = int(self._place(np.array(len(negatives))))
        self._order = Order(self._positives, negatives, first, last)

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Compute the area of every set of weights.

        :param weights: of shape (sets, rows), finite and not negative.
        :return: one area per set; NaN where a class has no weight.
        """
        sums = self._running_sums(weights)
        wins = np.take(weights, self._positives, axis=1)
        beaten = np.take(sums, self._first, axis=1)
        if self._tied:
            beaten += np.take(sums, self._last, axis=1)
            beaten /= 2
        pairs = wins.sum(axis=1) * sums[:, self._all]
        won = np.einsum("ij,ij->i", wins, beaten)
        return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    def folded(self, clusters: Clusters) -> Statistic | None:
        """Add up the pairs of each two clusters; see `Foldable.folded`."""
        return folded_auc(self._order, clusters)

    def _running_sums(self, weights: FloatArray) -> FloatArray:
        """Sum the weights of the negatives up to each, lanes side by side."""
        lanes = np.take(weights, self._negatives, axis=1).reshape(len(weights), _STRIDE, self._lanes)
        lanes[:, 0, 0] = 0
        for step in range(1, _STRIDE):
            lanes[:, step] += lanes[:, step - 1]
        before = np.cumsum(lanes[:, -1, :-1], axis=1)
        lanes[:, :, 1:] += before[:, None, :]
        return lanes.reshape(len(weights), -1)

    def _place(self, position: IntArray) -> IntArray:
        """Say where the running sum up to a position lies among the lanes."""
        return position % _STRIDE * self._lanes + position // _STRIDE
