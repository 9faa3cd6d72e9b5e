"""Score intervals of two proportions: equal to references, and each bound errs at its own rate, also with few rows."""

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep

from airflow_provider_mlops.statistics.fairness_intervals import (
    Bounds,
    Shares,
    difference_bounds,
    ratio_bounds,
    wilson_bounds,
)
from airflow_provider_mlops.statistics.intervals import wilson

ALPHA = 0.05


def shares(cases: object, rows: object) -> Shares:
    return Shares(np.atleast_1d(np.asarray(cases, dtype=float)), np.atleast_1d(np.asarray(rows, dtype=float)))


@pytest.mark.parametrize(
    ("x", "n", "y", "m"), [(5, 20, 8, 30), (45, 100, 50, 100), (19, 20, 25, 30), (1, 500, 3, 400), (180, 1000, 20, 90)]
)
def test_ratio_equals_statsmodels(x: int, n: int, y: int, m: int) -> None:
    """Without the correction for skewness it is the interval of Miettinen and Nurminen, as statsmodels has it."""
    ours = ratio_bounds(shares(x, n), shares(y, m), 0.9, skewness=False)
    theirs = confint_proportions_2indep(x, n, y, m, method="score", compare="ratio", alpha=0.1, correction=True)

    assert (ours.low[0], ours.high[0]) == pytest.approx(theirs, rel=1e-8)


def test_difference_equals_a_published_example() -> None:
    """56 of 70 against 48 of 80, method of Miettinen and Nurminen in table II of Newcombe (1998)."""
    ours = difference_bounds(shares(56, 70), shares(48, 80), 0.95, skewness=False)

    assert (ours.value[0], ours.low[0], ours.high[0]) == pytest.approx((0.2, 0.0528, 0.3382), abs=5e-5)


@pytest.mark.parametrize(("x", "n", "y", "m"), [(5, 20, 8, 30), (0, 20, 5, 30), (45, 100, 50, 100), (9, 10, 1, 12)])
def test_difference_equals_a_slow_reference(x: int, n: int, y: int, m: int) -> None:
    """At each bound the score, with the shares fitted by a numeric search, is the normal quantile."""

    def score(difference: float) -> float:
        def surprise(q: float) -> float:
            p = np.clip([q + difference, q], 1e-12, 1 - 1e-12)
            return -float(stats.binom.logpmf(x, n, p[0]) + stats.binom.logpmf(y, m, p[1]))

        ends = (max(0.0, -difference), min(1.0, 1 - difference))
        q = optimize.minimize_scalar(surprise, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
        p = q + difference
        variance = (p * (1 - p) / n + q * (1 - q) / m) * (n + m) / (n + m - 1)
        return float((x / n - y / m - difference) / np.sqrt(variance))

    ours = difference_bounds(shares(x, n), shares(y, m), 0.9, skewness=False)

    assert score(ours.low[0]) == pytest.approx(stats.norm.ppf(0.95), abs=1e-4)
    assert score(ours.high[0]) == pytest.approx(-stats.norm.ppf(0.95), abs=1e-4)


def test_wilson_of_many_equals_wilson_of_one() -> None:
    """The vector form is the scalar form."""
    many = wilson_bounds(shares([0, 3, 10], [10, 7, 10]), 0.9)
    single = [wilson(cases, n, 0.9) for cases, n in ((0, 10), (3, 7), (10, 10))]

    assert many.low == pytest.approx([interval.low for interval in single])
    assert many.high == pytest.approx([interval.high for interval in single])


def test_swapped_groups_give_the_mirrored_interval() -> None:
    """Neither group is special: the difference changes its sign, the ratio is inverted."""
    first, second = shares([5, 40], [30, 90]), shares([8, 35], [25, 110])
    there, back = difference_bounds(first, second, 0.9), difference_bounds(second, first, 0.9)
    over, under = ratio_bounds(first, second, 0.9), ratio_bounds(second, first, 0.9)

    assert there.low == pytest.approx(-back.high)
    assert over.low == pytest.approx(1 / under.high)


def test_no_case_in_a_group_has_an_upper_bound_and_none_in_the_reference_has_no_ratio() -> None:
    """0 of 20 is no proof of 0; a ratio to nothing has no value."""
    ours = ratio_bounds(shares([0, 3], [20, 20]), shares([5, 0], [30, 30]), 0.9)

    assert ours.low[0] == ours.value[0] == 0.0
    assert 0 < ours.high[0] < 1
    assert np.isnan(ours.value[1])


def test_a_group_without_rows_has_no_interval() -> None:
    """NaN, which no rule takes for proof."""
    ours = difference_bounds(shares(0, 0), shares(5, 30), 0.9)

    assert np.isnan(ours.value[0])


def every_outcome(n: int, m: int) -> tuple[Shares, Shares, np.ndarray, np.ndarray]:
    x, y = (part.ravel() for part in np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij"))
    return shares(x, np.full(x.size, n)), shares(y, np.full(y.size, m)), x, y


def errors(
    misses: np.ndarray, group: tuple[np.ndarray, int], reference: tuple[np.ndarray, int], ratio: float
) -> np.ndarray:
    """Return the exact probability of a miss over a range of true shares of the reference."""
    found = []
    for share in np.linspace(0.05, 0.95, 37):
        chance = stats.binom.pmf(*group, ratio * share) * stats.binom.pmf(*reference, share)
        found.append(float(chance[misses].sum()))
    return np.array(found)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (50, 50), (30, 200), (200, 30)])
def test_each_bound_errs_at_its_rate_with_few_rows(n: int, m: int) -> None:
    """Summed over all outcomes: the lower bound is above a true ratio of 0.8 with probability 0.05 or little more."""
    group, reference, x, y = every_outcome(n, m)
    bounds: Bounds = ratio_bounds(group, reference, 1 - 2 * ALPHA)
    found = errors(np.nan_to_num(bounds.low) > 0.8, (x, n), (y, m), 0.8)

    assert found.max() <= 0.065
    assert found.mean() <= 0.0505


@pytest.mark.parametrize(("n", "m"), [(20, 20), (50, 50), (30, 200), (200, 30)])
def test_the_difference_errs_at_its_rate_with_few_rows(n: int, m: int) -> None:
    """Summed over all outcomes of equal shares: each bound excludes 0 with probability 0.05 or little more."""
    group, reference, x, y = every_outcome(n, m)
    bounds = difference_bounds(group, reference, 1 - 2 * ALPHA)

    for misses in (bounds.low > 0, bounds.high < 0):
        found = errors(misses, (x, n), (y, m), 1.0)
        assert found.max() <= 0.066
        assert found.mean() <= 0.0505


def test_skewness_is_corrected_where_it_matters() -> None:
    """A small group against a large one: the plain score bound errs 0.07 where 0.05 is claimed."""
    group, reference, x, y = every_outcome(30, 300)
    plain, ours = (ratio_bounds(group, reference, 0.9, skewness=on) for on in (False, True))
    found = [errors(np.nan_to_num(bounds.low) > 0.8, (x, 30), (y, 300), 0.8).max() for bounds in (plain, ours)]

    assert found[0] > 0.07
    assert found[1] < 0.06
