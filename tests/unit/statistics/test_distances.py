"""Distances and tests against SciPy, and the figures of the design."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.sorted_samples import Knots

SAMPLES = st.lists(st.integers(-20, 20), min_size=1, max_size=60)
COUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=2, max_size=12)


def _sorted(values: list[int]) -> np.ndarray:
    return np.sort(np.asarray(values, dtype=float))


def _counts(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array([pair for pair in pairs if sum(pair)], dtype=float).reshape(-1, 2).T
    return table[0], table[1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # SciPy's own, about its p-value
@given(SAMPLES, SAMPLES)
def test_ks_statistic_equals_scipy(first: list[int], second: list[int]) -> None:
    """With ties, and whatever the sizes."""
    theirs = stats.ks_2samp(first, second, method="asymp").statistic

    assert distances.ks_statistic(_sorted(first), _sorted(second)) == pytest.approx(theirs, abs=1e-15)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (100, 1_000), (500, 500), (500, 3_000)])
def test_ks_p_value_is_close_to_the_exact_one_and_hardly_ever_below(n: int, m: int) -> None:
    """From 100 values a side: at most half a percent below the exact p-value."""
    random = np.random.default_rng(1)
    for shift in np.linspace(0, 0.5, 6):
        first, second = np.sort(random.normal(size=n)), np.sort(random.normal(shift, 1, m))
        ours = distances.ks_p_value(distances.ks_statistic(first, second), n, m)
        exact = stats.ks_2samp(first, second, method="exact").pvalue

        assert exact * 0.995 <= ours <= exact * 1.4 + 1e-6


@pytest.mark.parametrize(("n", "m"), [(10_001, 10_001), (400, 90_000), (1_000_000, 1_000_000)])
@pytest.mark.parametrize("p", [0.5, 0.04, 1e-3, 1e-9, 1e-100])
def test_ks_p_value_of_many_rows_is_that_of_scipy(n: int, m: int, p: float) -> None:
    """Within 1e-9 of the law that `ks_2samp` takes for large samples."""
    statistic = float(special.kolmogi(p)) / math.sqrt(n * m / (n + m))
    theirs = stats.kstwo.sf(statistic, round(n * m / (n + m)))

    assert distances.ks_p_value(statistic, n, m) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(("n", "sigma"), [(100, 0.46), (500, 0.21), (5_000, 0.09)])
def test_smallest_visible_shift_is_that_of_the_design(n: int, sigma: float) -> None:
    """Against 5,000 rows, Bonferroni over 20: the normal shift whose KS distance is just significant."""
    smallest = distances.smallest_ks(0.05 / 20, 5_000, n)

    assert 2 * stats.norm.ppf((1 + smallest) / 2) == pytest.approx(sigma, abs=0.01)


def test_default_materiality_is_a_quarter_of_a_standard_deviation() -> None:
    """A KS distance of 0.1 is a normal feature that moved by 0.25 standard deviations."""
    assert 2 * stats.norm.ppf((1 + 0.1) / 2) == pytest.approx(0.25, abs=0.005)


@given(SAMPLES, SAMPLES)
def test_wasserstein_equals_scipy(first: list[int], second: list[int]) -> None:
    """In standard deviations of the reference; a constant reference has none."""
    ours = distances.wasserstein(_sorted(first), _sorted(second))
    if len(set(first)) == 1:
        assert ours is None
    else:
        assert ours == pytest.approx(stats.wasserstein_distance(first, second) / np.std(first), abs=1e-12)


def test_wasserstein_of_infinite_values_is_none() -> None:
    """No mean distance to infinity."""
    assert distances.wasserstein(np.array([0.0, 1.0]), np.array([0.0, np.inf])) is None


@given(COUNTS)
def test_chi_squared_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    """Without continuity correction."""
    first, second = _counts(pairs)
    if not len(first) or not first.sum() or not second.sum():
        return
    theirs = stats.chi2_contingency(np.stack([first, second]), correction=False)

    assert distances.chi_squared(first, second) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("scale", [1, 30, 300, 330])
def test_chi_squared_p_values_equal_scipy_far_out(scale: int) -> None:
    """Within 1e-9 relative of the survival function, down to 1e-287."""
    was, now = scale * np.array([90.0, 110.0, 100.0]), scale * np.array([110.0, 90.0, 100.0])
    statistic, p_value = distances.chi_squared(was, now)
    expected = float(stats.chi2.sf(statistic, 2))

    assert expected > 1e-300
    assert p_value == pytest.approx(expected, rel=1e-9, abs=0)


@given(COUNTS)
def test_jensen_shannon_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    """The distance with logarithms of base 2, between 0 and 1."""
    first, second = _counts(pairs)
    if not len(first) or not first.sum() or not second.sum():
        return

    assert distances.jensen_shannon(first, second) == pytest.approx(jensenshannon(first, second, base=2), abs=1e-7)


def test_cramers_v_equals_scipy_but_for_chance() -> None:
    """On two large samples of equal size it is SciPy's; the correction for chance is small there."""
    first, second = np.array([6e6, 3e6, 1e6]), np.array([5e6, 3e6, 2e6])
    theirs = stats.contingency.association(np.stack([first, second]).astype(int), method="cramer")

    assert distances.cramers_v(first, second) == pytest.approx(theirs, abs=1e-5)


