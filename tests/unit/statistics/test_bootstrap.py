"""The draws of the bootstrap: seeded, stratified where it matters, and of the right spread."""

import numpy as np
import pytest

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.bootstrap import table_difference, table_interval, table_of
from airflow_provider_mlops.statistics.resampling import Plan, resample, strata_of


def _accuracy(table: tuple[np.ndarray, ...]) -> np.ndarray:
    tp, fp, fn, tn = table
    return (tp + tn) / (tp + fp + fn + tn)


def _f1(table: tuple[np.ndarray, ...]) -> np.ndarray:
    tp, fp, fn, _ = table
    return 2 * tp / (2 * tp + fp + fn)


def _f1_of_cells(law: np.ndarray, *, candidate: bool) -> float:
    """F1 of a law of the eight cells: label 4, candidate 2, champion 1."""
    code = np.arange(8)
    predicted = code & (2 if candidate else 1) > 0
    return float(2 * law[(code >= 4) & predicted].sum() / (law[code >= 4].sum() + law[predicted].sum()))


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


def test_tables_follow_the_law_of_drawn_rows() -> None:
    """Drawing tables and drawing rows give the same bounds, up to the noise of the draws, and the same method."""
    random = np.random.default_rng(6)
    positive = random.random(150) < 0.4
    ours, theirs = positive ^ (random.random(150) < 0.15), positive ^ (random.random(150) < 0.2)
    plan = Plan(n=150, seed=6, draws=20_000, strata=strata_of(positive))

    def f1(weights: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return 2 * (weights @ (positive & predicted)) / (weights @ positive + weights @ predicted)

    rows = resample(lambda w: f1(w, ours) - f1(w, theirs), plan, 0.9, smallest=int(positive.sum()))
    tables = table_difference(_f1, positive, ours, theirs, 0.9, 7, draws=20_000)

    assert tables.method == rows.method == "bootstrap_bca_20000"
    assert tables.value == pytest.approx(rows.value, abs=1e-12)
    assert [tables.low, tables.high] == pytest.approx([rows.low, rows.high], abs=0.03 * (rows.high - rows.low))


@pytest.mark.parametrize(("positives", "runs"), [(20, 600), (150, 500)])
def test_intervals_of_f1_differences_cover(positives: int, runs: int) -> None:
    """Few positives or many, 90 % intervals of a difference of F1 hold the true one in about 90 % of samples."""
    random = np.random.default_rng(8)
    law = np.array([0.36, 0.04, 0.05, 0.05, 0.07, 0.08, 0.10, 0.25])
    truth = _f1_of_cells(law, candidate=True) - _f1_of_cells(law, candidate=False)
    held = 0
    for _ in range(runs):
        negative, positive = (random.choice(4, size=positives, p=2 * part) for part in (law[:4], law[4:]))
        code = np.concatenate([negative, positive + 4])
        seed = int(random.integers(2**40))
        interval = table_difference(_f1, code >= 4, code & 2 > 0, code & 1 > 0, 0.9, seed, draws=1_000)
        held += interval.low <= truth <= interval.high

    assert held / runs == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / runs))


def test_a_candidate_worse_by_the_margin_passes_at_most_at_alpha() -> None:
    """Fifteen positives among 150 rows: a truly inferior candidate's F1 is proved better than that in about 5 %."""
    random = np.random.default_rng(11)
    negative, positive = np.array([0.68, 0.06, 0.08, 0.18]), np.array([0.2, 0.15, 0.2, 0.45])
    law = np.concatenate([0.9 * negative, 0.1 * positive])
    truth = _f1_of_cells(law, candidate=True) - _f1_of_cells(law, candidate=False)
    runs, passed = 1_000, 0
    for _ in range(runs):
        code = np.concatenate([random.choice(4, 135, p=negative), 4 + random.choice(4, 15, p=positive)])
        seed = int(random.integers(2**40))
        passed += table_difference(_f1, code >= 4, code & 2 > 0, code & 1 > 0, 0.9, seed, draws=500).low > truth

    assert passed / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_one_gained_row_does_not_prove_that_none_is_lost() -> None:
    """With no row lost in the sample, the lower bound is still below zero."""
    positive = np.arange(60) < 30
    theirs = positive ^ (np.arange(60) % 6 == 0)
    ours = theirs.copy()
    ours[0] = True
    interval = table_difference(_accuracy, positive, ours, theirs, 0.9, 9, within=(-1.0, 1.0))

    assert interval.value == pytest.approx(1 / 60)
    assert interval.low < 0


def test_resamples_without_a_value_are_not_measurable() -> None:
    """Precision of two predicted positives: a resample may have none."""
    positive, predicted = np.arange(100) < 50, np.arange(100) < 2

    with pytest.raises(NotMeasurable, match="of 2,000 resamples give no value"):
        table_interval(lambda table: table[0] / (table[0] + table[1]), positive, predicted, 0.9, 10)


def test_seed_decides_the_draws() -> None:
    """Another seed, other bounds; the same seed, the same."""
    random = np.random.default_rng(5)
    positive = random.random(1_000) < 0.4
    predicted = positive ^ (random.random(1_000) < 0.2)
    first, again, other = (table_interval(_accuracy, positive, predicted, 0.9, seed) for seed in (1, 1, 2))

    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
