"""A metric's interval where there are few clusters: a fortnight of days cannot be drawn again, but one can be left out.

The delete-one-cluster jackknife with Student's t on clusters less one (Hansen 2022; MacKinnon, Nielsen and Webb 2023)
keeps its level with few clusters, where the bootstrap's bounds would be too near.
"""

import math
from typing import Any

import numpy as np
from scipy import special

from airflow_provider_mlops.core.measure import Interval, NotMeasurable, TooFewClusters
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.folding import folded
from airflow_provider_mlops.statistics.intervals import unseen
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.row_draws import MIN_CLUSTERS

LEAST_CLUSTERS = 7
"""Clusters below which leaving one out says too little: a week of days."""

_MIN_WORTH = 5.0
_METHOD = "cluster_jackknife"


def measure_together(metric: Metric, labels: Any, scores: Any, options: Options) -> Interval:
    """Measure a metric as `Metric.measure` does; with 7 to 19 clusters by leaving out one after the other.

    :param metric: the metric.
    :param labels: as `Metric.measure` takes them.
    :param scores: as `Metric.measure` takes them.
    :param options: how to measure.
    :return: the value with its interval.
    :raises NotMeasurable: when the rows cannot answer, or there are fewer than 7 clusters.
    """
    if options.clusters is None:
        return metric.measure(labels, scores, options)
    names, codes = np.unique(options.clusters, return_inverse=True)
    if len(names) >= MIN_CLUSTERS:
        return metric.measure(labels, scores, options)
    value = metric.point(labels, scores, options)
    _check(codes, len(names), options.weights)
    left_out = _left_out(metric, labels, scores, options, codes.astype(np.int64), len(names))
    if not np.isfinite(left_out).all():
        raise NotMeasurable(f"Without one of its {len(names)} clusters {metric.name} is not defined.")
    size = len(names)
    spread = math.sqrt((size - 1) / size * float(np.square(left_out - value).sum()))
    half = spread * float(special.stdtrit(size - 1, (1 + options.level) / 2)) if spread > 0 else 0.0
    # No spread between clusters is no proof that there is none.
    half = half or unseen(size, options.level)
    low, high = metric.within
    return Interval(value, min(value, max(low, value - half)), max(value, min(high, value + half)), len(codes), _METHOD)


def _check(codes: IntArray, size: int, weights: FloatArray | None) -> None:
    if size < LEAST_CLUSTERS:
        raise TooFewClusters(size, LEAST_CLUSTERS)
    sizes = np.bincount(codes, weights=weights)
    worth = float(np.square(sizes.sum()) / np.square(sizes).sum()) if sizes.any() else 0.0
    if worth < _MIN_WORTH:
        raise NotMeasurable(
            f"The {size} clusters are worth {worth:.1f} of one size; an interval needs at least {_MIN_WORTH:g}."
        )


def _left_out(metric: Metric, labels: Any, scores: Any, options: Options, codes: IntArray, size: int) -> FloatArray:
    """Compute the metric without each cluster in turn."""
    truth = np.asarray(labels, dtype=np.float64)
    statistic = metric.statistic(truth, np.asarray(scores, dtype=np.float64), options)
    times = 1.0 - np.eye(size)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_clusters = folded(statistic, Clusters(codes, size, options.weights))
        if of_clusters is not None:
            return np.asarray(of_clusters(times))
        own = 1.0 if options.weights is None else options.weights
        return np.array([float(statistic((row[codes] * own)[None, :])[0]) for row in times])
