"""Average precision: the area under the precision-recall steps, alone and paired, by bootstrap."""

import numpy as np

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray
from airflow_provider_mlops.statistics.bootstrap import percentile, row_weights


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
        :return: one value per resample.
        """
        ordered = weights[:, self._order]
        found = np.cumsum(ordered * self._positive, axis=1)[:, self._ends]
        taken = np.cumsum(ordered, axis=1, out=ordered)[:, self._ends]
        precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
        steps = np.diff(found, axis=1, prepend=0.0)
        return np.asarray(np.einsum("ij,ij->i", steps, precision) / found[:, -1])


def average_precision(positive: BoolArray, scores: FloatArray) -> float:
    """Compute the average precision.

    :param positive: mask of the positive class, not empty.
    :param scores: finite scores, higher for more likely positive.
    :return: the value, 0 to 1.
    """
    return float(Ranking(positive, scores).average_precision(np.ones((1, len(scores))))[0])


def precision_interval(positive: BoolArray, scores: FloatArray, level: float, seed: int) -> Interval:
    """Give the average precision its bootstrap interval.

    :param positive: mask of the positive class, both classes present.
    :param scores: finite scores.
    :param level: two-sided confidence level.
    :param seed: seed of the draws.
    :return: the value with its interval.
    """
    ranking = Ranking(positive, scores)
    draws = np.concatenate([ranking.average_precision(weights) for weights in row_weights(positive, seed)])
    return percentile(average_precision(positive, scores), draws, positive, level)


def precision_difference(
    positive: BoolArray, candidate: FloatArray, champion: FloatArray, level: float, seed: int
) -> Interval:
    """Give the difference of two average precisions on the same rows its paired bootstrap interval.

    :param positive: mask of the positive class, both classes present.
    :param candidate: finite scores of the candidate.
    :param champion: finite scores of the champion.
    :param level: two-sided confidence level.
    :param seed: seed of the draws.
    :return: value of the candidate minus value of the champion.
    """
    ours, theirs = Ranking(positive, candidate), Ranking(positive, champion)
    draws = np.concatenate(
        [ours.average_precision(weights) - theirs.average_precision(weights) for weights in row_weights(positive, seed)]
    )
    value = average_precision(positive, candidate) - average_precision(positive, champion)
    return percentile(value, draws, positive, level)
