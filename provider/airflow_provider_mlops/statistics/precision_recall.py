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
        self._positive = positive[self._order].astype(np.float64)
        ordered = scores[self._order]
        # Tied scores are one step: precision is only read where the score changes.
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def average_precision(self, weights: FloatArray) -> FloatArray:
        """Compute the average precision of resamples.

        :param weights: how often each row counts, of shape (resamples, rows), in the order the rows were given.
        :return: one value per resample; NaN where the positive class has no weight.
        """
        found, taken = self._steps(weights)
        precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
        steps = np.diff(found, axis=1, prepend=0.0)
        return ratio(np.einsum("ij,ij->i", steps, precision), found[:, -1])

    def recall_at(self, weights: FloatArray, precision: float) -> FloatArray:
        """Compute the highest recall of resamples among the thresholds that keep a precision.

        :param weights: as for `average_precision`.
        :param precision: the precision to keep.
        :return: one value per resample, 0 where no threshold keeps it; NaN where the positive class has no weight.
        """
        found, taken = self._steps(weights)
        kept = (taken > 0) & (found >= precision * taken * (1 - _ROUNDING))
        return ratio(np.where(kept, found, 0.0).max(axis=1), found[:, -1])

    def _steps(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sum the weights of the positive rows, and of all rows, at or above each score."""
        ordered = weights[:, self._order]
        found = np.cumsum(ordered * self._positive, axis=1)[:, self._ends]
        return found, np.cumsum(ordered, axis=1, out=ordered)[:, self._ends]
