"""Policies from mappings: what is read, what is refused, what the hash covers."""

from typing import Any

import pytest

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.dependence import Dependence
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import (
    BlockIfWorse,
    DataAge,
    Fairness,
    FlipRate,
    Infrastructure,
    Leakage,
    Maximum,
    MaxLooks,
    Minimum,
    MinRows,
    NonInferior,
    Stress,
    Superior,
)


def mapping(**keys: Any) -> dict[str, Any]:
    rules = [
        {"name": "rows", "kind": "min_rows", "rows": 5000, "positives": 500},
        {"name": "auc", "kind": "minimum", "metric": "roc_auc", "value": 0.6},
        {"name": "brier", "kind": "maximum", "metric": "brier", "value": 0.2},
        {"name": "ni", "kind": "non_inferior", "metric": "roc_auc", "margin": 0.01},
        {"name": "o", "kind": "non_inferior", "metric": "roc_auc", "margin": 0.03, "slice": "origin", "min_rows": 500},
        {"name": "looks", "kind": "max_looks", "value": 3},
    ]
    return {"schema": 1, "name": "flight_delays", "alpha": 0.05, "rules": rules, **keys}


def with_rule(**keys: Any) -> dict[str, Any]:
    return mapping(rules=[{"name": "r", "kind": "non_inferior", "metric": "roc_auc", "margin": 0.01, **keys}])


def test_the_policy_of_the_design_is_read() -> None:
    """Every kind of rule becomes its dataclass, in order."""
    policy = Policy.from_mapping(mapping())

    assert [type(rule) for rule in policy.rules] == [MinRows, Minimum, Maximum, NonInferior, NonInferior, MaxLooks]
    assert policy.rules[4] == NonInferior(name="o", metric="roc_auc", margin=0.03, slice="origin", min_rows=500)
    assert (policy.name, policy.alpha) == ("flight_delays", 0.05)


def test_alpha_has_a_default() -> None:
    """One-sided 0.05."""
    bare = mapping()
    del bare["alpha"]

    assert Policy.from_mapping(bare).alpha == 0.05


def test_hash_is_that_of_the_mapping_and_moves_with_any_value() -> None:
    """A changed margin is another policy."""
    assert Policy.from_mapping(mapping()).hash == sha256_of(mapping())
    assert Policy.from_mapping(with_rule()).hash != Policy.from_mapping(with_rule(margin=0.02)).hash


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            mapping(alhpa=0.1),
            "unknown key 'alhpa'; valid keys: alpha, approval, dependence, governance, name",
        ),
        (mapping(schema=2), "schema 2; this version reads schema 1"),
        (mapping(schema=True), "schema True"),
        (mapping(alpha=0.5), "alpha must be above 0 and below 0.5"),
        (mapping(alpha=float("nan")), "alpha must be a finite number"),
        (mapping(alpha="0.05"), "alpha must be a finite number, not '0.05'"),
        (mapping(name=""), "name must be a text"),
        (mapping(rules=[]), "at least one rule"),
        (mapping(rules={"a": 1}), "at least one rule"),
        (mapping(rules=["x"]), r"rules\[0\] must be a mapping"),
        (mapping(rules=[{"name": "r", "kind": "best"}]), "kind 'best'; valid kinds: min_rows"),
        (mapping(rules=[{"name": "r"}]), "kind None"),
        (mapping(rules=[{"name": "r", "kind": []}]), r"kind \[\]"),
        (mapping(rules=[{"name": "r", "kind": "non_inferior", "metric": "f1"}]), "lacks the key 'margin'"),
        (with_rule(marign=1), "unknown key 'marign'; valid keys: against, higher_is_better, kind, margin, metric"),
        (with_rule(margin=0), "margin must be above 0"),
        (with_rule(margin=-0.1), "margin must be above 0"),
        (with_rule(margin=True), "margin must be a finite number, not True"),
        (with_rule(margin=float("inf")), "margin must be a finite number"),
        (with_rule(margin=10**400), "margin must be a finite number"),
        (with_rule(slice="origin", min_rows=0), "min_rows must be a whole number"),
        (with_rule(slice="origin", min_rows=1.5), "min_rows must be a whole number"),
        (with_rule(slice=7), "slice must be a text"),
        (with_rule(min_rows=5), "min_rows without slice"),
        (mapping(rules=2 * [{"name": "r", "kind": "max_looks", "value": 3}]), "two rules named 'r'"),
        ([], "must be a mapping"),
        (None, "must be a mapping"),
    ],
)
def test_what_is_malformed_is_refused_by_name(bad: Any, message: str) -> None:
    """Every error names the key and the way out."""
    with pytest.raises(BadInput, match=message):
        Policy.from_mapping(bad)


