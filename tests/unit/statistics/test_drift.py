"""Drift: what is found, what is not, and what must never pass in silence."""

import math
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics.columns import ColumnSample, paired
from airflow_provider_mlops.statistics.drift import detect_drift


def policy(**keys: Any) -> DriftPolicy:
    return DriftPolicy.from_mapping({"schema": 1, "name": "d", **keys})


def numeric(values: Any) -> ColumnSample:
    return ColumnSample("numeric", np.asarray(values, dtype=float))


def categorical(values: Any) -> ColumnSample:
    return ColumnSample("categorical", np.asarray(values, dtype=object))


def normal(n: int, shift: float = 0.0, seed: int = 1) -> ColumnSample:
    return numeric(np.random.default_rng(seed).normal(shift, 1, n))


def letters(n: int, shares: dict[str, float], seed: int = 1) -> ColumnSample:
    return categorical(np.random.default_rng(seed).choice(list(shares), n, p=list(shares.values())))


def run(was: ColumnSample, now: ColumnSample, **keys: Any) -> Verdict:
    return detect_drift(paired({"x": was}, {"x": now}), policy(**keys))


def only(verdict: Verdict, rule: str = "x") -> RuleResult:
    return next(result for result in verdict.rules if result.rule == rule)


def test_no_shift_passes_and_says_what_it_could_have_seen() -> None:
    """An answer of no drift is only worth its sensitivity."""
    verdict = run(normal(5_000), normal(5_000, seed=2))

    assert verdict.outcome is Outcome.PASS
    assert "the smallest KS distance it could have seen is 0.027" in only(verdict).reason


def test_a_shift_that_matters_fails() -> None:
    """Half a standard deviation is drift, with its cause in the reason."""
    verdict = run(normal(5_000), normal(5_000, 0.5, seed=2))

    assert verdict.outcome is Outcome.FAIL
    assert "moved by 0.5" in only(verdict).reason
    assert only(verdict).numbers["effects"]["ks"] == pytest.approx(0.2, abs=0.03)


def test_a_significant_shift_that_does_not_matter_passes() -> None:
    """With 100,000 rows a shift of 0.05 sigma has a tiny p-value and no consequence."""
    result = only(run(normal(100_000), normal(100_000, 0.05, seed=2)))

    assert result.outcome is Outcome.PASS
    assert "that matters" in result.reason
    assert result.numbers["adjusted_p_value"] < 1e-6


def test_few_rows_are_underpowered_even_for_a_large_shift() -> None:
    """Below the minimum nothing is said."""
    verdict = run(normal(5_000), normal(100, 2.0, seed=2))

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "100 current values, at least 500 needed" in only(verdict).reason


def test_rows_that_cannot_show_a_material_effect_are_underpowered() -> None:
    """Enough rows by the policy, too few by the statistics: 60 rows see no KS distance below 0.17."""
    verdict = run(normal(5_000), normal(60, seed=3), min_rows=50)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "underpowered" in only(verdict).reason


def test_an_effect_that_is_large_but_not_proven_is_inconclusive() -> None:
    """A PSI over its threshold with an insignificant test is neither drift nor its absence."""
    verdict = detect_drift(
        paired({"x": normal(3_000)}, {"x": normal(3_000, 0.5, seed=2)}), policy(), p_values={"x": 0.5}
    )

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "not proven" in only(verdict).reason


@pytest.mark.parametrize("correction", ["bonferroni", "holm", "bh", "by"])
def test_every_correction_finds_one_shift_among_many(correction: str) -> None:
    """One of ten features drifted: it fails and stands first."""
    was = {f"f{i}": normal(3_000, seed=i) for i in range(10)}
    now = {f"f{i}": normal(3_000, 0.5 * (i == 7), seed=50 + i) for i in range(10)}
    verdict = detect_drift(paired(was, now), policy(correction=correction))

    assert verdict.outcome is Outcome.FAIL
    assert [result.rule for result in verdict.rules if result.outcome is Outcome.FAIL] == ["f7"]
    assert verdict.rules[0].rule == "f7"


