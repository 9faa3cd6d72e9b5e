"""Intervals of quantiles: the binomial law of SciPy, the fewest values that give bounds, and coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.quantiles import quantile_interval, values_needed


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [600, 1_001, 20_000])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.99])
def test_bounds_equal_scipy(q: float, n: int, level: float) -> None:
    """The bounds are the order statistics that SciPy's quantile test takes."""
    values = np.random.default_rng(n).lognormal(size=n)
    interval = quantile_interval(values, q, level)
    theirs = stats.quantile_test(values, p=q).confidence_interval(level)

    assert [interval.low, interval.high] == pytest.approx([theirs.low, theirs.high], abs=1e-10)
    assert interval.value == pytest.approx(np.quantile(values, q), abs=1e-10)


@pytest.mark.parametrize(("q", "n"), [(0.95, 59), (0.95, 200), (0.5, 31), (0.99, 700)])
def test_ranks_are_the_tightest_that_hold_the_level(q: float, n: int) -> None:
    """Each bound errs with at most 5 %, and the next value inwards would err with more."""
    interval = quantile_interval(np.arange(1.0, n + 1), q, 0.9)
    low, high = int(interval.low), int(interval.high)

    assert stats.binom.cdf(low - 1, n, q) <= 0.05 + 1e-10
    assert stats.binom.cdf(low, n, q) > 0.05 - 1e-10
    assert stats.binom.sf(high - 1, n, q) <= 0.05 + 1e-10
    assert stats.binom.sf(high - 2, n, q) > 0.05 - 1e-10


def test_p95_needs_59_values() -> None:
    """0.95 to the power of 59 is 0.048: with 58 values no upper bound exists, with 59 it is the largest."""
    values = np.random.default_rng(1).exponential(size=59)

    assert quantile_interval(values, 0.95, 0.9).high == values.max()
    with pytest.raises(NotMeasurable, match=r"58 values.*0\.95.*at least 59"):
        quantile_interval(values[:58], 0.95, 0.9)


@pytest.mark.parametrize(("q", "level", "needed"), [(0.95, 0.9, 59), (0.05, 0.9, 59), (0.99, 0.9, 299), (0.5, 0.9, 5)])
def test_fewest_values_are_known(q: float, level: float, needed: int) -> None:
    """The textbook numbers: 59 for p95, 299 for p99, 5 for the median."""
    assert values_needed(q, level) == needed


def test_upper_bounds_cover() -> None:
    """Of 2,000 samples of 100 latencies, p95 is under its upper bound in at least 95 %."""
    samples = np.random.default_rng(2).lognormal(size=(2_000, 100))
    truth = float(np.exp(stats.norm.ppf(0.95)))
    held = np.mean([quantile_interval(sample, 0.95, 0.9).high >= truth for sample in samples])

    assert held >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 2_000)


@pytest.mark.parametrize("bad", [[math.nan], [math.inf]])
def test_a_value_that_is_no_number_is_not_measurable(bad: list[float]) -> None:
    """NaN is not dropped."""
    with pytest.raises(NotMeasurable, match="1 of 101 values are NaN or infinite"):
        quantile_interval([*range(100), *bad], 0.95, 0.9)


@pytest.mark.parametrize(("q", "level"), [(0, 0.9), (1, 0.9), (0.5, 0), (0.5, 1), (math.nan, 0.9)])
def test_nonsense_is_refused(q: float, level: float) -> None:
    """Quantile and level are between 0 and 1."""
    with pytest.raises(BadInput):
        quantile_interval(np.arange(100.0), q, level)
