"""Losses of a row, whose means are metrics: Brier score, log loss, absolute error, pinball loss."""

import numpy as np

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray

CLIP = 1e-15
"""Probabilities are kept this far from 0 and 1 before a logarithm is taken."""


def brier(positive: BoolArray | FloatArray, scores: FloatArray) -> FloatArray:
    """Compute the squared error of every row (Brier 1950).

    :param positive: whether each row is of the positive class.
    :param scores: probabilities of the positive class.
    :return: one loss per row, 0 to 1.
    """
    return np.asarray(np.square(scores - positive))


def log_loss(positive: BoolArray | FloatArray, scores: FloatArray) -> FloatArray:
    """Compute the negative log-likelihood of every row, probabilities clipped at 1e-15.

    :param positive: whether each row is of the positive class.
    :param scores: probabilities of the positive class.
    :return: one loss per row, in nats, 0 to 34.6.
    """
    right = np.where(positive, scores, 1 - scores)
    return np.asarray(-np.log(np.clip(right, CLIP, 1 - CLIP)))


def multiclass_log_loss(classes: FloatArray, scores: FloatArray) -> FloatArray:
    """Compute the negative log-likelihood of every row, probabilities clipped at 1e-15.

    :param classes: index of each row's class.
    :param scores: probabilities of the classes, a row per row.
    :return: one loss per row, in nats, 0 to 34.6.
    """
    right = np.take_along_axis(scores, classes.astype(np.int64)[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(right, CLIP, 1 - CLIP)))


def absolute_error(truth: FloatArray, predicted: FloatArray) -> FloatArray:
    """Compute the size of every row's error.

    :param truth: the true values.
    :param predicted: the predicted values.
    :return: one loss per row.
    """
    return np.asarray(np.abs(predicted - truth))


def pinball(truth: FloatArray, predicted: FloatArray, *, quantile: float) -> FloatArray:
    """Compute the loss that the quantile itself minimises (Koenker and Bassett 1978).

    :param truth: the true values.
    :param predicted: the predicted quantile of each row.
    :param quantile: which quantile, above 0 and below 1.
    :return: one loss per row.
    """
    short = truth - predicted
    return np.asarray(np.maximum(quantile * short, (quantile - 1) * short))
