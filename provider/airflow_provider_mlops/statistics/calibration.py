"""Expected calibration error: how far predicted probabilities are from observed shares, in bins of equal width."""

from dataclasses import replace
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.folding import OfSums, Statistic
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.weighted import Sum, Sums, ratio, sums_by


class CalibrationError(Metric):
    """Mean over rows of the gap, in a row's bin, between mean probability and share of positives (Naeini et al. 2015).

    It is never below 0, so noise lifts it: a perfectly calibrated model has about 0.4 times the root of bins / rows.
    The lower bound allows for that: it takes off as much as noise alone could have put there.
    """

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted error; see `Metric.statistic`."""
        parts = self._parts(truth, scores, options)
        return OfSums(lambda *sums: np.asarray(np.abs(_gaps(*sums)).sum(axis=1)), parts)

    def measure(self, labels: Any, scores: Any, options: Options) -> Interval:
        """Measure the error with its interval; see `Metric.measure`."""
        measured = super().measure(labels, scores, options)
        rows = self._checked(labels, (scores,), options)
        parts = self._parts(rows.truth, rows.scores[0], options)
        own = np.ones((1, len(rows.truth))) if options.weights is None else options.weights[None, :]
        seen = _gaps(*(part(own) for part in parts))
        # A bin's true gap is at least the seen one less the noise in it, so the sum is too.
        moved = OfSums(lambda *sums: np.asarray(np.abs(_gaps(*sums) - seen).sum(axis=1)), parts)
        noise = self._resampled(rows, moved, (0.0, 1.0), options)
        return replace(measured, low=min(measured.low, max(0.0, measured.value - noise.high)))

    def _parts(self, truth: FloatArray, scores: FloatArray, options: Options) -> tuple[Sums, Sums]:
        """Prepare the gaps of every bin, added up, and all weights."""
        bins = int(self._params(options)["bins"])
        places = np.minimum((scores * bins).astype(np.int64), bins - 1)
        return sums_by(places, bins, scores - truth), Sum()


def _gaps(sums: FloatArray, total: FloatArray) -> FloatArray:
    """Return the gap of every bin, as a part of all rows."""
    return ratio(sums, np.broadcast_to(total[:, None], sums.shape))
