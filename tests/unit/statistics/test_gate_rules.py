"""The gate's comparing rules: golden versions, superiority, stress, operating thresholds, rows that depend."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.gate import judge
from airflow_provider_mlops.statistics.score_table import ScoreTable

MINIMUM = {"name": "minimum", "kind": "minimum", "metric": "roc_auc", "value": 0.6}
NON_INFERIOR = {"name": "ni", "kind": "non_inferior", "metric": "roc_auc", "margin": 0.02}
GOLDEN = {"name": "golden", "kind": "non_inferior", "metric": "roc_auc", "margin": 0.05, "against": "golden"}


def table(n: int = 4_000, *, noise: float = 0.2, seed: int = 1, **keys: Any) -> ScoreTable:
    """Score rows by candidate, champion and golden version, the candidate with as much noise as wished."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(float)
    signal = random.normal(size=n) + labels - 1

    def scores(spread: float) -> FloatArray:
        return np.asarray(1 / (1 + np.exp(-(signal + spread * random.normal(size=n)))))

    keys = {"slices": {"origin": np.array(["EWR", "JFK", "LGA"], dtype=object)[random.integers(0, 3, n)]}, **keys}
    return ScoreTable(labels, scores(noise), scores(0.2), golden=scores(0.2), **keys)


def run(rows: ScoreTable, *rules: dict[str, Any], facts: dict[str, Any] | None = None, **keys: Any) -> Verdict:
    looks = keys.pop("looks", 1)
    policy = Policy.from_mapping({"schema": 1, "name": "p", "rules": list(rules), **keys})
    return judge(policy, rows, evaluation_id="e", looks=looks, facts=facts or {})


def only(rows: ScoreTable, **rule: Any) -> RuleResult:
    """Judge one rule; return its result."""
    return run(rows, {"name": "r", **rule}).rules[0]


def test_golden_is_compared_with_its_own_scores() -> None:
    """The sentence and the numbers name the golden version."""
    result = run(table(), GOLDEN).rules[0]

    assert result.outcome is Outcome.PASS
    assert "of the golden version 0.7" in result.reason
    assert result.numbers["golden"] != result.numbers["candidate"]
    assert "champion" not in result.numbers


def test_golden_shows_what_the_releases_since_may_have_lost() -> None:
    """Four releases of a margin of 0.02 each: the erosion that no single gate sees."""
    result = run(table(), NON_INFERIOR, GOLDEN, facts={"releases_since_golden": 4}).rules[1]

    assert result.reason.endswith("4 releases since the golden version may have lost 0.08 in all, 0.02 each.")
    assert result.numbers["cumulative_margin"] == pytest.approx(0.08)
    assert (result.numbers["releases_since_golden"], result.numbers["margin_per_release"]) == (4, 0.02)


def test_without_a_golden_version_the_rule_says_the_way_out() -> None:
    """A champion but no golden version: nobody can tell."""
    result = run(replace(table(), golden=None), GOLDEN).rules[0]

    assert result.outcome is Outcome.INCONCLUSIVE
    assert "no scores of a golden version: give the alias golden" in result.reason


def test_without_any_champion_comparisons_do_not_apply() -> None:
    """The first model has nothing to be compared with, golden or not."""
    first = replace(table(), champion=None, golden=None)
    watched = {"name": "w", "kind": "block_if_worse", "metric": "roc_auc", "slice": "origin"}
    verdict = run(first, MINIMUM, NON_INFERIOR, GOLDEN, watched, {"name": "s", "kind": "superior", "metric": "roc_auc"})

    assert [result.rule for result in verdict.rules] == ["minimum"]
    assert verdict.marks == ("no_baseline",)


@pytest.mark.parametrize(
    ("noise", "by", "outcome"),
    [(0.01, 0.0, Outcome.PASS), (0.2, 0.0, Outcome.INCONCLUSIVE), (2.0, 0.0, Outcome.FAIL), (0.01, 0.1, Outcome.FAIL)],
)
def test_superior_must_be_proved(noise: float, by: float, outcome: Outcome) -> None:
    """A clear gain passes, an equal model is undecided, a gain below the demanded one fails."""
    rows = replace(
        table(noise=noise), champion=table(noise=0.6, seed=1).candidate if noise == 0.01 else table().champion
    )
    result = only(rows, kind="superior", metric="roc_auc", by=by)

    assert result.outcome is outcome
    assert result.numbers["limit"] == by


