"""Wilson's interval, the interval of a mean, and what an empty variance still allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.intervals import mean_interval, two_sided_z, unseen, wilson


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
    """The interval of a mean is Student's."""
    values = np.random.default_rng(1).normal(3, 2, 200)
    low, high = stats.t.interval(0.9, 199, loc=values.mean(), scale=stats.sem(values))
    ours = mean_interval(values, 0.9, scale=10)

    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-12)


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
