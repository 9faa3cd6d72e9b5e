"""Monitoring policies are read, and what they get wrong is said."""

from typing import Any

import pytest

from airflow_provider_mlops.backends.policy_file import load_performance_policy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.performance_policy import PerformancePolicy
from tests.conftest import ROOT

WHOLE: dict[str, Any] = {
    "schema": 1,
    "name": "flights",
    "alpha": 0.1,
    "metrics": [
        {"metric": "accuracy", "minimum": 0.92, "threshold": "operating"},
        {"metric": "roc_auc", "max_drop": 0.02, "minimum": 0.6},
    ],
    "dependence": {"time": "time", "block_days": 1},
    "min_rows": 100,
    "min_labelled": 0.9,
    "latency": {},
    "error_rate": 0.01,
    "concept": {"max_shift": 0.1},
    "calibration": {"intercept": 0.3, "slope": 0.3},
    "fairness": "policy.yaml",
    "importance": {"min_correlation": 0.5},
    "estimate": "decides",
}


def test_a_whole_policy() -> None:
    """Every key is read; the latency's bound is 200 ms when none is stated; each limit can ring."""
    found = PerformancePolicy.from_mapping(WHOLE)

    assert found.p95_ms == 200.0
    assert found.metrics[1].max_drop == 0.02
    assert found.importance is not None
    assert found.importance.top == 5
    assert found.alarms == 10
    assert found.hash == PerformancePolicy.from_mapping(dict(WHOLE)).hash


def test_the_policy_of_the_flights() -> None:
    """The file that the reference Dags use loads, schema and all."""
    assert load_performance_policy(ROOT / "include" / "flights" / "performance.yaml").labelled_rules


def test_service_levels_alone_are_a_policy() -> None:
    """A model without labels has them."""
    assert not PerformancePolicy.from_mapping({"schema": 1, "name": "x", "latency": {"p95_ms": 50}}).labelled_rules


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metrics": []}, "at least one metric"),
        ({"metrics": [{"metric": "accuracy"}]}, "demands nothing of accuracy"),
        ({"metrics": [{"metric": "a", "minimum": 1}, {"metric": "a", "maximum": 2}]}, "'a' twice"),
        ({"metrics": [{"metric": "a", "minimum": float("nan")}]}, "finite number"),
        ({"metrics": [{"metric": "a", "max_drop": 0}]}, "above 0"),
        ({"latency": {"p95": 1}}, "unknown key 'p95'"),
        ({"latency": 200}, "must be a mapping"),
        ({"error_rate": 0}, "above 0 and below 1"),
        ({"concept": {}}, "lacks the key 'max_shift'"),
        ({"calibration": {}}, "demands nothing"),
        ({"importance": {"min_correlation": 2}}, "from 0 to 1"),
        ({"estimate": "promotes"}, "must be one of: off, warns, decides"),
        ({"dependence": {"day": 1}}, "unknown key 'day'"),
        ({"schema": 2}, "schema 2"),
        ({"speed": 1}, "unknown key 'speed'"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], reason: str) -> None:
    """Unknown keys, limits that demand nothing, numbers that are none."""
    with pytest.raises(BadInput, match=reason):
        PerformancePolicy.from_mapping({**WHOLE, **changes})


def test_a_policy_that_demands_nothing_is_refused() -> None:
    """Nothing to judge would always be inconclusive."""
    with pytest.raises(BadInput, match="demands nothing"):
        PerformancePolicy.from_mapping({"schema": 1, "name": "x"})
