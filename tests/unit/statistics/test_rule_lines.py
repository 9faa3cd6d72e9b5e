"""Tests of the common scale of rules: right of the bound is what passes, whatever the unit and the direction."""

from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.gate import judge
from airflow_provider_mlops.statistics.rule_lines import expanded, line_of, worst_first
from airflow_provider_mlops.statistics.score_table import ScoreTable


def result(outcome: Outcome = Outcome.PASS, rule: str = "r", **numbers: Any) -> RuleResult:
    """Make a rule's result."""
    return RuleResult(rule=rule, outcome=outcome, reason="because", numbers=numbers)


def limit(outcome: Outcome, low: float, high: float, **more: Any) -> RuleResult:
    """Make the result of a rule with a limit of 0.6."""
    return result(outcome, low=low, high=high, candidate=(low + high) / 2, limit=0.6, **more)


@pytest.mark.parametrize(
    ("kind", "metric", "extra", "seed"),
    [
        ("minimum", "roc_auc", {"value": 0.6}, 1),
        ("minimum", "roc_auc", {"value": 0.99}, 1),
        ("maximum", "brier", {"value": 0.25}, 1),
        ("maximum", "brier", {"value": 0.01}, 1),
        ("non_inferior", "roc_auc", {"margin": 0.01}, 1),
        ("non_inferior", "brier", {"margin": 0.0001}, 1),
        ("non_inferior", "brier", {"margin": 0.05}, 1),
    ],
)
def test_a_rule_that_the_gate_judged_stands_on_its_side(
    kind: str, metric: str, extra: dict[str, float], seed: int
) -> None:
    """PASS is right of the bound, FAIL left of it, INCONCLUSIVE across it."""
    random = np.random.default_rng(seed)
    labels = (random.random(4_000) < 0.3).astype(float)
    signal = random.normal(size=4_000) + labels
    table = ScoreTable(
        labels, 1 / (1 + np.exp(1 - signal - 0.3 * random.normal(size=4_000))), 1 / (1 + np.exp(1 - signal))
    )
    rule = {"name": "r", "kind": kind, "metric": metric, **extra}
    policy = Policy.from_mapping({"schema": 1, "name": "p", "rules": [rule]})

    (judged,) = judge(policy, table, evaluation_id="e", looks=1).rules

    line = line_of(judged)
    assert line is not None
    low, value, high = line.places
    assert low < value < high
    assert max(abs(low), abs(high)) == pytest.approx(1)
    assert {Outcome.PASS: low >= 0, Outcome.FAIL: high <= 0, Outcome.INCONCLUSIVE: low < 0 < high}[judged.outcome]


def test_the_bound_that_decided_tells_the_direction() -> None:
    """A metric of one's own is known by what the gate did with it."""
    passed_low = line_of(limit(Outcome.PASS, 0.7, 0.8, metric="mine:metric", bound="low"))
    failed_low = line_of(limit(Outcome.FAIL, 0.7, 0.8, metric="mine:metric", bound="low"))

    assert passed_low is not None
    assert failed_low is not None
    assert passed_low.higher_is_better
    assert not failed_low.higher_is_better


def test_the_side_of_the_limit_tells_the_direction_of_old_records() -> None:
    """Without a bound that decided, PASS above the limit means higher is better; an open rule cannot tell."""
    above = line_of(limit(Outcome.PASS, 0.7, 0.8, metric="mine:metric"))
    below = line_of(limit(Outcome.PASS, 0.1, 0.2, metric="mine:metric"))

    assert above is not None
    assert above.higher_is_better
    assert below is not None
    assert not below.higher_is_better
    assert line_of(limit(Outcome.INCONCLUSIVE, 0.5, 0.7, metric="mine:metric")) is None


