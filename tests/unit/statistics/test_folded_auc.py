"""The area from pairs of clusters against the area from rows."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics import folded_auc as folded_auc_module
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.weighted_auc import WeightedAuc


def _gap(area: WeightedAuc, clusters: Clusters) -> float:
    """Return the largest gap between the area by clusters and by rows, for some sets of weights of clusters."""
    folded = area.folded(clusters)
    assert folded is not None
    times = np.random.default_rng(clusters.size).integers(0, 4, (30, clusters.size)).astype(float)
    own: FloatArray | float = 1.0 if clusters.weights is None else clusters.weights
    return float(np.max(np.abs(folded(times) - area(times[:, clusters.codes] * own))))


@pytest.mark.parametrize("held", [500_000, 64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("levels", [2, 25, 10**9])
@pytest.mark.parametrize(("n", "size"), [(40, 20), (1_000, 7), (1_501, 90), (3_000, 200)])
def test_clusters_give_the_area_of_rows(
    n: int, size: int, levels: int, weighted: bool, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ties and without, with clusters of one class, however many pairs are held at a time."""
    monkeypatch.setattr(folded_auc_module, "_CELLS", held)
    random = np.random.default_rng(n + levels)
    codes = random.integers(0, size, n)
    positive = (random.random(n) < 0.4) & (codes != 1) | (codes == 2)
    scores = random.integers(0, levels, n) + 0.2 * levels * positive
    weights = random.exponential(size=n) * (codes != 3) if weighted else None

    assert _gap(WeightedAuc(positive, scores), Clusters(codes, size, weights)) < 1e-12


@pytest.mark.parametrize("lowest", [False, True])
def test_separated_classes_give_one_or_zero(lowest: bool) -> None:
    """All positives above all negatives win every pair; below, none."""
    codes = np.arange(400) % 20
    positive = np.arange(400) < 150
    folded = WeightedAuc(positive, np.where(positive == lowest, 0.0, 1.0)).folded(Clusters(codes, 20))

    assert folded is not None
    assert folded(np.ones((1, 20)))[0] == (0.0 if lowest else 1.0)


def test_clusters_without_a_class_give_no_area() -> None:
    """A resample whose clusters have negatives only has no area."""
    codes = np.arange(400) // 20
    folded = WeightedAuc(codes < 10, np.arange(400.0)).folded(Clusters(codes, 20))

    assert folded is not None
    assert np.isnan(folded((np.arange(20) >= 10)[None, :].astype(float))[0])


def test_too_many_clusters_keep_to_their_rows() -> None:
    """Pairs of many small clusters cost more than the rows."""
    codes = np.arange(2_001)
    area = WeightedAuc(codes % 2 == 0, codes.astype(float))

    assert area.folded(Clusters(codes, 2_001)) is None
    assert area.folded(Clusters(codes % 300, 300)) is None
    assert area.folded(Clusters(codes % 200, 200)) is not None
