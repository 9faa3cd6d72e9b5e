"""Importance of live rows: what the model rests on comes first, and the same ranking as at promotion passes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.performance_policy import ImportanceLimit, PerformancePolicy
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.live_importance import importance_at_promotion, live_importance
from airflow_provider_mlops.statistics.live_groups import judge_importance
from airflow_provider_mlops.statistics.performance import Case, Side

WEIGHTS = np.array([2.0, 1.0, 0.5, 0.0])
LIMIT = ImportanceLimit(min_correlation=0.5, top=2)


def rows(weights: np.ndarray, number: int = 2_000) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw rows whose label follows the features by their weights."""
    random = np.random.default_rng(1)
    features = pd.DataFrame(random.normal(size=(number, 4)), columns=list("abcd"))
    return features, (random.random(number) < 1 / (1 + np.exp(-features.to_numpy() @ weights))).astype(float)


def measured(weights: np.ndarray) -> dict[str, list[float]]:
    """Measure the importances of a model that was fitted to rows of these weights."""
    features, labels = rows(weights)
    model = LogisticRegression().fit(features, labels)
    return live_importance(model, features, labels, "binary", "log_loss", 7)


def judged(now: dict[str, list[float]], then: dict[str, list[float]]) -> Outcome:
    """Judge a change of the ranking."""
    policy = PerformancePolicy.from_mapping({"schema": 1, "name": "x", "importance": {"min_correlation": 0.5}})
    nothing = Side(problem="not asked for")
    case = Case(policy=policy, task="binary", who="version 1", now=nothing, then=nothing, seed="s")
    return judge_importance(LIMIT, case, now, then)[1].outcome


def test_the_ranking_is_that_of_the_weights() -> None:
    """The heaviest feature first, and a standard error beside each."""
    found = measured(WEIGHTS)

    assert sorted(found, key=lambda name: -found[name][0]) == list("abcd")
    assert all(0 < error < 0.2 for _, error in found.values())


def test_the_same_ranking_passes_and_a_turned_one_does_not() -> None:
    """Against what an evaluation recorded: mean and spread over repeats."""
    same, turned = measured(WEIGHTS), measured(WEIGHTS[::-1])
    recorded = {"method": "permutation", "repeats": 5, "rows": 2_000, "candidate": same}
    then = importance_at_promotion(recorded, same, 2_000)

    assert judged(same, then) is Outcome.PASS
    assert judged(turned, then) is Outcome.FAIL


@pytest.mark.parametrize("recorded", [None, {}, {"method": "shap", "candidate": {}}])
def test_an_evaluation_without_permutation_importance(recorded: dict[str, object] | None) -> None:
    """There is nothing to compare with."""
    with pytest.raises(NotMeasurable, match="explain='permutation'"):
        importance_at_promotion(recorded, {}, 1_000)


def test_few_rows_have_no_importance() -> None:
    """Fewer than ten blocks of a hundred."""
    features, labels = rows(WEIGHTS, 999)

    with pytest.raises(NotMeasurable, match="999 labelled rows"):
        live_importance(LogisticRegression(), features, labels, "binary", "log_loss", 7)