def test_cramers_v_does_not_depend_on_the_size_of_the_reference() -> None:
    """A hundred times the reference rows leave the effect where it is."""
    small = distances.cramers_v(np.array([6e5, 4e5]), np.array([4e5, 6e5]))
    large = distances.cramers_v(np.array([6e7, 4e7]), np.array([4e5, 6e5]))

    assert large == pytest.approx(small, abs=1e-4)


def test_cramers_v_of_many_categories_is_not_inflated_by_chance() -> None:
    """Four hundred categories drawn twice from one law have almost no effect."""
    random = np.random.default_rng(2)
    first, second = (random.multinomial(4_000, np.full(400, 1 / 400)).astype(float) for _ in range(2))

    assert distances.cramers_v(first, second) < 0.06


@given(COUNTS)
def test_merging_rare_categories_keeps_every_row(pairs: list[tuple[int, int]]) -> None:
    """No row is lost, and no expected count is left below 5 where that can be had."""
    first, second = _counts(pairs)
    if not len(first) or not first.sum() or not second.sum():
        return
    merged = distances.merge_rare(first, second)
    expected = (merged[0] + merged[1]) * min(first.sum(), second.sum()) / (first.sum() + second.sum())

    assert (merged[0].sum(), merged[1].sum()) == (first.sum(), second.sum())
    assert len(merged[0]) <= 2 or expected.min() >= 5 * (1 - 1e-9)


def test_psi_of_a_known_table() -> None:
    """Sum of (q - p) ln(q / p); half a case in a bin is nothing on many rows."""
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.3, 0.3])

    assert distances.psi(p * 1e7, q * 1e7) == pytest.approx(float(np.sum((q - p) * np.log(q / p))), rel=1e-5)


def test_psi_of_a_vanished_bin_is_finite() -> None:
    """An empty bin is large, not infinite; bins empty in both are nothing."""
    assert 1 < distances.psi(np.array([50.0, 50.0, 0.0]), np.array([100.0, 0.0, 0.0])) < 10
    assert distances.psi(np.array([50.0, 0.0]), np.array([70.0, 0.0])) == 0


def test_bins_are_frozen_by_the_reference() -> None:
    """Ten bins of equal size; a bin holds its upper edge; far values fall into the outer bins."""
    reference = np.arange(1.0, 101.0)
    edges = distances.quantile_edges(reference)

    assert edges.tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    knots = Knots.of(reference, np.array([-1e9, 10.0, 1e9, np.inf]))
    assert distances.bin_counts(knots.at_most(0, edges), 100).tolist() == [10] * 10
    assert distances.bin_counts(knots.at_most(1, edges), 4).tolist() == [2, *[0] * 8, 2]


def test_two_shares_equals_the_chi_squared_test() -> None:
    """The pooled test of two proportions is the chi-squared test of their table."""
    theirs = stats.chi2_contingency([[30, 970], [60, 1_440]], correction=False).pvalue

    assert distances.two_shares(30, 1_000, 60, 1_500) == pytest.approx(theirs, rel=1e-9)
    assert distances.two_shares(0, 10, 0, 10) == distances.two_shares(10, 10, 5, 5) == 1.0


def test_smallest_cramers_v_is_where_the_test_begins_to_see() -> None:
    """A table with that effect has the p-value alpha."""
    n = 10_000.0
    first = np.array([n / 2, n / 2])
    smallest = distances.smallest_cramers_v(0.01, first, first)

    def p_of(effect: float) -> float:
        # Two halves moved by d have the squared effect d^2 / (1 - d^2) or so, and chance is 2 / n / 4 of it.
        moved = math.sqrt(effect**2 + 1 / (2 * n))
        return distances.chi_squared(first, np.array([n * (0.5 + moved), n * (0.5 - moved)]))[1]

    assert p_of(smallest * 0.9) > 0.01 > p_of(smallest * 1.1)
    assert distances.smallest_cramers_v(0.01, first[:1], first[:1]) == 1.0
