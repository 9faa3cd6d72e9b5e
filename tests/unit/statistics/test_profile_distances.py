"""Distances from bins: bounds that hold, whatever the values, and verdicts that claim no more than they prove."""

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.columns import Numbers
from airflow_provider_mlops.statistics.drift import detect_drift
from airflow_provider_mlops.statistics.profile import Profile, merged
from airflow_provider_mlops.statistics.profile_distances import binned_wasserstein
from airflow_provider_mlops.statistics.profile_findings import profile_pairs
from airflow_provider_mlops.statistics.profile_spec import ProfileSpec
from tests.unit.statistics.test_profile_values import column_of, profiled, spec_of

SAMPLES = st.lists(st.integers(-4, 4).map(float) | st.floats(-1e3, 1e3), min_size=1, max_size=60)


def bounds(spec: ProfileSpec, was: Any, now: Any) -> tuple[float, float] | None:
    """Bound the distance of two samples by their bins."""
    return binned_wasserstein(column_of(spec, np.asarray(was, float)), column_of(spec, np.asarray(now, float)))


def exact(was: Any, now: Any) -> float | None:
    """Compute it from the values."""
    return distances.wasserstein(np.sort(np.asarray(was, float)), np.sort(np.asarray(now, float)))


def check(spec: ProfileSpec, was: list[float], now: list[float]) -> None:
    """The exact distance lies between the bounds, or neither is known."""
    found, true = bounds(spec, was, now), exact(was, now)
    assert (found is None) == (true is None)
    if found is not None and true is not None:
        room = 1e-9 * max(1.0, true)
        assert found[0] - room <= true <= found[1] + room
        assert 0 <= found[0] <= found[1]


@given(SAMPLES, SAMPLES, st.sampled_from([10, 40, 1_024]))
@example([0.0, 1.0], [0.5, 0.5], 10)
@example([0.0, 1.0], [-3.0, 9.0], 10)
def test_the_exact_distance_lies_between_the_bounds(was: list[float], now: list[float], grid: int) -> None:
    """Whatever the ties, the bins, and what lies beyond the reference."""
    check(spec_of(np.array(was), grid), was, now)


@pytest.mark.parametrize("seed", range(20))
def test_bounds_hold_over_many_orders_of_size(seed: int) -> None:
    """Means of large numbers are rounded; the bounds allow for that."""
    random = np.random.default_rng(seed)
    was, now = (random.normal(size=30) * 10.0 ** random.uniform(-9, 12, 30) for _ in range(2))
    for offset in (0.0, 1e15):
        found, true = bounds(spec_of(was + offset, 10), was + offset, now + offset), exact(was + offset, now + offset)
        assert found is not None
        assert true is not None
        assert found[0] * (1 - 1e-9) <= true <= found[1] * (1 + 1e-9)


@given(st.lists(SAMPLES, min_size=1, max_size=4), SAMPLES)
def test_merged_days_are_bounded_as_well(days: list[list[float]], was: list[float]) -> None:
    """A window is judged by the sum of its days, whose moments are merged too."""
    from airflow_provider_mlops.statistics.columns import BinnedNumbers
    from airflow_provider_mlops.statistics.profile_findings import summary_of_profile

    spec = spec_of(np.array(was), 10)
    week = merged(profiled(spec, np.array(day)) for day in days).columns["x"]
    column = summary_of_profile(spec.columns["x"], week)
    assert isinstance(column, BinnedNumbers)
    found = binned_wasserstein(column_of(spec, np.array(was)), column)
    true = exact(was, [value for day in days for value in day])
    if found is not None and true is not None:
        assert found[0] - 1e-9 <= true <= found[1] + 1e-9


def test_a_shift_is_known_by_its_means(random: np.random.Generator) -> None:
    """Where one distribution is above the other everywhere, the area is the difference of the means."""
    was = random.normal(size=30_000)
    found = bounds(spec_of(was), was, was + 0.7)

    assert found is not None
    assert found[0] == pytest.approx(0.7 / np.std(was), abs=1e-9)
    assert found[1] - found[0] < 1e-3


