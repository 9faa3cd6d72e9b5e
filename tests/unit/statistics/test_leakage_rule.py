"""The rule about leakage: what was found fails, what was not looked for is inconclusive."""

from typing import Any

import pytest

from airflow_provider_mlops.core.rules import Leakage
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.leakage_rule import judge_leakage

CLEAN: dict[str, Any] = {
    "train_rows": 900,
    "test_rows": 100,
    "row_overlap": 0,
    "entity_column": "customer",
    "entity_overlap": 0,
    "train_last": "2013-01-31",
    "test_first": "2013-02-01",
    "time_ordered": True,
    "single_feature": {"feature": "dep_hour", "auc": 0.7},
}
RULE = Leakage(name="leakage", max_entity_overlap=0)


def test_no_leak_passes() -> None:
    """Every demanded check was made and found nothing."""
    result = judge_leakage(RULE, {"leakage": CLEAN}, "binary")

    assert result.outcome is Outcome.PASS
    assert result.numbers["single_feature_auc"] == 0.7


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"row_overlap": 3}, "3 test rows are also training rows, at most 0 may be"),
        ({"entity_overlap": 12}, "12 values of customer are in training and test rows"),
        ({"time_ordered": False}, "training rows reach to 2013-01-31, test rows begin at 2013-02-01"),
        (
            {"single_feature": {"feature": "arr_delay", "auc": 0.9995}},
            "arr_delay alone tells the label with ROC-AUC 0.9995",
        ),
        ({"single_feature": {"feature": "early", "auc": 0.0001}}, "early alone tells the label with ROC-AUC 0.9999"),
    ],
)
def test_a_leak_fails_and_is_named(found: dict[str, Any], words: str) -> None:
    """Each kind of leak, a feature that tells the label the wrong way round too."""
    result = judge_leakage(RULE, {"leakage": CLEAN | found}, "binary")

    assert result.outcome is Outcome.FAIL
    assert words in result.reason


@pytest.mark.parametrize("missing", ["row_overlap", "entity_overlap", "time_ordered", "single_feature"])
@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_check_that_was_not_made_is_inconclusive(missing: str, value: float | None) -> None:
    """Null and NaN are no evidence of a clean split."""
    if missing == "single_feature":
        found: Any = {"feature": "x", "auc": value}
    else:
        found = value
    result = judge_leakage(RULE, {"leakage": CLEAN | {missing: found}}, "binary")

    assert result.outcome is Outcome.INCONCLUSIVE
    assert "did not record" in result.reason


@pytest.mark.parametrize("facts", [{}, {"leakage": None}, {"leakage": "clean"}])
def test_no_record_of_leakage_is_inconclusive(facts: dict[str, Any]) -> None:
    """Evaluations from before the check, too."""
    assert judge_leakage(RULE, facts, "binary").outcome is Outcome.INCONCLUSIVE


def test_what_the_rule_does_not_demand_may_be_missing() -> None:
    """No entity, no order in time, and no area under a curve where there are no classes."""
    found = CLEAN | {"entity_overlap": None, "time_ordered": False, "single_feature": None}
    rule = Leakage(name="leakage", time_ordered=False)

    assert judge_leakage(rule, {"leakage": found}, "regression").outcome is Outcome.PASS
