"""The draws of the bootstrap: seeded, stratified where it matters, and of the right spread."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics.bootstrap import row_weights, table_difference, table_interval, table_of


def _accuracy(table: tuple[np.ndarray, ...]) -> np.ndarray:
    tp, fp, fn, tn = table
    return (tp + tn) / (tp + fp + fn + tn)


def test_table_counts_the_four_cells() -> None:
    """True and false positives and negatives are where they belong."""
    positive, predicted = np.array([1, 1, 1, 0, 0], dtype=bool), np.array([1, 1, 0, 1, 0], dtype=bool)

    assert [cell[0] for cell in table_of(positive, predicted)] == [2, 1, 1, 1]


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_draws_spread_as_theory_says(share: float) -> None:
    """The bootstrap interval of an accuracy is about the normal one."""
    random = np.random.default_rng(1)
    positive = random.random(2_000) < share
    predicted = positive ^ (random.random(2_000) < 0.2)
    interval = table_interval(_accuracy, positive, predicted, 0.9, 3)
    error = np.sqrt(interval.value * (1 - interval.value) / 2_000)

    assert interval.high - interval.low == pytest.approx(2 * 1.645 * error, rel=0.1)


def test_pairs_are_drawn_together() -> None:
    """The spread of a paired difference comes from discordant rows alone."""
    random = np.random.default_rng(2)
    positive = random.random(3_000) < 0.4
    ours = positive ^ (random.random(3_000) < 0.2)
    theirs = ours ^ (random.random(3_000) < 0.05)
    interval = table_difference(_accuracy, positive, ours, theirs, 0.9, 3)

    assert interval.high - interval.low == pytest.approx(2 * 1.645 * np.sqrt(0.05 / 3_000), rel=0.15)


@pytest.mark.parametrize("positives", [50, 500])
def test_resamples_keep_their_size(positives: int) -> None:
    """Every resample has as many rows as the sample; few positives keep their number too."""
    positive = np.arange(1_000) < positives
    weights = np.concatenate(list(row_weights(positive, 4)))

    assert weights.shape == (2_000, 1_000)
    assert np.all(weights.sum(axis=1) == 1_000)
    assert np.all(weights[:, positive].sum(axis=1) == positives) == (positives < 200)


def test_seed_decides_the_draws() -> None:
    """Another seed, other bounds; the same seed, the same."""
    random = np.random.default_rng(5)
    positive = random.random(1_000) < 0.4
    predicted = positive ^ (random.random(1_000) < 0.2)
    first, again, other = (table_interval(_accuracy, positive, predicted, 0.9, seed) for seed in (1, 1, 2))

    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
