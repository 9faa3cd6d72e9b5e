"""Values that stand for bins, two profiles of the same rows, and a column between two bounds."""

from dataclasses import replace

import numpy as np
import pytest

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Numbers
from airflow_provider_mlops.statistics.drift import detect_drift
from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.profile import Profile, merged
from airflow_provider_mlops.statistics.profile_compare import differences
from airflow_provider_mlops.statistics.profile_findings import profile_pairs, summary_of_profile
from airflow_provider_mlops.statistics.profile_spec import ProfileSpec, freeze
from airflow_provider_mlops.statistics.profile_values import MOST, values_of
from airflow_provider_mlops.statistics.profiling import NumberTally, assembled


def spec_of(values: np.ndarray, grid: int = 1_024) -> ProfileSpec:
    """Freeze one column."""
    return freeze([("x", Numbers.owning(values.copy()))], grid=grid)


def profiled(spec: ProfileSpec, values: np.ndarray) -> Profile:
    """Count one column."""
    tally = NumberTally(spec.columns["x"])  # type: ignore[arg-type]
    tally.add(values.copy())
    return assembled(spec, len(values), {"x": tally.result()}, {})


def column_of(spec: ProfileSpec, values: np.ndarray) -> BinnedNumbers:
    """Return a column as the drift check sees it."""
    found = summary_of_profile(spec.columns["x"], profiled(spec, values).columns["x"])
    assert isinstance(found, BinnedNumbers)
    return found


@pytest.mark.parametrize("n", [1, 7, 5_000, 120_000])
def test_values_stand_in_their_bins(n: int) -> None:
    """No quantile is further away than its bin, the ends and the mean hold, and memory is bounded."""
    values = np.random.default_rng(1).normal(size=n)
    found = values_of(column_of(spec_of(values), values))

    assert isinstance(found, Numbers)
    assert found.present <= MOST
    assert values.min() <= found.ordered[0] <= found.ordered[-1] <= values.max()
    assert np.mean(found.ordered) == pytest.approx(np.mean(values), abs=0.02)


def test_a_bin_wider_than_any_number_has_finite_values() -> None:
    """What lies between the two largest numbers lies nowhere else."""
    reference, values = np.array([0.0]), np.concatenate([np.full(90, -1.7e308), np.full(90, 1.7e308)])
    found = values_of(column_of(spec_of(reference), values))
    single = values_of(column_of(freeze([("x", Numbers.owning(np.empty(0)))]), values))

    for column in (found, single):
        assert isinstance(column, Numbers)
        assert column.infinite == 0
        assert (column.ordered[0], column.ordered[-1]) >= (-1.7e308, 0.0)


def test_integers_and_infinities_stay_what_they_are() -> None:
    """Values at an edge are not spread over their bin."""
    values = np.concatenate([np.repeat([0.0, 1.0, 5.0], 40), [np.inf, -np.inf], [np.nan] * 8])
    found = values_of(column_of(spec_of(values), values))

    assert isinstance(found, Numbers)
    assert sorted(set(found.ordered.tolist())) == [-np.inf, 0.0, 1.0, 5.0, np.inf]
    assert (found.nulls, found.infinite) == (8, 2)


def test_no_value_at_all() -> None:
    """A column of nulls has none."""
    found = values_of(column_of(spec_of(np.arange(9.0)), np.full(5, np.nan)))

    assert isinstance(found, Numbers)
    assert (found.present, found.nulls) == (0, 5)


def test_rounding_is_no_difference_and_a_row_is() -> None:
    """Whoever counts in another order gets the same profile; one value more is named with its column."""
    values = np.random.default_rng(2).normal(size=4_000)
    spec = spec_of(values)
    whole = profiled(spec, values)
    parts = merged(profiled(spec, part) for part in np.array_split(values, 7))
    other = profiled(spec, np.append(values[1:], 3.0))
    spread = replace(whole.columns["x"], moments=Moments(4_000, 0.5, 1.0, 1.0, 1.0))  # type: ignore[type-var]

    assert differences(whole, parts) == []
    assert "column x differs in bins" in differences(whole, other)[0]
    assert differences(whole, replace(whole, columns={"x": spread})) == ["column x differs in moments"]
    assert "specifications" in differences(whole, replace(whole, spec_hash="sha256:other"))[0]


def test_a_distance_that_may_matter_inside_a_bin_is_never_no_drift() -> None:
    """Ten wide bins leave open whether the KS distance reaches its threshold: INCONCLUSIVE, as the bounds say."""
    random = np.random.default_rng(3)
    was, now = random.normal(size=40_000), random.normal(0.2, 1.0, size=40_000)
    spec = spec_of(was, grid=10)
    pair = (profiled(spec, was), profiled(spec, now))
    policy = {"schema": 1, "name": "p", "thresholds": {"ks": 0.12}}
    (rule,) = detect_drift(profile_pairs(*pair, spec), DriftPolicy.from_mapping(policy)).rules

    assert rule.numbers["effects"]["ks"] < 0.12 <= rule.numbers["ks_at_most"]
    assert rule.outcome is Outcome.INCONCLUSIVE
    assert "bins leave open" in rule.reason


def test_a_week_of_days_gives_the_verdict_of_the_week() -> None:
    """Merged or counted at once: the same outcome, effects and p-values, rule by rule."""
    random = np.random.default_rng(4)
    was = random.normal(size=20_000)
    days = [random.normal(0.05 * day, 1.0, size=int(random.integers(50, 900))) for day in range(7)]
    spec = spec_of(was)
    reference, week = profiled(spec, was), profiled(spec, np.concatenate(days))
    policy = DriftPolicy.from_mapping({"schema": 1, "name": "p", "thresholds": {"ks": 0.05, "psi": 0.1}})
    verdicts = [
        detect_drift(profile_pairs(reference, current, spec), policy)
        for current in (merged(profiled(spec, day) for day in days), week)
    ]

    assert verdicts[0].outcome is verdicts[1].outcome is Outcome.FAIL
    for one, other in zip(verdicts[0].rules, verdicts[1].rules, strict=True):
        assert (one.rule, one.outcome) == (other.rule, other.outcome)
        assert one.numbers["p_value"] == other.numbers["p_value"]
        assert one.numbers["effects"] == pytest.approx(other.numbers["effects"], rel=1e-9)
