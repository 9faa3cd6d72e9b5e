"""Groups against the reference: each measure's value and interval."""

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.statistics.fairness_compare import RATES, Comparison, calibration_bounds, calibration_of
from airflow_provider_mlops.statistics.fairness_groups import Cells, cells_of, groups_of
from airflow_provider_mlops.statistics.intervals import unseen


def data(n: int = 900, seed: int = 1) -> tuple[Cells, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = random.choice(3, n, p=[0.5, 0.3, 0.2])
    positive = random.random(n) < 0.3
    scores = np.clip(0.4 * positive + 0.5 * random.random(n) + 0.05 * codes, 0, 1)
    return cells_of(groups_of({"x": codes}), positive, scores, 0.5), codes, scores - positive


def test_calibration_gap_equals_welch() -> None:
    """The interval of the difference of two means with unequal variances, as SciPy has it."""
    cells, codes, gap = data()
    ours = calibration_bounds(cells, 0, 0.9)
    theirs = stats.ttest_ind(gap[codes == 2], gap[codes == 0], equal_var=False).confidence_interval(0.9)

    assert (ours.low[2], ours.high[2]) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_calibration_of_a_group_equals_student() -> None:
    """The interval of one mean."""
    cells, codes, gap = data()
    ours, mine = calibration_of(cells, 0.9), gap[codes == 1]
    theirs = stats.t.interval(0.9, len(mine) - 1, loc=mine.mean(), scale=stats.sem(mine))

    assert (ours.low[1], ours.high[1]) == pytest.approx(theirs, abs=1e-12)


def test_calibration_of_few_rows_is_not_measured() -> None:
    """29 rows are not taken for normal."""
    cells = Cells(np.full((2, 2, 2), 29 / 4), np.ones(2), np.ones(2))

    assert np.isnan(calibration_bounds(cells, 0, 0.9).low).all()


def test_no_variance_is_no_certainty() -> None:
    """Scores that are all as far from the labels leave room for what unseen rows could hold, whatever the rounding."""
    table, rows = np.array([[[50.0, 0], [0, 50]], [[30, 0], [0, 10]]]), np.array([100, 40])
    sums = [(np.full(n, 0.1).sum(), (np.full(n, 0.1) ** 2).sum()) for n in rows]
    bounds = calibration_bounds(Cells(table, *(np.array(figures) for figures in zip(*sums, strict=True))), 0, 0.9)

    assert bounds.high[1] == pytest.approx(unseen(40, 0.9))


def test_equalized_odds_is_the_larger_gap() -> None:
    """Value and upper bound are the larger ones of the two rates; the lower bound pays for looking at both."""
    cells, _, _ = data()
    odds = Comparison("equalized_odds_difference", cells, 0)
    ours = odds.bounds(0.9)
    names = ("equal_opportunity_difference", "false_positive_rate_difference")
    wide, strict = ([Comparison(name, cells, 0).bounds(level) for name in names] for level in (0.9, 0.95))

    assert ours.value[1] == max(abs(bounds.value[1]) for bounds in wide)
    assert ours.high[1] == max(max(-bounds.low[1], bounds.high[1]) for bounds in wide)
    assert ours.low[1] == max(max(bounds.low[1], -bounds.high[1], 0) for bounds in strict)


@pytest.mark.parametrize("metric", sorted(RATES))
def test_wider_levels_have_wider_bounds(metric: str) -> None:
    """A level more sure excludes less."""
    cells, _, _ = data()
    narrow, wide = (Comparison(metric, cells, 0).bounds(level) for level in (0.8, 0.99))

    assert np.all(wide.low <= narrow.low)
    assert np.all(wide.high[1:] > narrow.high[1:])


@pytest.mark.parametrize("metric", ["equal_opportunity_difference", "equalized_odds_difference"])
def test_a_group_without_positives_has_no_interval(metric: str) -> None:
    """Nothing is proved about rates of nothing."""
    cells = Cells(np.array([[[50.0, 20], [10, 20]], [[30, 10], [0, 0]]]), np.zeros(2), np.zeros(2))

    assert np.isnan(Comparison(metric, cells, 0).bounds(0.9).value[1])


def test_calibration_bounds_err_at_their_rate() -> None:
    """2,000 groups of equally calibrated scores against one: each bound excludes the truth 0.05 of the time."""
    random, runs, n = np.random.default_rng(7), 2_000, 200
    chance = random.beta(2, 5, (runs, n))
    gap = chance - (random.random((runs, n)) < chance)
    sums, squares = gap.sum(axis=1), (gap**2).sum(axis=1)
    # The reference is so large that it has no chance in it.
    huge, spread = 1e9, float((chance * (1 - chance)).mean())
    cells = Cells(
        np.append(np.full(runs, n / 4), huge / 4)[:, None, None] * np.ones((1, 2, 2)),
        np.append(sums, 0.0),
        np.append(squares, huge * spread),
    )
    bounds = calibration_bounds(cells, runs, 0.9)

    for misses in (bounds.low[:-1] > 0, bounds.high[:-1] < 0):
        assert misses.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / runs))