def test_superior_turns_with_the_direction() -> None:
    """A lower loss is a gain."""
    rows = table(noise=0.01)
    worse = replace(rows, champion=np.clip(rows.candidate + 0.3, 0, 1))

    assert only(worse, kind="superior", metric="brier").outcome is Outcome.PASS
    swapped = replace(worse, candidate=np.asarray(worse.champion), champion=worse.candidate)
    assert only(swapped, kind="superior", metric="brier").outcome is Outcome.FAIL


@pytest.mark.parametrize(("spread", "outcome"), [(0.01, Outcome.PASS), (3.0, Outcome.FAIL)])
def test_stress_compares_the_candidate_with_itself(spread: float, outcome: Outcome) -> None:
    """Disturbed rows may cost at most the margin; no champion is needed."""
    rows = table()
    noise = np.random.default_rng(9).normal(size=rows.rows)
    disturbed = replace(rows, champion=None, golden=None, variants={"noise": rows.candidate + spread * noise})
    result = only(disturbed, kind="stress", metric="roc_auc", variant="noise", margin=0.02)

    assert result.outcome is outcome
    assert "on the rows of 'noise'" in result.reason
    assert result.numbers["undisturbed"] > result.numbers["candidate"]


def test_stress_by_slices_and_on_rows_that_nobody_disturbed() -> None:
    """One result per slice; a variant that is not there is inconclusive."""
    rows = table()
    same = replace(rows, variants={"noise": rows.candidate})
    rule = {"name": "s", "kind": "stress", "metric": "roc_auc", "variant": "noise", "margin": 0.1, "slice": "origin"}
    held = run(same, MINIMUM, rule)

    assert [result.rule for result in held.rules[1:]] == ["s[EWR]", "s[JFK]", "s[LGA]"]
    assert held.outcome is Outcome.PASS
    missing = run(rows, MINIMUM, rule).rules[1]
    assert missing.outcome is Outcome.INCONCLUSIVE
    assert "no altered rows 'noise'; it has: none" in missing.reason


@pytest.mark.parametrize(
    "rules",
    [
        [{"name": "w", "kind": "block_if_worse", "metric": "roc_auc", "slice": "origin"}],
        [{"name": "s", "kind": "stress", "metric": "roc_auc", "variant": "same", "margin": 0.1}],
        [{"name": "f", "kind": "flip_rate", "variant": "same", "value": 0.1}],
    ],
)
def test_a_policy_that_proves_nothing_good_is_inconclusive(rules: list[dict[str, Any]]) -> None:
    """Not being proved worse, steady or undisturbed says nothing about being good enough."""
    rows = table()
    verdict = run(replace(rows, variants={"same": rows.candidate}), *rules)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.rules[-1].rule == "measured"


def test_operating_thresholds_are_each_models_own() -> None:
    """Decisions at 0.4 and at 0.6 are compared as such; one threshold for both would say otherwise."""
    rows = table(thresholds={"candidate": 0.4, "champion": 0.6})
    own = only(rows, kind="non_inferior", metric="accuracy", margin=0.5, threshold="operating").numbers
    by_hand = [np.mean((s >= t) == rows.labels) for s, t in ((rows.candidate, 0.4), (np.asarray(rows.champion), 0.6))]

    assert (own["candidate"], own["champion"]) == pytest.approx(by_hand)
    assert own["threshold"] == {"candidate": 0.4, "champion": 0.6}
    one = only(rows, kind="non_inferior", metric="accuracy", margin=0.5, threshold=0.4).numbers
    assert one["threshold"] == 0.4
    assert one["champion"] != own["champion"]