def test_false_alarms_are_as_rare_as_promised() -> None:
    """20 features without drift, materiality as good as off: at most 5 % of 200 checks alarm (plus 3 errors)."""
    random = np.random.default_rng(4)
    strict = policy(thresholds={"ks": 1e-9, "cramers_v": 1e-9}, min_rows=100)
    runs, alarms, raw = 200, 0, 0
    for _ in range(runs):
        was, now = (
            {f"f{i}": numeric(random.normal(size=400)) for i in range(15)}
            | {f"c{i}": categorical(random.integers(0, 5, 400)) for i in range(5)}
            for _ in range(2)
        )
        verdict = detect_drift(paired(was, now), strict)
        alarms += verdict.outcome is Outcome.FAIL
        raw += any(result.numbers["p_value"] < 0.05 for result in verdict.rules)

    assert alarms / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    # Without a correction more than half of the checks would alarm: 0.64 by theory, a little less by KS's grid.
    assert 0.45 <= raw / runs <= 0.75


def test_largest_effects_come_first() -> None:
    """The on-call reader sees the cause before the rest."""
    was = {name: normal(3_000, seed=i) for i, name in enumerate("abc")}
    now = {name: normal(3_000, shift, seed=9) for name, shift in zip("abc", (0.5, 2.0, 1.0), strict=True)}

    assert [result.rule for result in detect_drift(paired(was, now), policy()).rules] == ["b", "c", "a"]


def test_thousands_of_drifted_columns_stay_bounded_in_xcom() -> None:
    """What travels between tasks is small whatever the number of columns."""
    was = {f"f{i}": numeric(np.arange(500.0)) for i in range(300)}
    now = {f"f{i}": numeric(np.arange(500.0) + 400) for i in range(300)}

    assert len(canonical_json(detect_drift(paired(was, now), policy()).to_xcom())) < 12_000


def test_shares_of_categories_that_moved_are_drift() -> None:
    """The chi-squared test finds a changed mix."""
    verdict = run(letters(5_000, {"a": 0.5, "b": 0.5}), letters(5_000, {"a": 0.7, "b": 0.3}, seed=2))

    assert verdict.outcome is Outcome.FAIL
    assert "Cramer's V 0.197" in only(verdict).reason
    assert only(verdict).numbers["effects"]["cramers_v"] == pytest.approx(0.204, abs=0.02)


def test_new_and_vanished_categories_are_named() -> None:
    """Also where they are too few to be drift."""
    was, now = ["a"] * 1_000 + ["old"] * 3, ["a"] * 1_000 + ["new"] * 3
    result = only(run(categorical(was), categorical(now)))

    assert result.outcome is Outcome.PASS
    assert "new categories new, vanished categories old" in result.reason
    assert result.numbers["new_rows"] == 3


def test_a_new_category_that_takes_over_is_drift() -> None:
    """All rows in a category never seen."""
    assert run(categorical(["a"] * 1_000), categorical(["b"] * 1_000)).outcome is Outcome.FAIL


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_more_nulls_are_a_finding_of_their_own(kind: str) -> None:
    """The values did not move, but a fifth of them is gone."""
    if kind == "numeric":
        was, now = normal(5_000), normal(5_000, seed=2)
        now.values[:1_000] = np.nan
    else:
        was, now = letters(5_000, {"a": 0.5, "b": 0.5}), letters(5_000, {"a": 0.5, "b": 0.5}, seed=2)
        now = categorical([None] * 1_000 + now.values[1_000:].tolist())
    verdict = run(was, now)

    assert verdict.outcome is Outcome.FAIL
    assert only(verdict, "x:nulls").outcome is Outcome.FAIL
    assert only(verdict).outcome is Outcome.PASS


