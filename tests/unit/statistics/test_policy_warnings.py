"""What looks wrong with a policy."""

from typing import Any

import pytest

from airflow_provider_mlops.statistics.policy_assumptions import Assumptions
from airflow_provider_mlops.statistics.policy_rows import need_of
from airflow_provider_mlops.statistics.policy_warnings import power_notes, warnings_of
from tests.unit.statistics.test_policy_words import policy

LOOKS = {"name": "looks", "kind": "max_looks", "value": 3}
MINIMUM = {"name": "auc", "kind": "minimum", "metric": "roc_auc", "value": 0.6}
GOLDEN = {"name": "golden", "kind": "non_inferior", "metric": "roc_auc", "margin": 0.02, "against": "golden"}
SLICED = {
    "name": "by_origin",
    "kind": "non_inferior",
    "metric": "accuracy",
    "margin": 0.03,
    "slice": "origin",
    "values": ["EWR", "JFK"],
    "min_rows": 500,
}
GOOD = (LOOKS, MINIMUM, GOLDEN, SLICED)


def without(rule: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a rule without some of its keys."""
    return {name: value for name, value in rule.items() if name not in names}


def test_a_sound_policy_has_no_warning() -> None:
    """A metric with a limit, looks, golden, slices with their values and rows."""
    assert warnings_of(policy(*GOOD), Assumptions()) == []


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((LOOKS,), "No rule demands that a metric be proved"),
        ((LOOKS, {**without(SLICED, "kind"), "kind": "block_if_worse"}), "No rule demands that a metric be proved"),
        ((LOOKS, GOLDEN), "No rule is a minimum or a maximum: the first model"),
        ((MINIMUM,), "No rule limits the looks"),
        ((*GOOD[:3], without(SLICED, "min_rows")), "'by_origin' slices by 'origin' without min_rows"),
        ((*GOOD[:3], without(SLICED, "values")), "'by_origin' names no values of 'origin'"),
        ((LOOKS, MINIMUM, without(GOLDEN, "against")), "ten releases may each lose a margin"),
        ((LOOKS, MINIMUM, {**GOLDEN, "margin": 0.4}), "the limit 0.6 of 'auc' is only 0.4 away from the best value"),
    ],
)
def test_what_is_suspicious_is_named(rules: tuple[dict[str, Any], ...], words: str) -> None:
    """One warning, which names the rule and the way out."""
    (warning,) = warnings_of(policy(*rules), Assumptions())

    assert words in warning


def test_a_margin_is_compared_with_what_was_measured() -> None:
    """A model at 0.615 stands a margin of 0.02 above no limit of 0.6."""
    auc = {"value": 0.615, "low": 0.61, "high": 0.62, "n": 1_000, "method": "delong"}
    assumed = Assumptions(measured={"roc_auc": {"candidate": auc}}, source="the evaluation of 2013-04")
    (warning,) = warnings_of(policy(*GOOD), assumed)

    assert "only 0.015 away from the value of the evaluation of 2013-04" in warning


def notes(rows: int | None, *rules: dict[str, Any], **more: Any) -> list[str]:
    found = policy(*rules, **more)
    return power_notes(found, {rule.name: need_of(rule, found, Assumptions()) for rule in found.rules}, rows)


def test_all_slices_pass_less_often_than_one() -> None:
    """12 slices of 500 rows, 5 % discordant, margin 3 points: one passes with 0.91, all with 0.33."""
    values = [f"v{index}" for index in range(12)]
    (note,) = notes(6_000, {**SLICED, "values": values})

    assert "all pass with a probability of 0.33 (if independent), one with 0.91." in note


def test_without_rows_the_power_is_the_wished_one() -> None:
    """0.8 for each of two is 0.64 for both."""
    assert "all pass with a probability of 0.64" in notes(None, SLICED)[0]
    assert "of 12 values of that size, all do with a probability of 0.07" in notes(None, without(SLICED, "values"))[0]


def test_watched_slices_need_not_pass() -> None:
    """They block on proof of harm, which few rows do not give."""
    assert notes(None, {**without(SLICED, "kind"), "kind": "block_if_worse"}) == []


def test_dependent_rows_are_said_to_carry_less() -> None:
    """The formulas are for independent rows."""
    assert "for independent rows" in notes(None, MINIMUM, dependence={"cluster": "customer"})[0]
