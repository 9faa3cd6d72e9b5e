"""Expected calibration error: how far predicted probabilities are from observed shares, in bins of equal width."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.metric import Metric, Options, Statistic
from airflow_provider_mlops.statistics.weighted import ratio, sums_by


class CalibrationError(Metric):
    """Mean over rows of the gap, in a row's bin, between mean probability and share of positives (Naeini et al. 2015).

    It is never below 0, so noise lifts it: a perfectly calibrated model has about 0.4 times the root of bins / rows.
    The lower bound allows for that: it takes off as much as noise alone could have put there.
    """

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted error; see `Metric.statistic`."""
        gaps = self._gaps(truth, scores, options)
        return lambda weights: np.asarray(np.abs(gaps(weights)).sum(axis=1))

    def measure(self, labels: Any, scores: Any, options: Options) -> Interval:
        """Measure the error with its interval; see `Metric.measure`."""
        measured = super().measure(labels, scores, options)
        rows = self._checked(labels, (scores,), options)
        gaps = self._gaps(rows.truth, rows.scores[0], options)
        own = np.ones((1, len(rows.truth))) if options.weights is None else options.weights[None, :]
        seen = gaps(own)
        # A bin's true gap is at least the seen one less the noise in it, so the sum is too.
        noise = self._resampled(rows, lambda weights: np.abs(gaps(weights) - seen).sum(axis=1), (0.0, 1.0), options)
        return replace(measured, low=min(measured.low, max(0.0, measured.value - noise.high)))

    def _gaps(self, truth: FloatArray, scores: FloatArray, options: Options) -> Callable[[FloatArray], FloatArray]:
        """Prepare the gap of every bin, as a part of all rows."""
        bins = int(self._params(options)["bins"])
        places = np.minimum((scores * bins).astype(np.int64), bins - 1)
        sums = sums_by(places, bins, scores - truth)

        def gaps(weights: FloatArray) -> FloatArray:
            found = sums(weights)
            return ratio(found, np.broadcast_to(weights.sum(axis=1)[:, None], found.shape))

        return gaps
