"""Metrics of predicted values that are no mean over rows: root mean squared error, R²."""

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.folding import OfSums, Statistic
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.weighted import Sum, ratio

_ROUNDING = 1e-12


class RootMeanSquaredError(Metric):
    """Root of the mean squared error."""

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted error; see `Metric.statistic`."""
        squares = np.square(scores - truth)
        return OfSums(lambda errors, total: np.sqrt(ratio(errors, total)), (Sum(squares), Sum()))

    def _scale(self, truth: FloatArray, scores: tuple[FloatArray, ...], options: Options) -> float:
        seen = max(float(np.max(np.abs(model - truth))) for model in scores)
        # Models that never err show no size of an error; that of a model which knows the mean only stands in.
        scale = seen or float(np.max(np.abs(truth - np.mean(truth))))
        if scale == 0:
            raise NotMeasurable("No row has an error and all labels are the same: nothing shows how far a row may err.")
        return scale


class RSquared(Metric):
    """Share of the labels' variance that the predictions explain; below 0 for worse than the mean."""

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted share; see `Metric.statistic`."""
        squares = np.square(scores - truth)
        # Centred first: a difference of large squares would lose its digits.
        centred = truth - np.mean(truth)
        if float(np.ptp(truth)) == 0:
            centred = np.zeros(len(truth))

        return OfSums(_r_squared, (Sum(squares), Sum(np.square(centred)), Sum(centred), Sum()))

    def _scale(self, truth: FloatArray, scores: tuple[FloatArray, ...], options: Options) -> float:
        largest = max(float(np.max(np.square(model - truth))) for model in scores)
        return max(1.0, largest / float(np.var(truth)))

    def _undefined(self, options: Options) -> str:
        return "all labels are the same"


def _r_squared(errors: FloatArray, squares: FloatArray, labels: FloatArray, total: FloatArray) -> FloatArray:
    """Compute the share from the sums of squared errors, of squared labels, of labels, and of weights."""
    variance = ratio(squares, total) - np.square(ratio(labels, total))
    # What rounding leaves of the variance of equal labels is none.
    variance[variance <= _ROUNDING * ratio(squares, total)] = 0
    return 1 - ratio(ratio(errors, total), variance)