def test_one_null_does_not_silence_a_shift() -> None:
    """Elsewhere one NaN turns the p-value into NaN and the answer into "no drift"."""
    now = normal(5_000, 5.0, seed=2)
    now.values[0] = np.nan

    assert run(normal(5_000), now).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("was", "now", "outcome", "message"),
    [
        ([np.nan] * 600, [np.nan] * 600, Outcome.PASS, "null in every row of both"),
        ([1.0] * 600, [np.nan] * 600, Outcome.FAIL, "null in every row of the current"),
        ([np.nan] * 600, [1.0] * 600, Outcome.FAIL, "was null in every row"),
        ([1.0] * 600, [1.0] * 600, Outcome.PASS, "constant 1, now constant 1"),
        ([1.0] * 600, [2.0] * 600, Outcome.FAIL, "constant 1, now constant 2"),
        ([1.0] * 600, list(range(600)), Outcome.FAIL, "was constant"),
        (list(range(600)), [1.0] * 600, Outcome.FAIL, "now constant 1"),
        ([], [], Outcome.INCONCLUSIVE, "0 reference and 0 current"),
        ([1.0] * 600, [], Outcome.INCONCLUSIVE, "0 current"),
        ([np.inf] * 600, [np.inf] * 600, Outcome.PASS, "600 infinite values"),
    ],
)
def test_constant_null_and_empty_columns_are_explicit(was: Any, now: Any, outcome: Outcome, message: str) -> None:
    """Each degenerate column has its own sentence, and emptiness never passes."""
    verdict = run(numeric(was), numeric(now))

    assert verdict.outcome is outcome
    assert any(message in result.reason for result in verdict.rules)


def test_infinities_that_the_reference_never_had_are_a_break() -> None:
    """A single one is a finding."""
    now = normal(5_000, seed=2)
    now.values[0] = np.inf
    verdict = run(normal(5_000), now)

    assert verdict.outcome is Outcome.FAIL
    assert verdict.rules[0].rule == "x:infinite"


def test_missing_new_and_changed_columns_are_findings() -> None:
    """Structure comes before distribution."""
    was = {"gone": normal(600), "kind": normal(600), "same": normal(600)}
    now = {"new": normal(600), "kind": letters(600, {"a": 1.0}), "same": normal(600)}
    verdict = detect_drift(paired(was, now), policy())

    assert verdict.outcome is Outcome.FAIL
    kinds = {result.rule: result.numbers.get("finding") for result in verdict.rules}
    assert kinds == {"gone": "missing_column", "new": "new", "kind": "type_change", "same": None}


def test_ignored_columns_are_not_compared() -> None:
    """Ids and timestamps stay out."""
    verdict = detect_drift(
        paired({"id": normal(600), "x": normal(600)}, {"id": normal(600, 9), "x": normal(600)}), policy(ignore=["id"])
    )

    assert verdict.outcome is Outcome.PASS
    assert [result.rule for result in verdict.rules] == ["x"]


def test_nothing_to_compare_is_inconclusive() -> None:
    """No column, no verdict."""
    assert detect_drift(paired({}, {}), policy()).outcome is Outcome.INCONCLUSIVE


def test_a_feature_has_its_own_threshold() -> None:
    """A season that is known to come does not alarm."""
    was, now = normal(5_000), normal(5_000, 0.5, seed=2)

    assert run(was, now, features={"x": {"ks": 0.4}}).outcome is Outcome.PASS


def test_a_share_of_features_may_drift_if_the_policy_says_so() -> None:
    """One of ten within 20 %: PASS, said and marked; without the allowance, FAIL."""
    was = {f"f{i}": normal(3_000, seed=i) for i in range(10)}
    now = {f"f{i}": normal(3_000, 0.5 * (i == 7), seed=50 + i) for i in range(10)}
    allowed = detect_drift(paired(was, now), policy(max_drifted_share=0.2))

    assert allowed.outcome is Outcome.PASS
    assert "drift_within_share" in allowed.marks
    assert "1 of 10 features drifted" in allowed.rules[0].reason
    assert detect_drift(paired(was, now), policy(max_drifted_share=0.05)).outcome is Outcome.FAIL


def test_a_broken_structure_decides_whatever_the_share() -> None:
    """A missing column is no matter of degree."""
    was = {f"f{i}": normal(600, seed=i) for i in range(10)}
    now = {name: column for name, column in was.items() if name != "f3"}

    assert detect_drift(paired(was, now), policy(max_drifted_share=0.9)).outcome is Outcome.FAIL


