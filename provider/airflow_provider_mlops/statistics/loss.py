"""Losses that are a mean over rows: Brier score and log loss, alone and paired."""

from collections.abc import Callable

import numpy as np

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray
from airflow_provider_mlops.statistics.intervals import mean_interval

CLIP = 1e-15
"""Scores are kept this far from 0 and 1 before a logarithm is taken."""

Loss = Callable[[BoolArray, FloatArray], FloatArray]


def brier(positive: BoolArray, scores: FloatArray) -> FloatArray:
    """Compute the squared error of every row (Brier 1950).

    :param positive: mask of the positive class.
    :param scores: probabilities of the positive class.
    :return: one loss per row, 0 to 1.
    """
    return np.asarray(np.square(scores - positive))


def log_loss(positive: BoolArray, scores: FloatArray) -> FloatArray:
    """Compute the negative log-likelihood of every row, scores clipped at 1e-15.

    :param positive: mask of the positive class.
    :param scores: probabilities of the positive class.
    :return: one loss per row, in nats, 0 to 34.6.
    """
    right = np.where(positive, scores, 1 - scores)
    return np.asarray(-np.log(np.clip(right, CLIP, 1 - CLIP)))


def loss_interval(loss: Loss, positive: BoolArray, scores: FloatArray, level: float) -> Interval:
    """Give a mean loss its interval.

    :param loss: the loss of a row.
    :param positive: mask of the positive class.
    :param scores: probabilities of the positive class.
    :param level: two-sided confidence level.
    :return: the mean with its Student interval.
    :raises NotMeasurable: with fewer than 30 rows.
    """
    values = loss(positive, scores)
    return mean_interval(values, level, scale=float(np.max(values, initial=0.0)))


def loss_difference(
    loss: Loss, positive: BoolArray, candidate: FloatArray, champion: FloatArray, level: float
) -> Interval:
    """Give the mean difference of two losses on the same rows its paired interval.

    :param loss: the loss of a row.
    :param positive: mask of the positive class.
    :param candidate: probabilities from the candidate.
    :param champion: probabilities from the champion.
    :param level: two-sided confidence level.
    :return: mean loss of the candidate minus mean loss of the champion.
    :raises NotMeasurable: with fewer than 30 rows.
    """
    ours, theirs = loss(positive, candidate), loss(positive, champion)
    scale = float(max(np.max(ours, initial=0.0), np.max(theirs, initial=0.0)))
    return mean_interval(ours - theirs, level, scale=scale, method="student_t_paired")