@pytest.mark.parametrize("tail", ["normal", "standard_cauchy", "gumbel"])
def test_the_bounds_are_close(tail: str, random: np.random.Generator) -> None:
    """No further apart than what lies in a bin could be moved within it: a few hundredths, but for endless tails."""
    was, now = getattr(random, tail)(size=30_000), 1.3 * getattr(random, tail)(size=30_000)
    spec = spec_of(was)
    found, true = bounds(spec, was, now), exact(was, now)
    edges = spec.columns["x"].edges
    ends = np.r_[min(was.min(), now.min()), edges, max(was.max(), now.max())]
    shares = [np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) / len(side) for side in (was, now)]
    most = float(np.diff(ends) @ (shares[0] + shares[1]) / np.std(was))

    assert found is not None
    assert true is not None
    assert found[0] <= true <= found[1]
    assert found[1] - found[0] <= most + 1e-9
    if tail != "standard_cauchy":
        assert most < 0.04


def test_whole_numbers_are_known_exactly(random: np.random.Generator) -> None:
    """Every value is an edge, so that nothing lies between two of them."""
    was, now = random.poisson(4, 5_000), random.poisson(3, 5_000)
    found = bounds(spec_of(was.astype(float)), was, now)

    assert found == pytest.approx((exact(was, now),) * 2, abs=1e-9)


@pytest.mark.parametrize(
    ("was", "now"),
    [([1.0, 1.0], [2.0, 3.0]), ([0.0, np.inf], [1.0, 2.0]), ([0.0, 1.0], [-np.inf, 1.0])],
    ids=["constant", "infinite before", "infinite now"],
)
def test_what_has_no_distance_has_no_bound(was: list[float], now: list[float]) -> None:
    """As of values."""
    assert bounds(spec_of(np.array(was)), was, now) is None
    assert exact(was, now) is None


def test_bounds_are_numbers_a_record_can_hold(random: np.random.Generator) -> None:
    """A column that now holds the largest numbers there are is at most so far away."""
    was, now = random.normal(size=500), np.append(random.normal(size=499), 1.7e308)
    found = bounds(spec_of(was), was, now)

    assert found is not None
    assert found[1] <= sys.float_info.max
    assert all(np.isfinite(found))


def judged(was: Any, now: Any, grid: int, limit: float) -> RuleResult:
    """Judge profiles by the Wasserstein distance alone."""
    spec = spec_of(was, grid)
    sides: tuple[Profile, Profile] = profiled(spec, was), profiled(spec, now)
    policy = DriftPolicy.from_mapping({"schema": 1, "name": "p", "thresholds": {"ks": 0.9, "wasserstein": limit}})
    (rule,) = detect_drift(profile_pairs(*sides, spec), policy).rules
    return rule


def test_only_a_lower_bound_proves_drift(random: np.random.Generator) -> None:
    """A threshold between the bounds is INCONCLUSIVE, one above the upper is no drift, one below the lower is drift."""
    was, now = random.normal(size=20_000), random.normal(0, 1.5, 20_000)
    spec = spec_of(was, 10)
    least, most = bounds(spec, was, now) or (0.0, 0.0)
    between = judged(was, now, 10, (least + most) / 2)

    assert most - least > 0.05
    assert between.outcome is Outcome.INCONCLUSIVE
    assert "bins leave open" in between.reason
    assert f"moved by {least:.2f} to {most:.2f} standard deviations (from bins)" in between.reason
    assert between.numbers["effects"]["wasserstein"] == pytest.approx(least)
    assert between.numbers["wasserstein_at_most"] == pytest.approx(most)
    assert judged(was, now, 10, least * 0.99).outcome is Outcome.FAIL
    assert judged(was, now, 10, most * 1.01).outcome is Outcome.PASS


def test_what_bins_may_hide_is_not_passed_over_where_nothing_is_significant(random: np.random.Generator) -> None:
    """Of values a material distance without proof is INCONCLUSIVE; so is one that bins leave possible."""
    was, now = random.normal(size=20_000), random.normal(size=20_000)
    spec = spec_of(was, 10)
    least, most = bounds(spec, was, now) or (0.0, 0.0)
    rule = judged(was, now, 10, (least + most) / 2)

    assert rule.numbers["adjusted_p_value"] > 0.05
    assert rule.outcome is Outcome.INCONCLUSIVE


def test_values_have_one_distance(random: np.random.Generator) -> None:
    """Nothing is said of bins where rows are compared."""
    was, now = Numbers.owning(random.normal(size=2_000)), Numbers.owning(random.normal(1, 1, 2_000))
    policy = DriftPolicy.from_mapping({"schema": 1, "name": "p", "thresholds": {"wasserstein": 0.5}})
    (rule,) = detect_drift([("x", was, now)], policy).rules

    assert "bins" not in rule.reason
    assert not any(name.endswith("_at_most") for name in rule.numbers)
