"""Policies from mappings: what is read, what is refused, what the hash covers."""

from typing import Any

import pytest

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import Maximum, MaxLooks, Minimum, MinRows, NonInferior


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
        (mapping(alhpa=0.1), "unknown key 'alhpa'; valid keys: alpha, name, rules, schema"),
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
        (with_rule(marign=1), "unknown key 'marign'; valid keys: kind, margin, metric"),
        (with_rule(margin=0), "margin must be above 0"),
        (with_rule(margin=-0.1), "margin must be above 0"),
        (with_rule(margin=True), "margin must be a finite number, not True"),
        (with_rule(margin=float("inf")), "margin must be a finite number"),
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
