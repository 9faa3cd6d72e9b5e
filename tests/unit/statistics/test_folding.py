"""Statistics of clusters against the same of rows; which of them can be folded."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics import resampling
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.folding import Difference, OfSums, Statistic, folded, weighted_mean
from airflow_provider_mlops.statistics.resampling import Plan, resample
from airflow_provider_mlops.statistics.weighted import Sum, sums_by
from airflow_provider_mlops.statistics.weighted_auc import WeightedAuc

_N = 1_200
_RANDOM = np.random.default_rng(1)
_CODES = _RANDOM.integers(0, 30, _N) * 3
_POSITIVE = _RANDOM.random(_N) < 0.3
_SCORES = np.round(_RANDOM.normal(size=(2, _N)) + _POSITIVE, 1)
_STATISTICS: dict[str, Statistic] = {
    "mean": weighted_mean(_SCORES[0]),
    "area": WeightedAuc(_POSITIVE, _SCORES[0]),
    "difference of means": Difference(*map(weighted_mean, _SCORES)),
    "difference of areas": Difference(*(WeightedAuc(_POSITIVE, scores) for scores in _SCORES)),
    "share of a group": OfSums(lambda sums, total: sums[:, 1] / total, (sums_by(_POSITIVE * 1, 2), Sum())),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("statistic", _STATISTICS.values(), ids=_STATISTICS.keys())
def test_intervals_by_clusters_are_those_by_rows(statistic: Statistic, weighted: bool) -> None:
    """The same draws and the same jackknife: value and bounds to twelve digits, and the same name of the method."""
    plan = Plan(n=_N, seed=3, clusters=_CODES, weights=np.linspace(0, 2, _N) if weighted else None)
    ours = resample(statistic, plan, 0.9, smallest=_N)
    theirs = resample(statistic.__call__, plan, 0.9, smallest=_N)

    assert (ours.n, ours.method) == (theirs.n, theirs.method)
    assert [ours.value, ours.low, ours.high] == pytest.approx([theirs.value, theirs.low, theirs.high], abs=1e-12)


def test_rows_are_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A foldable statistic is not computed from rows where clusters are drawn; one of rows is."""
    asked: list[int] = []

    class Counted(OfSums):
        def __call__(self, weights: FloatArray) -> FloatArray:
            asked.append(len(weights))
            return super().__call__(weights)

    mean = weighted_mean(_SCORES[0])
    counted = Counted(mean.of, mean.parts)
    resample(counted, Plan(n=_N, seed=1, clusters=_CODES), 0.9, smallest=_N)
    assert not asked
    monkeypatch.setattr(resampling, "folded", lambda *_: None)
    resample(counted, Plan(n=_N, seed=1, clusters=_CODES), 0.9, smallest=_N)
    assert sum(asked) == 1 + 2_000 + 30


def test_a_difference_folds_only_if_both_do() -> None:
    """One that needs the rows keeps the difference to the rows."""
    clusters = Clusters(_CODES // 3, 30)
    foldable, of_rows = weighted_mean(_SCORES[0]), lambda weights: weights.max(axis=1)

    assert folded(of_rows, clusters) is None
    assert folded(Difference(foldable, of_rows), clusters) is None
    assert folded(Difference(of_rows, foldable), clusters) is None
    assert folded(Difference(foldable, foldable), clusters) is not None


def test_many_sums_of_few_rows_are_not_folded() -> None:
    """Sums by many groups in each of many clusters cost more than the rows."""
    clusters = Clusters(np.arange(_N) // 2, _N // 2)
    few, many = (
        OfSums(lambda sums: sums[:, 0], (sums_by(np.arange(_N) % groups, groups),)).folded(clusters)
        for groups in (8, 9)
    )

    assert few is not None
    assert many is None
