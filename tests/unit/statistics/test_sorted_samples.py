"""Two sorted samples: block refinement gives SciPy's figures, whatever the ties, sizes and shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.sorted_samples import Knots

FINITE = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 2))
SAMPLES = st.lists(FINITE | st.integers(-3, 3).map(float), min_size=1, max_size=300).map(lambda v: np.sort(np.array(v)))
RANDOM = np.random.default_rng(11)
SHAPES = {
    "same law": (RANDOM.normal(size=40_000), RANDOM.normal(size=30_001)),
    "moved a little": (RANDOM.normal(size=40_000), RANDOM.normal(0.01, 1, 40_000)),
    "apart": (RANDOM.normal(size=5_000), RANDOM.normal(50, 1, 7_000)),
    "wider": (RANDOM.normal(size=50_000), RANDOM.normal(0, 2, 900)),
    "far from zero": (RANDOM.normal(1e9, 1, 20_000), RANDOM.normal(1e9, 1, 20_000)),
    "whole numbers": (RANDOM.poisson(3, 50_000) * 1.0, RANDOM.poisson(3, 40_000) * 1.0),
    "constant": (np.zeros(20_000), RANDOM.normal(size=20_000)),
    "itself": (np.arange(30_000.0), np.arange(30_000.0)),
    "long tail": (np.exp(3 * RANDOM.normal(size=30_000)), np.exp(3 * RANDOM.normal(size=30_000))),
    "half of it tied": (np.r_[np.zeros(20_000), RANDOM.normal(size=20_000)], RANDOM.normal(size=40_000)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # SciPy's own, about its p-value
@given(SAMPLES, SAMPLES)
def test_small_samples_equal_scipy(first: np.ndarray, second: np.ndarray) -> None:
    """With ties within and across samples."""
    knots = Knots.of(first, second)

    assert knots.largest_gap() == pytest.approx(stats.ks_2samp(first, second, method="asymp").statistic, abs=1e-15)
    assert knots.area() == pytest.approx(stats.wasserstein_distance(first, second), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("name", SHAPES)
def test_large_samples_equal_scipy(name: str) -> None:
    """KS to the last digits, Wasserstein to 1e-12 standard deviations of the reference."""
    first, second = (np.sort(sample) for sample in SHAPES[name])
    ks, moved = distances.ks_and_wasserstein(first, second)
    theirs = stats.wasserstein_distance(first, second)

    assert ks == pytest.approx(stats.ks_2samp(first, second, method="asymp").statistic, abs=1e-12)
    assert Knots.of(first, second).area() == pytest.approx(theirs, rel=1e-12, abs=1e-12 * np.abs(first).max())
    if name != "constant":
        assert moved == pytest.approx(theirs / np.std(first), abs=1e-12 * max(1.0, np.abs(first).max() / np.std(first)))


def test_infinities_have_a_ks_distance_and_no_wasserstein_distance() -> None:
    """An infinity is a value like others to the order of values, and to nothing else."""
    first, second = np.array([-np.inf, 0.0, 1.0, np.inf]), np.array([0.0, 1.0, np.inf, np.inf])

    assert distances.ks_and_wasserstein(first, second) == (0.25, None)


def test_values_too_large_to_subtract_have_no_wasserstein_distance() -> None:
    """Nothing infinite comes out, and nothing warns."""
    huge = np.array([-1.7e308, 1.7e308])

    assert distances.ks_and_wasserstein(huge, huge / 2) == (0.5, None)


@pytest.mark.parametrize("values", [[0.0, 1e-257], [-1e300, 1e300]])
def test_a_spread_that_is_no_number_gives_no_distance_in_spreads(values: list[float]) -> None:
    """Squares of such values are zero or infinite: no distance, and neither a crash nor a small one."""
    knots = Knots.of(np.array(values), np.array([0.0, 5.0]))

    assert knots.area_in_spreads() is None
    assert knots.largest_gap() > 0
