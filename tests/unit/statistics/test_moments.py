"""Moments: NumPy's and SciPy's figures, and days that make weeks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from airflow_provider_mlops.statistics.moments import Moments, spread_of

DAYS = st.lists(st.lists(st.floats(-1e3, 1e3), max_size=40), min_size=1, max_size=7)


def close(ours: Moments, other: Moments) -> bool:
    """Whether two moments are equal to 1e-12 of the scale that their values have."""
    n, scale = max(1, other.n), max(1.0, (other.m4 / max(1, other.n)) ** 0.25, abs(other.mean))
    powers = ((ours.mean, other.mean, 1), (ours.m2, other.m2, 2), (ours.m3, other.m3, 3), (ours.m4, other.m4, 4))
    return ours.n == other.n and all(abs(a - b) <= 1e-12 * n * scale**power for a, b, power in powers)


@given(DAYS)
def test_days_merge_into_weeks(days: list[list[float]]) -> None:
    """In any grouping, in both orders, with empty days."""
    each = [Moments.of(np.array(day, dtype=float)) for day in days]
    whole = Moments.of(np.array([value for day in days for value in day], dtype=float))
    forth, back = Moments(), Moments()
    for day in each:
        forth = forth.merge(day)
    for day in reversed(each):
        back = day.merge(back)

    assert close(forth, whole)
    assert close(back, whole)


def test_moments_are_those_of_scipy() -> None:
    """Also over several pieces."""
    values = np.random.default_rng(1).gamma(2, 3, 200_000) + 1e6
    found = Moments.of(values)

    assert found.mean == pytest.approx(values.mean(), rel=1e-14)
    assert found.spread == pytest.approx(values.std(), rel=1e-12)
    assert spread_of(values) == pytest.approx(values.std(), rel=1e-12)
    assert found.m3 / found.n / found.spread**3 == pytest.approx(stats.skew(values), rel=1e-9)
    assert found.m4 / found.n / found.spread**4 == pytest.approx(stats.kurtosis(values, fisher=False), rel=1e-9)


def test_no_value_has_no_spread() -> None:
    """Not a number rather than zero: nothing is known."""
    assert np.isnan(Moments.of(np.empty(0)).spread)
