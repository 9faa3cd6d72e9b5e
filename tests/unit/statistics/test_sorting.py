"""Sorting in buckets is sorting, whatever the values."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics.sorting import sort_numbers

RANDOM = np.random.default_rng(1)
N = 40_000


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.normal(size=N),
        RANDOM.normal(size=1_200_000),
        RANDOM.normal(1e9, 1e-3, N),
        np.exp(5 * RANDOM.normal(size=N)),
        RANDOM.poisson(3, N) * 1.0,
        np.where(RANDOM.random(N) < 0.1, np.nan, RANDOM.normal(size=N)),
        np.where(RANDOM.random(N) < 0.1, -np.inf, RANDOM.normal(size=N)),
        np.full(N, 7.0),
        RANDOM.random(N) * 1e-300,
        (RANDOM.random(N) - 0.5) * 2 * 1.7e308,
        np.arange(N)[::-1] * 1.0,
        np.empty(0),
        np.array([2.0, 1.0]),
    ],
    ids=str,
)
def test_the_order_is_that_of_numpy(values: np.ndarray) -> None:
    """Long tails, ties, NaN, infinities, the ends of the range."""
    expected = np.sort(values)
    sort_numbers(values)

    assert np.array_equal(values, expected, equal_nan=True)
