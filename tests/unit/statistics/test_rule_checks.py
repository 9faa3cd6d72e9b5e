"""Rules that contradict their metric or the task are refused before anything is measured."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import Rule
from airflow_provider_mlops.statistics.rule_checks import check_rule


def rule(kind: str, **keys: Any) -> Rule:
    mapping = {"name": "r", "kind": kind, **keys}
    return Policy.from_mapping({"schema": 1, "name": "p", "rules": [mapping]}).rules[0]


@pytest.mark.parametrize(
    ("found", "task", "message"),
    [
        (rule("minimum", metric="auc", value=1), "binary", "no metric 'auc'"),
        (rule("minimum", metric="brier", value=1), "binary", "lower is better: use a maximum"),
        (rule("maximum", metric="roc_auc", value=1), "binary", "higher is better: use a minimum"),
        (rule("minimum", metric="roc_auc", value=1, threshold=0.3), "binary", "which roc_auc does not have: remove it"),
        (
            rule("minimum", metric="roc_auc", value=1, params={"precision": 1}),
            None,
            "'r': The metric roc_auc has no param",
        ),
        (
            rule("maximum", metric="rmse", value=1),
            "binary",
            "rmse, which is for regression; the model's task is binary",
        ),
        (rule("minimum", metric="f1", value=1), "regression", "f1, which is for binary.* regression: use one of rmse"),
        (rule("minimum", metric="f1", value=1), "multiclass", "use one of multiclass_accuracy"),
        (
            rule("fairness", metric="calibration_gap", value=0.1, group="sex"),
            "regression",
            "calibration_gap, which is for binary; the model's task is regression",
        ),
        (rule("flip_rate", variant="v", value=0.1), "regression", "give a threshold"),
        (
            rule("min_rows", rows=1, positives=1),
            "multiclass",
            "counts positives, which a multiclass task does not",
        ),
        (rule("fairness", metric="calibration_gap", value=1.0, group="sex"), None, "nothing or everything keeps"),
    ],
)
def test_a_contradiction_is_refused_by_name(found: Rule, task: str | None, message: str) -> None:
    """The rule, what it wants, what there is."""
    with pytest.raises(BadInput, match=message):
        check_rule(found, task)


@pytest.mark.parametrize(
    ("found", "task"),
    [
        (rule("minimum", metric="roc_auc", value=1), "binary"),
        (rule("maximum", metric="rmse", value=1), "regression"),
        (rule("maximum", metric="rmse", value=1), None),
        (rule("minimum", metric="recall_at_precision", value=0.1, params={"precision": 0.9}), "binary"),
        (rule("min_rows", rows=1), "multiclass"),
    ],
)
def test_what_fits_is_let_through(found: Rule, task: str | None) -> None:
    """A rule that the metric can answer."""
    check_rule(found, task)
