"""How values are altered."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics.variants import drawn, out_of_range, rarest, with_noise

VALUES = np.array([1.0, 2.0, np.nan, 9.0])


def test_noise_has_the_scale_of_the_values() -> None:
    """The standard deviation of the noise is the given share of the values' own."""
    values = np.random.default_rng(1).normal(5, 20, 40_000)
    noise = with_noise(values, 0.5, seed=3) - values
    # The standard error of a standard deviation is sd / sqrt(2 n).
    assert np.std(noise) == pytest.approx(10, abs=4 * 10 / np.sqrt(80_000))
    assert np.mean(noise) == pytest.approx(0, abs=4 * 10 / np.sqrt(40_000))


def test_noise_comes_from_the_seed() -> None:
    """The same seed gives the same rows, another seed others; gaps stay gaps."""
    again = with_noise(VALUES, 1, seed=3)
    np.testing.assert_array_equal(again, with_noise(VALUES, 1, seed=3))
    assert not np.array_equal(again, with_noise(VALUES, 1, seed=4), equal_nan=True)
    assert np.isnan(again[2])


def test_values_leave_their_range() -> None:
    """Each value ends beyond the end that it is nearer to, by the factor times the width of the range."""
    np.testing.assert_array_equal(out_of_range(VALUES, 0.5), [-3.0, -3.0, np.nan, 13.0])


@pytest.mark.parametrize("values", [[3.0, 3.0], [np.nan, np.nan]])
def test_what_does_not_vary_stays(values: list[float]) -> None:
    """A constant column, or an empty one, has no scale to alter it by."""
    np.testing.assert_array_equal(out_of_range(np.array(values), 2), values)
    np.testing.assert_array_equal(with_noise(np.array(values), 2, seed=1), values)


def test_share_of_rows_is_drawn() -> None:
    """The share holds within the error of a binomial, the same seed draws the same rows."""
    chosen = drawn(40_000, 0.1, seed=5)
    assert chosen.mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 40_000))
    np.testing.assert_array_equal(chosen, drawn(40_000, 0.1, seed=5))
    assert drawn(100, 1, seed=5).all()


def test_rarest_value() -> None:
    """Of equally rare values the first in the alphabet is taken, so that the choice is the same each time."""
    assert rarest(["b", "a", "c", "c", "a", "b", "e", "d"]) == "d"