def test_p_values_of_another_backend_are_used() -> None:
    """Its p-value, our effect, correction and rows."""
    was, now = {"x": normal(3_000), "y": normal(3_000)}, {"x": normal(3_000, 0.5, 2), "y": normal(3_000, seed=2)}
    verdict = detect_drift(paired(was, now), policy(), p_values={"x": 1e-6, "y": 1e-6})

    assert only(verdict).outcome is Outcome.FAIL
    assert only(verdict).numbers["method"] == "given"
    assert only(verdict).numbers["adjusted_p_value"] == pytest.approx(2e-6)
    assert only(verdict, "y").outcome is Outcome.PASS


def test_a_p_value_of_nan_is_inconclusive() -> None:
    """A backend that could not say does not mean "no drift"."""
    verdict = detect_drift(paired({"x": normal(600)}, {"x": normal(600)}), policy(), p_values={"x": math.nan})

    assert verdict.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("p_values", [{"z": 0.5}, {"x": 1.5}, {"x": -0.1}])
def test_impossible_p_values_are_refused(p_values: dict[str, float]) -> None:
    """Unknown features and figures out of range."""
    with pytest.raises(BadInput):
        detect_drift(paired({"x": normal(600)}, {"x": normal(600)}), policy(), p_values=p_values)


def test_a_policy_about_an_unknown_feature_is_refused() -> None:
    """A typing error would otherwise switch a threshold off."""
    with pytest.raises(BadInput, match=r"'temp'.*there are: x"):
        run(normal(600), normal(600), features={"temp": {"ks": 0.2}})


def test_ragged_samples_are_refused() -> None:
    """Columns of one sample have one length."""
    with pytest.raises(BadInput, match="current columns have different lengths: 5, 6"):
        detect_drift(paired({}, {"a": normal(5), "b": normal(6)}), policy())


def test_verdict_is_deterministic_and_json_safe() -> None:
    """The same samples give the same record to the last byte, hostile ones too."""

    def samples(seed: int) -> dict[str, ColumnSample]:
        broken = normal(800, seed=seed)
        broken.values[:9] = np.inf
        broken.values[9:30] = np.nan
        return {
            "a": normal(800, seed=seed),
            "b": broken,
            "c": letters(800, {"a": 0.9, "b": 0.1}, seed),
            "n": numeric([np.nan] * 800),
        }

    first, second = (canonical_json(detect_drift(paired(samples(1), samples(2)), policy()).to_dict()) for _ in range(2))

    assert first == second


def test_the_bound_decides_if_the_policy_says_so() -> None:
    """An effect just above its threshold is not proven to be; a large one is."""
    was, near, far = normal(2_000), normal(2_000, 0.3, seed=2), normal(2_000, 1.0, seed=2)

    assert run(was, near).outcome is Outcome.FAIL
    assert run(was, near, decide="bound").outcome is Outcome.INCONCLUSIVE
    assert "no lower bound is (ks at least" in only(run(was, near, decide="bound")).reason
    assert run(was, far, decide="bound").outcome is Outcome.FAIL


def test_the_list_has_a_correction_of_its_own() -> None:
    """What only the list finds is marked, and does not decide."""
    was = {f"f{i}": normal(500, seed=i) for i in range(20)}
    now = {f"f{i}": normal(500, 0.0, seed=50 + i) for i in range(20)}
    p_values = {f"f{i}": 0.004 if i < 8 else 0.5 for i in range(20)}
    verdict = detect_drift(paired(was, now), policy(thresholds={"ks": 1e-6}), p_values=p_values)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "listed_only" in verdict.marks
    assert sum(result.numbers["listed"] for result in verdict.rules) == 8


def test_old_corrections_of_the_list_still_decide_and_are_marked() -> None:
    """A policy of the first release keeps its decision; the reader is told what its error rate is."""
    verdict = run(normal(3_000), normal(3_000, 0.5, seed=2), correction="bh")

    assert verdict.outcome is Outcome.FAIL
    assert "not_family_wise" in verdict.marks


def test_dependent_rows_without_their_own_test_are_never_no_drift() -> None:
    """A policy that says rows hang together takes no p-value of independent rows."""
    verdict = run(normal(3_000), normal(3_000, seed=2), dependence={"kind": "days"})

    assert verdict.outcome is Outcome.INCONCLUSIVE