@pytest.mark.parametrize("thresholds", [{}, {"candidate": 0.4}, {"candidate": 0.4, "champion": float("nan")}])
def test_an_operating_threshold_that_was_not_frozen_never_passes(thresholds: dict[str, float]) -> None:
    """Nor one that is no number."""
    rows = table(thresholds=thresholds)
    result = only(rows, kind="non_inferior", metric="accuracy", margin=0.5, threshold="operating")

    assert result.outcome is Outcome.INCONCLUSIVE
    assert "has no operating threshold" in result.reason


def test_nan_scores_are_no_decision_at_an_operating_threshold() -> None:
    """NaN is not below the threshold, it is nothing."""
    rows = table(thresholds={"candidate": 0.4, "champion": 0.6})
    broken = rows.candidate.copy()
    broken[0] = np.nan
    rule = {"kind": "minimum", "metric": "accuracy", "value": 0.01, "threshold": "operating"}

    assert only(replace(rows, candidate=broken), **rule).outcome is Outcome.INCONCLUSIVE


def test_an_undecided_accuracy_names_the_discordance_that_its_rows_rest_on() -> None:
    """The share of rows that one model gets right and the other wrong."""
    result = only(table(500), kind="non_inferior", metric="accuracy", margin=0.01)
    share = result.numbers["discordant"] / 500

    assert result.outcome is Outcome.INCONCLUSIVE
    assert f"about {result.numbers['rows_needed']:,} would at the {share:.1%} discordant rows seen" in result.reason


def test_a_value_that_must_be_there_fails_closed() -> None:
    """A slice that vanished is no slice that passed."""
    rule = {**NON_INFERIOR, "slice": "origin", "margin": 0.1, "values": ["JFK", "TEB"], "min_rows": 100}
    verdict = run(table(), rule)
    outcomes = {result.rule: result.outcome for result in verdict.rules}

    assert outcomes["ni[TEB]"] is Outcome.INCONCLUSIVE
    assert outcomes["ni[JFK]"] is Outcome.PASS
    assert "no origin TEB, which the rule wants: it fails closed" in verdict.reasons[0]


def test_a_slice_below_its_minimum_says_how_many_rows_it_needs() -> None:
    """The number is the policy's own."""
    result = run(table(300), {**NON_INFERIOR, "slice": "origin", "min_rows": 500}).rules[0]

    assert result.numbers["rows_needed"] == 500


def test_rows_of_one_cluster_are_drawn_together() -> None:
    """The same rows twenty times over: independent rows would claim an interval far too short."""
    one = table(200)
    cut = np.repeat(np.arange(200), 20)
    many = ScoreTable(one.labels[cut], one.candidate[cut], np.asarray(one.champion)[cut], {"customer": cut.astype(str)})
    rule = {"name": "r", "kind": "non_inferior", "metric": "accuracy", "margin": 0.02}
    alone = run(many, rule).rules[0].numbers
    together = run(many, rule, dependence={"cluster": "customer"}).rules[0].numbers

    assert together["high"] - together["low"] > 3 * (alone["high"] - alone["low"])
    assert together["method"].startswith("cluster_bootstrap")
    assert together["seed"] > 0


def test_dependence_on_a_column_that_is_not_there_is_inconclusive_for_every_rule_about_scores() -> None:
    """Intervals would be too short without it; rules about rows and data do not care."""
    rows = {"name": "rows", "kind": "min_rows", "rows": 10}
    flips = {"name": "flips", "kind": "flip_rate", "variant": "v", "value": 0.5}
    verdict = run(table(), rows, MINIMUM, flips, dependence={"time": "departure"})

    assert [result.outcome for result in verdict.rules] == [
        Outcome.PASS,
        Outcome.INCONCLUSIVE,
        Outcome.INCONCLUSIVE,
    ]
    assert "no column 'departure'" in verdict.reasons[0]


def test_weights_change_the_value() -> None:
    """Rows of weight zero do not count."""
    rows = table()
    weights = (rows.slices["origin"] == "JFK").astype(float)
    weighted = only(replace(rows, weights=weights), kind="minimum", metric="accuracy", value=0.1).numbers
    jfk = np.asarray(rows.slices["origin"] == "JFK")

    assert weighted["candidate"] == pytest.approx(np.mean((rows.candidate[jfk] >= 0.5) == rows.labels[jfk]))
    assert weighted["draws"] == 2_000


