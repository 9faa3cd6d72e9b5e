"""Error of a regression without labels: what held-out rows of about the same prediction were off by.

A model of the error's size by bins of the prediction (the idea of direct loss estimation). Like every label-free
estimate it assumes **no concept drift**: that rows of one prediction still err as they did.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray, as_floats, check_finite, check_same_length
from airflow_provider_mlops.statistics.intervals import MIN_ROWS_FOR_MEAN, two_sided_z

METRICS = ("mae", "rmse")
METHOD = "error_by_prediction"
_BINS = 20
_ROWS_PER_BIN = 30


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """What predictions were off by, by bins of the prediction.

    :param edges: inner edges of the bins, rising.
    :param rows: held-out rows of each bin.
    :param means: by metric, mean of the absolute (``mae``) or squared (``rmse``) error of each bin.
    :param variances: by metric, its variance in each bin.
    :param lowest: lowest prediction among the held-out rows.
    :param highest: highest one.
    """

    edges: FloatArray
    rows: FloatArray
    means: dict[str, FloatArray]
    variances: dict[str, FloatArray]
    lowest: float
    highest: float

    @classmethod
    def of(cls, labels: Any, predictions: Any) -> "ErrorModel":
        """Fit on held-out rows.

        :param labels: true value per row.
        :param predictions: predicted value per row.
        :return: the model, of up to 20 bins of at least 30 rows.
        :raises NotMeasurable: with fewer than 30 rows, or one that is NaN or infinite.
        """
        truth, said = as_floats(labels, "labels"), as_floats(predictions, "predictions")
        check_same_length(labels=truth, predictions=said)
        check_finite(truth, "labels")
        check_finite(said, "predictions")
        if len(said) < _ROWS_PER_BIN:
            raise NotMeasurable(f"There are {len(said)} held-out rows; a model of the error needs {_ROWS_PER_BIN}.")
        bins = min(_BINS, len(said) // _ROWS_PER_BIN)
        edges = np.unique(np.quantile(said, np.arange(1, bins) / bins))
        place = np.searchsorted(edges, said, side="right")
        # Where many predictions are equal, a bin can be empty: it borrows from all rows.
        rows = np.bincount(place, minlength=len(edges) + 1).astype(np.float64)
        errors = {"mae": np.abs(said - truth), "rmse": np.square(said - truth)}
        means, variances = {}, {}
        for name, values in errors.items():
            mean = np.bincount(place, weights=values, minlength=len(rows)) / np.maximum(rows, 1)
            square = np.bincount(place, weights=np.square(values - mean[place]), minlength=len(rows))
            few = rows < 2
            means[name] = np.where(few, float(values.mean()), mean)
            variances[name] = np.where(few, float(values.var(ddof=1)), square / np.maximum(rows - 1, 1))
        return cls(edges, np.maximum(rows, 1), means, variances, float(said.min()), float(said.max()))

    def outside(self, predictions: FloatArray) -> float:
        """Return the share of predictions that the held-out rows did not reach.

        :param predictions: served predictions, finite.
        """
        return float(np.mean((predictions < self.lowest) | (predictions > self.highest)))

    def expected(self, predictions: FloatArray, metric: str = "mae") -> FloatArray:
        """Return the expected error of each row.

        :param predictions: served predictions.
        :param metric: ``mae`` for its size, ``rmse`` for its square.
        """
        return self.means[metric][np.searchsorted(self.edges, predictions, side="right")]

    def estimate(self, predictions: Any, metric: str, level: float, *, spread: float = 1.0) -> Interval:
        """Estimate what the error will be once the labels of these rows are known.

        :param predictions: served predictions.
        :param metric: ``mae`` or ``rmse``.
        :param level: two-sided level of the interval.
        :param spread: how many times the variance of independent rows the rows have.
        :return: the estimate; its interval holds the chance of these rows and that of the held-out ones.
        :raises NotMeasurable: with fewer than 30 rows, or predictions that are NaN or infinite.
        """
        served = as_floats(predictions, "predictions")
        check_finite(served, "predictions")
        if len(served) < MIN_ROWS_FOR_MEAN:
            raise NotMeasurable(f"There are {len(served)} predictions; an estimate needs {MIN_ROWS_FOR_MEAN}.")
        place = np.searchsorted(self.edges, served, side="right")
        share = np.bincount(place, minlength=len(self.rows)) / len(served)
        mean, variance = float(share @ self.means[metric]), self.variances[metric]
        total = spread * float((share * variance).sum() / len(served) + (np.square(share) * variance / self.rows).sum())
        half = two_sided_z(level) * math.sqrt(total)
        low, high = max(0.0, mean - half), mean + half
        if metric == "rmse":
            mean, low, high = math.sqrt(mean), math.sqrt(low), math.sqrt(high)
        return Interval(mean, low, high, len(served), METHOD)


def error_spread(labels: Any, predictions: Any, model: ErrorModel, clusters: IntArray | None) -> float:
    """Measure how much more the rows of a cluster err together than independent rows would.

    :param labels: true value per labelled row.
    :param predictions: predicted value per row.
    :param model: the model of the error.
    :param clusters: code of each row's cluster; None for independent rows.
    :return: the factor on the variance, at least 1; 1 with fewer than 5 clusters, which cannot tell.
    """
    if clusters is None:
        return 1.0
    said = np.asarray(predictions, dtype=np.float64)
    gaps = np.abs(said - np.asarray(labels, dtype=np.float64)) - model.expected(said)
    _, code = np.unique(clusters, return_inverse=True)
    sums = np.bincount(code, weights=gaps)
    alone = float(np.square(gaps).sum())
    return max(1.0, float(np.square(sums).sum()) / alone) if len(sums) >= 5 and alone > 0 else 1.0
