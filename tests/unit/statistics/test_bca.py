"""Intervals out of draws: against the closed form, against SciPy, and where draws cannot tell."""

import math

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.bca import acceleration_of, interval_of_draws
from airflow_provider_mlops.statistics.intervals import unseen

MANY = 10**13
"""Rows of the smallest class for which no bound is widened."""


def _left_out_means(values: np.ndarray) -> np.ndarray:
    return (values.sum() - values) / (len(values) - 1)


def _draws(seed: int = 1, size: int = 2_000) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size)


def test_acceleration_of_a_mean_is_its_skewness() -> None:
    """For a mean the acceleration is known: skewness / (6 sqrt(n))."""
    values = np.random.default_rng(1).exponential(size=80)

    assert acceleration_of(_left_out_means(values)) == pytest.approx(
        stats.skew(values) / (6 * math.sqrt(80)), abs=1e-12
    )


def test_values_that_repeat_count_as_often_as_they_do() -> None:
    """Leaving out any of many equal rows is computed once and counted many times."""
    values, times = np.array([0.0, 1.0, 5.0]), np.array([30, 20, 4])
    total, n = (values * times).sum(), times.sum()

    assert acceleration_of((total - values) / (n - 1), times=times) == pytest.approx(
        acceleration_of(_left_out_means(np.repeat(values, times))), abs=1e-12
    )


def test_strata_are_centred_apart() -> None:
    """With strata the acceleration is SciPy's for a statistic of two samples, n replaced by n - 1."""
    random = np.random.default_rng(2)
    first, second = random.exponential(size=40), random.exponential(size=90) ** 2
    left_out = np.concatenate([_left_out_means(first) - second.mean(), first.mean() - _left_out_means(second)])
    influence = [(left_out[:40].mean() - left_out[:40]), (left_out[40:].mean() - left_out[40:])]
    cubes, squares = (sum(float((part**power).sum()) for part in influence) for power in (3, 2))

    assert acceleration_of(left_out, np.repeat([0, 1], [40, 90])) == pytest.approx(cubes / 6 / squares**1.5, abs=1e-12)


@pytest.mark.parametrize("left_out", [[], [1.0, 1.0, 1.0], [1.0, math.nan, 2.0]])
def test_no_acceleration_gives_percentiles(left_out: list[float]) -> None:
    """Where the jackknife has no answer, the bounds are percentiles and say so."""
    acceleration = acceleration_of(np.array(left_out))
    draws = _draws()
    interval = interval_of_draws(0.1, draws, acceleration, 0.9, n=100, smallest=MANY)

    assert math.isnan(acceleration)
    assert interval.method == "bootstrap_percentile_2000"
    assert [interval.low, interval.high] == pytest.approx(np.quantile(draws, [0.05, 0.95]))


def test_bounds_equal_scipy_on_its_own_draws() -> None:
    """From the draws that SciPy made, the BCa bounds are SciPy's."""
    values = np.random.default_rng(3).exponential(size=60)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=5_000, confidence_level=0.9, rng=4)
    draws = theirs.bootstrap_distribution
    ours = interval_of_draws(
        float(values.mean()), draws, acceleration_of(_left_out_means(values)), 0.9, n=60, smallest=MANY
    )

    assert ours.method == "bootstrap_bca_5000"
    assert [ours.low, ours.high] == pytest.approx(list(theirs.confidence_interval), abs=1e-10)


def test_a_bias_beyond_all_draws_gives_percentiles() -> None:
    """A value that no draw reaches has no bias correction; the bounds still hold the value."""
    interval = interval_of_draws(9.0, _draws(), 0.01, 0.9, n=100, smallest=100)

    assert interval.method == "bootstrap_percentile_2000"
    assert interval.low < interval.value == interval.high == 9.0


def test_draws_that_give_no_value_are_counted() -> None:
    """NaN is never skipped: the interval of the rest would be of other resamples than were drawn."""
    draws = np.where(np.arange(2_000) < 37, np.nan, _draws())

    with pytest.raises(NotMeasurable, match="37 of 2,000 resamples give no value"):
        interval_of_draws(0.0, draws, 0.0, 0.9, n=100, smallest=3)
    with pytest.raises(NotMeasurable, match="no value"):
        interval_of_draws(math.nan, _draws(), 0.0, 0.9, n=100, smallest=3)


def test_equal_draws_are_no_certainty() -> None:
    """Where nothing varies, the bounds are what unseen rows of the smallest class could change, within the range."""
    interval = interval_of_draws(1.0, np.ones(2_000), 0.0, 0.9, n=100, smallest=30, within=(0.0, 1.0))

    assert interval.method == "unseen_smaller_class"
    assert interval.low == pytest.approx(1 - unseen(30, 0.9))
    assert interval.high == 1.0


def test_a_bound_at_the_outermost_draw_leaves_room_too() -> None:
    """One gained row and no lost one in sixty do not prove that none would be lost."""
    draws = np.random.default_rng(5).poisson(1, 2_000) / 60
    interval = interval_of_draws(1 / 60, draws, math.nan, 0.9, n=60, smallest=30)

    assert interval.low == pytest.approx(-unseen(30, 0.9))
    assert 1 / 60 < interval.high < draws.max()


@pytest.mark.parametrize(("smallest", "wider"), [(10, 1.08), (20, 1.05), (200, 1.001)])
def test_few_rows_widen_the_tails_as_student_does(smallest: int, wider: float) -> None:
    """Draws of a normal law: the bounds are Student's, a factor sqrt(n / (n - 1)) wider, not the normal ones."""
    draws = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    interval = interval_of_draws(0.0, draws, 1e-9, 0.9, n=1_000, smallest=smallest)
    student = stats.t.ppf(0.95, smallest - 1) * math.sqrt(smallest / (smallest - 1))

    assert [interval.low, interval.high] == pytest.approx([-student, student], rel=1e-3)
    assert student / stats.norm.ppf(0.95) > wider
