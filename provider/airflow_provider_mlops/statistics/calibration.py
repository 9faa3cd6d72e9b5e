"""Expected calibration error: how far predicted probabilities are from observed shares, in bins of equal width."""

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.metric import Metric, Options, Statistic
from airflow_provider_mlops.statistics.weighted import ratio, sums_by


class CalibrationError(Metric):
    """Mean over rows of the gap, in a row's bin, between mean probability and share of positives (Naeini et al. 2015).

    It is never below 0, so noise lifts it: a perfectly calibrated model has about 0.4 times the root of bins / rows.
    """

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted error; see `Metric.statistic`."""
        bins = int(self._params(options)["bins"])
        places = np.minimum((scores * bins).astype(np.int64), bins - 1)
        gaps = sums_by(places, bins, scores - truth)
        return lambda weights: ratio(np.abs(gaps(weights)).sum(axis=1), weights.sum(axis=1))
