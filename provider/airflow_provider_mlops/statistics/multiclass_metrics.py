"""Metrics of several classes that are a mean over classes: macro F1, macro recall."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.folding import OfSums, Statistic
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.weighted import ratio, sums_by


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroMetric(Metric):
    """A metric of each class, averaged over the classes; the predicted class is the one with the highest score.

    :param of: maps rows found, predicted and true, each of shape (k, classes), to the metric of each class.
    """

    of: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted mean over classes; see `Metric.statistic`."""
        size = scores.shape[1]
        actual, predicted = truth.astype(np.int64), np.argmax(scores, axis=1)
        found = sums_by(actual, size, (actual == predicted).astype(np.float64))
        parts = (found, sums_by(predicted, size), sums_by(actual, size))
        return OfSums(lambda *sums: np.asarray(self.of(*sums).mean(axis=1)), parts)


def f1(found: FloatArray, predicted: FloatArray, actual: FloatArray) -> FloatArray:
    """Compute the harmonic mean of precision and recall of each class."""
    return ratio(2 * found, predicted + actual)


def recall(found: FloatArray, _: FloatArray, actual: FloatArray) -> FloatArray:
    """Compute the recall of each class."""
    return ratio(found, actual)
