"""The policy of retraining: what it may say."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.retrain_policy import RetrainPolicy

LEAST = {"schema": 1, "name": "p", "triggers": {"drift": None}}


def test_the_least_policy_answers_each_drift() -> None:
    """One window of one is enough, nothing is forbidden but a retraining without new rows."""
    policy = RetrainPolicy.from_mapping(LEAST)

    assert policy.drift is not None
    assert (policy.drift.k, policy.drift.n, policy.drift.kinds) == (1, 1, None)
    assert (policy.performance, policy.schedule, policy.data, policy.probe, policy.rollback) == (None,) * 5
    assert (policy.cooldown_days, policy.budget_per_month, policy.min_new_rows) == (0.0, None, 1)


def test_everything_is_read() -> None:
    """Each key of the page has its place, and the hash is that of the content."""
    mapping = {
        **LEAST,
        "triggers": {
            "drift": {"kinds": ["feature", "prediction"], "k": 2, "n": 3},
            "performance": {"below": {"roc_auc": 0.92}, "estimated": True},
            "schedule": {"days": 90},
            "data": {"rows": 100_000},
        },
        "cooldown_days": 7,
        "budget_per_month": 2,
        "min_new_rows": 5000,
        "probe": {"days": 28, "test_days": 7, "model": "linear", "on_inconclusive": "wait"},
        "window": {"since": "drift", "partitions": 6},
        "params_from": "@champion",
        "fit": "incremental",
        "on_breach": {"rollback": {"within": 7}},
    }
    policy = RetrainPolicy.from_mapping(mapping)

    assert policy.drift is not None
    assert policy.performance is not None
    assert policy.rollback is not None
    assert (policy.drift.k, policy.drift.n) == (2, 3)
    assert (policy.params_from, policy.fit) == ("@champion", "incremental")
    assert RetrainPolicy.from_mapping({**LEAST, "params_from": 7}).params_from == "7"
    assert policy.performance.below == {"roc_auc": 0.92}
    assert policy.since_drift
    assert policy.performance.kinds == ("realised", "concept", "calibration", "fairness", "estimated")
    assert (policy.rollback.within, policy.rollback.kinds) == (7, ("realised",))
    assert policy.hash == RetrainPolicy.from_mapping(dict(mapping)).hash != RetrainPolicy.from_mapping(LEAST).hash


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"schema": 2}, "schema 2"),
        ({"cool_down": 3}, "cool_down"),
        ({"triggers": {}}, "Nothing would ever retrain"),
        ({"triggers": {"mood": {}}}, "mood"),
        ({"triggers": {"drift": {"k": 3, "n": 2}}}, "k is 3 and n is 2"),
        ({"triggers": {"drift": {"k": 0}}}, "at least 1"),
        ({"triggers": {"drift": {"below": {}}}}, "below"),
        ({"triggers": {"schedule": {}}}, "at least one of"),
        ({"triggers": {"data": {"rows": 0}}}, "at least 1"),
        ({"triggers": {"performance": {"below": {"roc_auc": "high"}}}}, "finite number"),
        ({"cooldown_days": -1}, "at least 0"),
        ({"budget_per_month": 0}, "at least 1"),
        ({"probe": {"model": "deep"}}, "gradient_boosting"),
        ({"probe": {"alpha": 0.5}}, "below 0.5"),
        ({"window": {}}, "must have"),
        ({"params_from": "champion"}, "behind an @"),
        ({"params_from": True}, "params_from"),
        ({"fit": "some"}, "full, warm, incremental"),
        ({"window": {"since": "then"}}, "month"),
        ({"on_breach": {"rollback": {}}}, "within"),
    ],
)
def test_what_is_no_policy_is_refused(wrong: dict[str, Any], message: str) -> None:
    """An unknown key is an error, and so is a policy that could never retrain."""
    with pytest.raises(BadInput, match=message):
        RetrainPolicy.from_mapping({**LEAST, **wrong})
