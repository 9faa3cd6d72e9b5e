"""Every metric of clustered rows: computed from clusters where it can be, with the numbers that the rows give."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics import resampling
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.custom_metric import CustomMetric
from airflow_provider_mlops.statistics.folding import Difference, folded
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.metrics import METRICS
from airflow_provider_mlops.statistics.score_table import BINARY, MULTICLASS

OF_ROWS = {"average_precision", "recall_at_precision"}
FOLDABLE = [name for name in METRICS if name not in OF_ROWS]
CLUSTERS = 24
N = 900
OPTIONS = Options(level=0.9, seed=5, draws=300, params={})


def _sample(metric: Metric, *, ties: bool) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Make labels, two models' scores and codes of clusters, of which some have rows of one class only."""
    random = np.random.default_rng(8)
    codes = random.integers(0, CLUSTERS, N)
    if metric.task == MULTICLASS:
        truth = random.integers(0, 3, N)
        truth[codes == 3] = 1
        raw = random.exponential(size=(2, N, 3)) + 0.7 * (truth[:, None] == np.arange(3))
        scores = np.ceil(raw * 2) if ties else raw
        first, second = scores / scores.sum(axis=2, keepdims=True)
        return truth.astype(float), first, second, codes * 5
    truth = (random.random(N) < 0.35).astype(float)
    truth[codes == 3], truth[codes == 4] = 0, 1
    first, second = 1 / (1 + np.exp(-random.normal(size=(2, N)) - truth))
    if ties:
        first, second = np.round(first, 1), np.round(second, 1)
    if metric.task != BINARY:
        truth = truth + random.normal(size=N)
    return truth, first, second, codes * 5


def _weights(weighted: bool) -> FloatArray | None:
    """Make weights of rows, a whole stretch of them zero."""
    return np.maximum(np.linspace(-0.2, 2, N), 0) if weighted else None


def _numbers(interval: Interval) -> list[float]:
    return [interval.value, interval.low, interval.high]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FOLDABLE)
def test_values_by_clusters_are_those_by_rows(name: str, weighted: bool, ties: bool) -> None:
    """Any weights of clusters give the metric, and the difference of two models, to twelve digits."""
    metric = METRICS[name]
    truth, first, second, codes = _sample(metric, ties=ties)
    own = _weights(weighted)
    times = np.random.default_rng(3).integers(0, 4, (50, CLUSTERS)).astype(float)
    rows = times[:, codes // 5] * (1.0 if own is None else own)
    ours, theirs = (metric.statistic(truth, scores, OPTIONS) for scores in (first, second))

    for statistic in (ours, theirs, Difference(ours, theirs)):
        by_cluster = folded(statistic, Clusters(codes // 5, CLUSTERS, own))
        assert by_cluster is not None
        values = statistic(rows)
        assert np.isfinite(values).all()
        assert by_cluster(times) == pytest.approx(values, abs=1e-12, rel=1e-12)


@pytest.mark.parametrize("name", FOLDABLE)
def test_rows_without_a_value_have_none_by_cluster(name: str) -> None:
    """No cluster drawn that has a weight gives no value either way."""
    metric = METRICS[name]
    truth, first, _, codes = _sample(metric, ties=False)
    statistic = metric.statistic(truth, first, OPTIONS)
    by_cluster = folded(statistic, Clusters(codes // 5, CLUSTERS))

    assert by_cluster is not None
    assert np.array_equal(np.isnan(by_cluster(np.zeros((2, CLUSTERS)))), np.isnan(statistic(np.zeros((2, N)))))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FOLDABLE)
def test_intervals_by_clusters_are_those_by_rows(name: str, weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval of a model, and of a difference, has the bounds and the method that weights of rows give."""
    metric = METRICS[name]
    truth, first, second, codes = _sample(metric, ties=True)
    options = replace(OPTIONS, clusters=codes, weights=_weights(weighted))
    asks: list[Callable[[], Interval]] = [
        lambda: metric.measure(truth, first, options),
        lambda: metric.compare(truth, first, second, options),
    ]
    by_cluster = [ask() for ask in asks]
    monkeypatch.setattr(resampling, "folded", lambda *_: None)
    by_row = [ask() for ask in asks]

    for ours, theirs in zip(by_cluster, by_row, strict=True):
        assert (ours.n, ours.method) == (theirs.n, theirs.method)
        assert _numbers(ours) == pytest.approx(_numbers(theirs), abs=1e-12, rel=1e-12)


def test_metrics_of_the_order_and_of_ones_own_keep_to_the_rows() -> None:
    """What needs every row, or is not known, is computed from rows."""
    own = CustomMetric(name="own", task=BINARY, function=lambda labels, scores, weights: float(weights @ scores))
    for metric in (*(METRICS[name] for name in OF_ROWS), own):
        truth, first, _, codes = _sample(metric, ties=False)

        assert folded(metric.statistic(truth, first, OPTIONS), Clusters(codes // 5, CLUSTERS)) is None