def test_a_bound_near_the_limit_is_drawn_with_ten_thousand() -> None:
    """Two thousand draws cannot be trusted to decide by a hair."""
    rows = table(1_000)
    far = only(rows, kind="minimum", metric="f1", value=0.01).numbers
    near = only(rows, kind="minimum", metric="f1", value=round(far["low"], 3)).numbers

    assert (far["draws"], near["draws"]) == (2_000, 10_000)


def test_the_numbers_are_complete() -> None:
    """What a decision must show so that it can be checked later; JSON-safe."""
    wanted = {
        *("metric", "slice", "slice_value", "n", "positives", "discordant", "candidate", "champion", "difference"),
        *("low", "high", "alpha", "margin", "method", "draws", "seed", "threshold", "rows_needed", "bound", "limit"),
    }
    verdict = run(table(), {"name": "r", "kind": "non_inferior", "metric": "f1", "margin": 0.1, "slice": "origin"})
    canonical_json(verdict.to_dict())

    for result in verdict.rules:
        assert wanted <= set(result.numbers)
        assert result.numbers["bound"] == "low"


@pytest.mark.parametrize(
    ("looks", "value", "marked"), [(1, 3, False), (2, 3, False), (3, 3, True), (2, 2, True), (5, 9, True)]
)
def test_a_holdout_that_wears_out_is_marked(looks: int, value: int, marked: bool) -> None:
    """The mark travels with the verdict, pass or not."""
    verdict = run(table(), MINIMUM, {"name": "looks", "kind": "max_looks", "value": value}, looks=looks)

    assert ("holdout_wears_out" in verdict.marks) is marked
    assert run(table(), MINIMUM, looks=3).marks == ("holdout_wears_out",)


def test_a_regression_is_judged_by_its_own_metrics() -> None:
    """Labels are values, and a metric of classes is refused by name."""
    random = np.random.default_rng(2)
    labels = random.normal(size=800)
    near, far = labels + 0.1 * random.normal(size=800), labels + 0.5 * random.normal(size=800)
    rows = ScoreTable(labels, near, far, task="regression")

    assert only(rows, kind="non_inferior", metric="rmse", margin=0.1).outcome is Outcome.PASS
    assert only(rows, kind="superior", metric="mae").outcome is Outcome.PASS
    assert only(
        replace(rows, candidate=far, champion=near), kind="non_inferior", metric="rmse", margin=0.1
    ).outcome is (Outcome.FAIL)
    with pytest.raises(BadInput, match="roc_auc, which is for binary; the model's task is regression"):
        only(rows, kind="minimum", metric="roc_auc", value=0.5)


def test_many_classes_are_judged_by_their_own_metrics() -> None:
    """The scores are a row of probabilities per row."""
    random = np.random.default_rng(2)
    labels = random.integers(0, 3, 900)
    good = np.full((900, 3), 0.1)
    good[np.arange(900), labels] = 0.8
    poor = good[random.permutation(900)]
    rows = ScoreTable(labels.astype(float), good, poor, task="multiclass")
    passed = only(rows, kind="non_inferior", metric="multiclass_accuracy", margin=0.02)

    assert passed.outcome is Outcome.PASS
    assert passed.numbers["discordant"] > 500
    swapped = replace(rows, candidate=poor, champion=good)
    assert only(swapped, kind="non_inferior", metric="macro_f1", margin=0.02).outcome is Outcome.FAIL


def share_of_positives(labels: Any, scores: Any, weights: Any) -> float:
    """Measure a metric of one's own."""
    return float(np.average((scores >= 0.5) == labels, weights=weights))


def test_a_metric_of_ones_own_is_judged_like_any_other() -> None:
    """By import path, with its direction, resampled."""
    keys = {"metric": f"{__name__}:share_of_positives", "higher_is_better": True}
    result = only(table(600), kind="non_inferior", margin=0.2, **keys)

    assert result.outcome is Outcome.PASS
    assert "bootstrap" in result.numbers["method"]
    with pytest.raises(BadInput, match="higher is better: use a minimum"):
        only(table(600), kind="maximum", value=1.0, **keys)