def test_equal_models_stand_a_margin_right_of_the_bound() -> None:
    """Zero is no difference, on the better side of a margin."""
    line = line_of(result(metric="brier", difference=-0.01, low=-0.02, high=0.0, margin=0.02))

    assert line is not None
    assert line.bound == 0.02
    assert line.place(0.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("outcome", "interval", "places"),
    [
        (Outcome.PASS, (-0.02, 0.01), "right"),
        (Outcome.FAIL, (-0.3, -0.2), "left"),
        (Outcome.FAIL, (0.2, 0.3), "left"),
        (Outcome.INCONCLUSIVE, (-0.2, 0.02), "across"),
    ],
)
def test_a_difference_of_groups_has_two_sides(outcome: Outcome, interval: tuple[float, float], places: str) -> None:
    """More and less than the reference group count alike."""
    low, high = interval
    numbers = {"low": low, "high": high, "value": (low + high) / 2, "limit": 0.1}

    line = line_of(result(outcome, metric="demographic_parity_difference", **numbers))

    assert line is not None
    left, _, right = line.places
    assert places == ("right" if left >= 0 else "left" if right <= 0 else "across")


def test_an_open_rule_about_groups_shows_the_bounds_that_could_not_refuse() -> None:
    """Those corrected for the number of groups."""
    numbers = {"low": 0.12, "high": 0.2, "value": 0.16, "corrected_low": 0.05, "corrected_high": 0.27, "limit": 0.1}

    line = line_of(result(Outcome.INCONCLUSIVE, metric="equal_opportunity_difference", **numbers))

    assert line is not None
    assert (line.low, line.high) == (0.05, 0.27)


def test_a_ratio_above_one_is_that_of_the_reference() -> None:
    """The reference is then the group worse off."""
    line = line_of(result(Outcome.FAIL, metric="demographic_parity_ratio", value=2.0, low=1.6, high=2.5, limit=0.8))

    assert line is not None
    assert (line.low, line.value, line.high) == (0.4, 0.5, 0.625)
    assert line.places[2] < 0


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"metric": "roc_auc", "n": 5},
        {"metric": "roc_auc", "low": float("nan"), "high": 0.7, "candidate": 0.6, "limit": 0.5},
        {"metric": "roc_auc", "low": 0.5, "high": 0.7, "candidate": 0.6},
        {"metric": "roc_auc", "low": 0.5, "high": 0.7, "limit": True, "candidate": 0.6},
    ],
)
def test_a_rule_about_facts_has_no_line(numbers: dict[str, Any]) -> None:
    """Nor has one that could not be measured."""
    assert line_of(result(**numbers)) is None


def test_a_watching_rule_has_a_line_for_each_slice() -> None:
    """Only a slice that is proved worse fails."""
    slices = [
        {"slice_value": "AA", "difference": -0.05, "low": -0.08, "high": -0.02, "worse": True},
        {"slice_value": "UA", "difference": -0.01, "low": -0.03, "high": 0.02, "worse": False},
    ]
    whole = result(Outcome.FAIL, rule="watched", metric="roc_auc", limit=0.0, margin=0.0, slices=slices)

    found = expanded([result(rule="other"), whole])

    assert [(one.rule, one.outcome.value) for one in found] == [
        ("other", "PASS"),
        ("watched[AA]", "FAIL"),
        ("watched[UA]", "PASS"),
    ]
    lines = [line_of(one) for one in found[1:]]
    assert [line.watched for line in lines if line] == [True, True]


def test_a_watching_rule_that_is_open_is_not_hidden_by_its_slices() -> None:
    """A missing slice has no line of its own, and the rule still cannot pass."""
    slices = [{"slice_value": "UA", "difference": 0.0, "low": -0.01, "high": 0.01, "worse": False}]

    found = expanded([result(Outcome.INCONCLUSIVE, rule="watched", metric="roc_auc", limit=0.0, slices=slices)])

    assert [(one.rule, one.outcome.value) for one in found] == [("watched", "INCONCLUSIVE"), ("watched[UA]", "PASS")]


def test_the_worst_come_first() -> None:
    """FAIL, then INCONCLUSIVE, then the narrowest PASS; facts before figures of the same outcome."""
    close, far = limit(Outcome.PASS, 0.61, 0.7, metric="roc_auc"), limit(Outcome.PASS, 0.8, 0.9, metric="roc_auc")
    open_, broken = limit(Outcome.INCONCLUSIVE, 0.5, 0.7, metric="roc_auc"), result(Outcome.FAIL)

    assert worst_first([far, close, open_, broken]) == [broken, open_, close, far]