def test_every_new_kind_is_read_with_its_defaults() -> None:
    """Only what a kind requires must be given."""
    bare = [
        {"name": "a", "kind": "superior", "metric": "roc_auc"},
        {"name": "b", "kind": "block_if_worse", "metric": "roc_auc", "slice": "origin"},
        {"name": "c", "kind": "fairness", "metric": "calibration_gap", "value": 0.1, "group": "sex"},
        {"name": "d", "kind": "flip_rate", "variant": "other_sex", "value": 0.01},
        {"name": "e", "kind": "stress", "variant": "noise", "metric": "brier", "margin": 0.01},
        {"name": "f", "kind": "infrastructure"},
        {"name": "g", "kind": "leakage"},
        {"name": "h", "kind": "data_age", "min_days": 7},
    ]
    superior, watched, fairness, flips, stress, serves, leakage, age = Policy.from_mapping(mapping(rules=bare)).rules

    assert superior == Superior(name="a", metric="roc_auc", by=0.0, against="champion")
    assert watched == BlockIfWorse(name="b", metric="roc_auc", slice="origin", margin=0.0)
    assert fairness == Fairness(name="c", metric="calibration_gap", value=0.1, group=("sex",))
    assert flips == FlipRate(name="d", variant="other_sex", value=0.01)
    assert stress == Stress(name="e", variant="noise", metric="brier", margin=0.01)
    assert serves == Infrastructure(name="f", p95_latency_ms=None, peak_memory_mib=None)
    assert leakage == Leakage(name="g", max_row_overlap=0, time_ordered=True, max_single_feature_auc=0.999)
    assert age == DataAge(name="h", min_days=7.0)


def test_dependence_and_outcomes_are_read() -> None:
    """What belongs together, and what the task does with a verdict."""
    blocks = Policy.from_mapping(mapping(dependence={"time": "day", "block_days": 7}, outcomes={"fail": "fail"}))
    clusters = Policy.from_mapping(mapping(dependence={"cluster": "customer"}))

    assert blocks.dependence == Dependence(time="day", block_days=7.0)
    assert (blocks.outcomes.fail, blocks.outcomes.inconclusive) == ("fail", None)
    assert clusters.dependence is not None
    assert clusters.dependence.column == "customer"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (mapping(dependence={}), "must have either cluster, or time"),
        (mapping(dependence={"cluster": "a", "time": "b"}), "must have either cluster, or time"),
        (mapping(dependence={"cluster": "a", "block_days": 2}), "must have either cluster, or time"),
        (mapping(outcomes={"fail": "shrug"}), "must be one of: skip, fail, route; not 'shrug'"),
        (with_rule(against="gold"), "against must be one of: champion, golden; not 'gold'"),
        (with_rule(threshold="best"), "threshold must be a number or 'operating', not 'best'"),
        (with_rule(threshold=True), "threshold must be a finite number"),
        (with_rule(params=[1]), "params must be a mapping from names to numbers"),
        (with_rule(params={"precision": "much"}), "params.precision must be a finite number"),
        (with_rule(values=["JFK"]), "has values without slice"),
        (with_rule(slice="origin", values=["JFK", "JFK"]), "list of different texts"),
        (with_rule(slice="origin", values=[]), "list of different texts"),
        (with_rule(metric="a.b:c"), "lacks the key 'higher_is_better', which one's own metric 'a.b:c' needs"),
        (with_rule(higher_is_better=True), "has higher_is_better, which 'roc_auc' knows by itself"),
        (mapping(rules=[{"name": "r", "kind": "data_age"}]), "demands nothing: give min_days, max_age_days, or both"),
        (
            mapping(rules=[{"name": "r", "kind": "block_if_worse", "metric": "roc_auc"}]),
            "lacks the key 'slice': it watches the values of a column",
        ),
    ],
)
def test_new_keys_are_refused_by_name_too(bad: Any, message: str) -> None:
    """The same errors for every kind: thing, value, way out."""
    with pytest.raises(BadInput, match=message):
        Policy.from_mapping(bad)