def test_params_reach_the_metric() -> None:
    """Recall where precision must be 0.5 is more than where it must be 0.7."""
    rows = table()
    low, high = (
        only(rows, kind="minimum", metric="recall_at_precision", value=0.0, params={"precision": p}).numbers
        for p in (0.5, 0.7)
    )

    assert low["candidate"] > high["candidate"]
    assert low["params"] == {"precision": 0.5}


@pytest.mark.parametrize("kind", ["non_inferior", "superior", "stress", "block_if_worse"])
@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "f1", "brier"])
@pytest.mark.parametrize("broken", ["nan", "one_class", "empty"])
def test_no_comparing_rule_passes_on_broken_rows(kind: str, metric: str, broken: str) -> None:
    """NaN, one class, no rows: never PASS, whatever the kind."""
    rows = table(400)
    labels, ours, theirs = rows.labels.copy(), rows.candidate.copy(), np.array(rows.champion)
    origin = rows.slices["origin"]
    if broken == "nan":
        ours[:] = np.nan
    elif broken == "one_class":
        labels[:] = 1
    else:
        labels, ours, theirs, origin = labels[:0], ours[:0], theirs[:0], origin[:0]
    wanted: dict[str, dict[str, Any]] = {"non_inferior": {"margin": 5.0}, "stress": {"margin": 5.0, "variant": "v"}}
    keys = wanted.get(kind, {})
    keys |= {"slice": "origin"} if kind == "block_if_worse" else {}
    broken_rows = ScoreTable(labels, ours, theirs, {"origin": origin}, variants={"v": ours})
    result = only(broken_rows, kind=kind, metric=metric, **keys)

    assert result.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "minimum", "metric": "roc_auc", "value": 0.5},
        {"kind": "minimum", "metric": "accuracy", "value": 0.5},
        {"kind": "maximum", "metric": "brier", "value": 0.5},
        {"kind": "non_inferior", "metric": "balanced_accuracy", "margin": 0.5},
        {"kind": "block_if_worse", "metric": "accuracy", "slice": "origin", "margin": 0.5},
        {"kind": "stress", "metric": "accuracy", "variant": "noise", "margin": 0.5},
        {"kind": "flip_rate", "variant": "noise", "value": 0.99},
        {"kind": "fairness", "metric": "demographic_parity_difference", "group": ["origin"], "value": 0.99},
    ],
)
def test_weights_by_which_a_few_rows_decide_prove_nothing(keys: dict[str, Any]) -> None:
    """Two heavy rows that happen to be right are not two thousand: no resample tells what others would have said."""
    rows = table()
    weights = np.full(rows.rows, 1e-9)
    weights[[np.argmax(rows.labels * rows.candidate), np.argmin(rows.labels + rows.candidate)]] = 1.0
    result = only(replace(rows, weights=weights, variants={"noise": rows.candidate}), **keys)

    assert result.outcome is Outcome.INCONCLUSIVE
    assert "an interval needs at least 20" in result.reason


@pytest.mark.parametrize("kind", ["non_inferior", "block_if_worse"])
def test_the_minimum_of_a_slice_counts_what_its_rows_weigh(kind: str) -> None:
    """A slice whose rows have next to no weight is as small as it weighs."""
    rows = table()
    light = rows.slices["origin"] == "JFK"
    weights = np.where(light & (np.cumsum(light) > 100), 0.0, 1.0)
    margin = {"margin": 0.2} if kind == "non_inferior" else {}
    rule = {"name": "slices", "kind": kind, "metric": "accuracy", "slice": "origin", "min_rows": 200, **margin}
    verdict = run(replace(rows, weights=weights), rule)

    if kind == "non_inferior":
        small = next(result for result in verdict.rules if result.rule == "slices[JFK]")
        assert small.outcome is Outcome.INCONCLUSIVE
        assert "that are worth 100 by their weights, fewer than the minimum 200" in small.reason
    else:
        assert [one["slice_value"] for one in verdict.rules[0].numbers["not_assessed"]] == ["JFK"]
