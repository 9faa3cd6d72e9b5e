"""Wilson's interval, the interval of a mean, and what an empty variance still allows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.intervals import (
    clopper_pearson,
    mean_interval,
    proportion,
    two_sided_z,
    unseen,
    wilson,
)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (3, 7), (450, 500), (1, 1)])
def test_wilson_equals_scipy(successes: int, n: int) -> None:
    """The interval is SciPy's."""
    ours = wilson(successes, n, 0.9)
    theirs = stats.binomtest(successes, n).proportion_ci(0.9, method="wilson")

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(st.integers(0, 500), st.integers(1, 500), st.floats(0.5, 0.999))
def test_wilson_holds_its_share(successes: int, n: int, level: float) -> None:
    """Bounds stay within 0 and 1 and hold the share itself."""
    interval = wilson(min(successes, n), n, level)

    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_mean_interval_equals_scipy() -> None:
    """The interval of the mean of values without a longer tail is Student's."""
    half = np.random.default_rng(1).normal(0, 2, 100)
    values = 3 + np.concatenate([half, -half])
    low, high = stats.t.interval(0.9, 199, loc=values.mean(), scale=stats.sem(values))
    ours = mean_interval(values, 0.9, scale=10)

    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_longer_tail_widens_its_side_only(sign: int) -> None:
    """Rows with rare large values leave more room on their side than Student's interval does."""
    values = sign * np.random.default_rng(2).exponential(size=100)
    low, high = stats.t.interval(0.9, 99, loc=values.mean(), scale=stats.sem(values))
    ours = mean_interval(values, 0.9, scale=10)
    widened, kept = (ours.high - high, ours.low - low) if sign > 0 else (low - ours.low, high - ours.high)

    assert widened > 0.01
    assert kept == pytest.approx(0, abs=1e-12)


def test_upper_bound_of_a_mean_with_rare_large_losses_errs_no_more_than_it_says() -> None:
    """One row in 50 costs 5: the upper bound lies below the truth in about 5 %, not in Student's 9 %."""
    random = np.random.default_rng(4)
    rows = (random.random((3_000, 400)) < 0.02) * 5 + random.normal(size=(3_000, 400)) * 0.3
    wrong = np.mean([mean_interval(values, 0.9, scale=5).high < 0.1 for values in rows])

    assert wrong <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 3_000)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (3, 7), (450, 500), (1, 1), (1, 10_000)])
def test_exact_interval_equals_scipy_and_statsmodels(successes: int, n: int) -> None:
    """The exact interval is theirs to ten digits."""
    ours = clopper_pearson(successes, n, 0.9)
    theirs = stats.binomtest(successes, n).proportion_ci(0.9, method="exact")

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-10)
    assert (ours.low, ours.high) == pytest.approx(proportion_confint(successes, n, 0.1, "beta"), abs=1e-10)


@pytest.mark.parametrize(("successes", "method"), [(9, "clopper_pearson"), (10, "wilson"), (491, "clopper_pearson")])
def test_a_proportion_is_exact_where_few_count(successes: int, method: str) -> None:
    """Below 10 cases of either kind the interval is exact."""
    assert proportion(successes, 500, 0.9).method == method


@pytest.mark.parametrize("share", [0.99, 0.95, 0.9, 0.8])
@pytest.mark.parametrize("n", [50, 200, 1_000])
def test_lower_bound_of_a_share_seldom_exceeds_it(share: float, n: int) -> None:
    """The lower bound exceeds the true share in hardly more than 5 % of samples, by exact count."""
    outcomes = np.arange(n + 1)
    wrong = np.array([proportion(int(count), n, 0.9).low > share for count in outcomes])

    assert stats.binom.pmf(outcomes, n, share)[wrong].sum() <= 0.065


def test_no_variance_is_no_certainty() -> None:
    """Equal values still leave room for what unseen rows could hold."""
    ours = mean_interval(np.zeros(100), 0.9, scale=2.0)

    assert ours.high == pytest.approx(2 * unseen(100, 0.9))
    assert ours.low == -ours.high


def test_few_rows_have_no_mean_interval() -> None:
    """Below 30 rows a mean is not taken for normal."""
    with pytest.raises(NotMeasurable, match="29 rows"):
        mean_interval(np.arange(29.0), 0.9, scale=1)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_level_out_of_range_is_refused(level: float) -> None:
    """A confidence level is between 0 and 1."""
    with pytest.raises(BadInput, match="level"):
        two_sided_z(level)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_interval_refuses_figures_that_are_not_finite(bad: float) -> None:
    """An interval cannot hold NaN, so no rule can pass on one."""
    with pytest.raises(NotMeasurable):
        Interval(bad, 0, 1, 10, "wilson")
    with pytest.raises(NotMeasurable):
        Interval(0.5, 0, bad, 10, "wilson")


def test_interval_of_nothing_is_not_measurable() -> None:
    """No rows, no share."""
    with pytest.raises(NotMeasurable, match="no rows"):
        wilson(0, 0, 0.9)
    with pytest.raises(NotMeasurable, match="no rows"):
        clopper_pearson(0, 0, 0.9)
