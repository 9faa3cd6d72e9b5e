"""The precision-recall steps under many sets of row weights at once: average precision, recall at a precision."""

import numpy as np

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray
from airflow_provider_mlops.statistics.weighted import ratio

_ROUNDING = 1e-12


class Ranking:
    """Rows in the order of their scores, so that a resample is only a set of weights.

    :param positive: mask of the positive class.
    :param scores: finite scores, higher for more likely positive.
    """

    def __init__(self, positive: BoolArray, scores: FloatArray) -> None:
        self._order = np.argsort(-scores, kind="stable")
        found = positive[self._order]
        self._positives = self._order[found]
        # Precision is only read where a positive row is found; tied scores are one step, read at its end.
        taken, wins = -scores[self._order], -scores[self._positives]
        self._taken_ends = np.searchsorted(taken, wins, side="right") - 1
        self._found_ends = np.searchsorted(wins, wins, side="right") - 1
        self._tied = not np.array_equal(self._found_ends, np.arange(len(wins)))

    def average_precision(self, weights: FloatArray) -> FloatArray:
        """Compute the average precision of resamples.

        :param weights: how often each row counts, of shape (resamples, rows), in the order the rows were given.
        :return: one value per resample; NaN where the positive class has no weight.
        """
        own, found, taken, total = self._steps(weights)
        precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
        return ratio(np.einsum("ij,ij->i", own, precision), total)

    def recall_at(self, weights: FloatArray, precision: float) -> FloatArray:
        """Compute the highest recall of resamples among the thresholds that keep a precision.

        :param weights: as for `average_precision`.
        :param precision: the precision to keep.
        :return: one value per resample, 0 where no threshold keeps it; NaN where the positive class has no weight.
        """
        _, found, taken, total = self._steps(weights)
        kept = (taken > 0) & (found >= precision * taken * (1 - _ROUNDING))
        return ratio(np.where(kept, found, 0.0).max(axis=1), total)

    def _steps(self, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return, per positive row, its weight and what is found and taken at or above its score; and all positives."""
        own = np.take(weights, self._positives, axis=1)
        running = np.cumsum(own, axis=1)
        found = np.take(running, self._found_ends, axis=1) if self._tied else running
        taken = np.take(weights, self._order, axis=1)
        np.cumsum(taken, axis=1, out=taken)
        return own, found, np.take(taken, self._taken_ends, axis=1), running[:, -1]
