"""The weighted area against scikit-learn and against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray
from airflow_provider_mlops.statistics.weighted_auc import WeightedAuc


def _by_definition(positive: BoolArray, scores: FloatArray, weights: FloatArray) -> float:
    wins = np.sign(scores[positive][:, None] - scores[~positive][None, :]) / 2 + 0.5
    pairs = weights[positive][:, None] * weights[~positive][None, :]
    return float((wins * pairs).sum() / pairs.sum())


@pytest.mark.parametrize("levels", [3, 40, 10**9])
@pytest.mark.parametrize("n", [2, 31, 65, 1_000])
def test_area_equals_its_definition_with_ties(levels: int, n: int) -> None:
    """Every set of weights gives the share of weighted pairs in order, ties as half."""
    random = np.random.default_rng(n)
    positive = np.arange(n) % 3 == 0
    scores = random.integers(0, levels, n).astype(float)
    weights = random.exponential(size=(5, n))

    assert WeightedAuc(positive, scores)(weights) == pytest.approx(
        [_by_definition(positive, scores, row) for row in weights], abs=1e-12
    )


def test_counts_as_weights_are_repeated_rows() -> None:
    """A row of weight three is as good as three rows, a row of weight zero as good as none."""
    random = np.random.default_rng(1)
    positive = random.random(200) < 0.3
    scores = np.round(random.normal(size=200) + positive, 1)
    times = random.integers(0, 4, 200)
    repeated = np.repeat(np.arange(200), times)

    (area,) = WeightedAuc(positive, scores)(times[None, :].astype(float))

    assert area == pytest.approx(roc_auc_score(positive[repeated], scores[repeated]), abs=1e-12)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3), st.integers(0, 3)), min_size=2, max_size=80))
def test_any_small_table_gives_the_definition(rows: list[tuple[bool, int, int]]) -> None:
    """Whatever the ties and weights, the area is exact, and NaN only where a class has no weight."""
    positive = np.array([row[0] for row in rows])
    scores, weights = np.array([row[1] for row in rows], dtype=float), np.array([row[2] for row in rows], dtype=float)
    if positive.all() or not positive.any():
        return
    (area,) = WeightedAuc(positive, scores)(weights[None, :])

    if weights[positive].sum() and weights[~positive].sum():
        assert area == pytest.approx(_by_definition(positive, scores, weights), abs=1e-12)
    else:
        assert np.isnan(area)
