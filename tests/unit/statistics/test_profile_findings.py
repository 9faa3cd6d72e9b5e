"""Drift from profiles: bounds that hold, figures that rows would give, and verdicts that agree with those of rows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.columns import BinnedNumbers, ColumnSample, Numbers, paired
from airflow_provider_mlops.statistics.drift import detect_drift
from airflow_provider_mlops.statistics.profile import Profile
from airflow_provider_mlops.statistics.profile_distances import binned_ks, quantile
from airflow_provider_mlops.statistics.profile_findings import profile_pairs, summary_of_profile
from airflow_provider_mlops.statistics.profile_spec import ProfileSpec, freeze
from airflow_provider_mlops.statistics.profiling import assembled, empty_profile, tally_of

POLICY = DriftPolicy.from_mapping({"schema": 1, "name": "d"})
SAMPLES = st.lists(st.integers(-5, 5).map(float) | st.floats(-100, 100), min_size=1, max_size=80)


def numeric(values: Any) -> ColumnSample:
    return ColumnSample("numeric", np.asarray(values, dtype=float))


def spec_of(**reference: ColumnSample) -> ProfileSpec:
    """Freeze a specification by the first side of a pair of nothing but itself."""
    return freeze((name, column) for name, column, _ in paired(reference, {}) if column is not None)


def profile(spec: ProfileSpec, **columns: ColumnSample) -> Profile:
    """Count columns; those that are not given are absent."""
    rows = max(len(column) for column in columns.values())
    counted = {}
    for name, item in spec.columns.items():
        tally = tally_of(item)
        if name not in columns:
            tally.missing(rows)
        elif item.kind == "numeric":
            tally.add(columns[name].values.copy())
        else:
            values = columns[name].values.tolist()
            tally.add({value: values.count(value) for value in set(values)})
        counted[name] = tally.result()
    return assembled(spec, rows, counted, {})


def binned(spec: ProfileSpec, values: Any) -> BinnedNumbers:
    """Count one column of numbers."""
    found = summary_of_profile(spec.columns["x"], profile(spec, x=numeric(values)).columns["x"])
    assert isinstance(found, BinnedNumbers)
    return found


def both(was: ColumnSample, now: ColumnSample) -> tuple[Verdict, Verdict]:
    """Judge rows, and profiles of the same rows."""
    spec = spec_of(x=was)
    pairs = profile_pairs(profile(spec, x=was), profile(spec, x=now), spec)
    return detect_drift(paired({"x": was}, {"x": now}), POLICY), detect_drift(pairs, POLICY)


def only(verdict: Verdict, rule: str = "x") -> RuleResult:
    return next(result for result in verdict.rules if result.rule == rule)


@given(SAMPLES, SAMPLES)
def test_the_true_distance_lies_within_the_bounds(first: list[float], second: list[float]) -> None:
    """Whatever the ties, also at the edges."""
    spec = spec_of(x=numeric(first))
    lower, upper = binned_ks(binned(spec, first), binned(spec, second))
    exact = distances.ks_statistic(np.sort(np.array(first)), np.sort(np.array(second)))

    assert lower - 1e-12 <= exact <= upper + 1e-12


def test_the_bounds_are_close_and_touch_on_whole_numbers(random: np.random.Generator) -> None:
    """A thousandth or two on continuous values; nothing where every value is an edge."""
    was, now = random.normal(size=20_000), random.normal(0.3, 1, 20_000)
    spec = spec_of(x=numeric(was))
    lower, upper = binned_ks(binned(spec, was), binned(spec, now))
    whole = spec_of(x=numeric(np.round(was)))
    classes = binned_ks(binned(whole, np.round(was)), binned(whole, np.round(was) * 1.0))

    assert upper - lower < 0.003
    assert classes[0] == classes[1] == 0


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.5, 5.0])
@pytest.mark.parametrize("spread", [1.0, 1.4])
def test_profiles_judge_as_rows_do(shift: float, spread: float, random: np.random.Generator) -> None:
    """Same outcome; PSI and Jensen-Shannon equal, KS and Wasserstein little below the exact ones."""
    was, now = numeric(random.normal(size=20_000)), numeric(random.normal(shift, spread, 20_000))
    rows, profiles = both(was, now)
    exact, ours = only(rows).numbers["effects"], only(profiles).numbers["effects"]

    assert profiles.outcome is rows.outcome
    assert ours["psi"] == pytest.approx(exact["psi"])
    assert ours["jensen_shannon"] == pytest.approx(exact["jensen_shannon"])
    assert exact["ks"] - 0.003 <= ours["ks"] <= exact["ks"] + 1e-12
    assert exact["wasserstein"] - 0.02 <= ours["wasserstein"] <= exact["wasserstein"] + 1e-9


def test_a_reader_is_told_that_the_distance_comes_from_bins(random: np.random.Generator) -> None:
    """Both bounds stand in the reason."""
    _, found = both(numeric(random.normal(size=5_000)), numeric(random.normal(1, 1, 5_000)))

    assert "(from bins)" in only(found).reason
    assert only(found).numbers["method"] == "ks_binned"


def test_new_categories_and_nulls_are_found() -> None:
    """A category that the reference never had has no name of its own: it is new."""
    was = ColumnSample("categorical", np.array(["a", "b"] * 1_000, dtype=object))
    now = ColumnSample("categorical", np.array(["a", "c"] * 800 + [None] * 400, dtype=object))
    _, found = both(was, now)

    assert found.outcome is Outcome.FAIL
    assert ", new categories, vanished categories b" in only(found).reason
    assert only(found, "x:nulls").outcome is Outcome.FAIL


def test_a_column_that_every_row_lacks_is_missing(random: np.random.Generator) -> None:
    """As in rows; where only some lack it, these are nulls."""
    was = {"x": numeric(random.normal(size=600)), "y": numeric(random.normal(size=600))}
    spec = spec_of(**was)
    gone, half = profile(spec, y=was["y"]), profile(spec, **was).merge(profile(spec, y=was["y"]))

    verdict = detect_drift(profile_pairs(profile(spec, **was), gone, spec), POLICY)
    assert only(verdict).numbers["finding"] == "missing_column"
    verdict = detect_drift(profile_pairs(profile(spec, **was), half, spec), POLICY)
    assert only(verdict, "x:nulls").numbers["current"] == 0.5


@pytest.mark.parametrize("values", [[np.nan] * 600, [np.inf] * 600, [3.0] * 600, [np.nan] * 300 + [1.0] * 300])
@pytest.mark.parametrize("others", [[np.nan] * 600, [-np.inf] * 600, [3.0] * 600, list(range(600))])
def test_hopeless_columns_get_the_outcome_of_rows(values: list[float], others: list[float]) -> None:
    """Null, infinite and constant columns, in any combination."""
    rows, profiles = both(numeric(values), numeric(others))

    assert profiles.outcome is rows.outcome


def test_a_profile_of_no_rows_is_inconclusive(random: np.random.Generator) -> None:
    """Never a silent absence of drift."""
    was = numeric(random.normal(size=600))
    spec = spec_of(x=was)
    verdict = detect_drift(profile_pairs(profile(spec, x=was), empty_profile(spec), spec), POLICY)

    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_profiles_by_another_specification_are_refused(random: np.random.Generator) -> None:
    """So are values against a profile."""
    spec, other = spec_of(x=numeric([1.0, 2.0])), spec_of(x=numeric([1.0, 3.0]))
    with pytest.raises(BadInput, match="the bins differ"):
        list(profile_pairs(empty_profile(spec), empty_profile(other), spec))
    values = Numbers.of(numeric(random.normal(size=600)))
    with pytest.raises(BadInput, match="profile with profile"):
        detect_drift([("x", values, binned(spec, np.arange(600.0)))], POLICY)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999, 1.0])
def test_a_quantile_lies_in_its_bin(share: float, random: np.random.Generator) -> None:
    """The bin holds a thousandth of the reference."""
    values = random.gamma(2, 2, 30_000)
    lower, upper = quantile(binned(spec_of(x=numeric(values)), values), share)

    assert lower <= np.quantile(values, share, method="inverted_cdf") <= upper
    if 0.01 <= share <= 0.99:
        assert upper - lower < 0.05
