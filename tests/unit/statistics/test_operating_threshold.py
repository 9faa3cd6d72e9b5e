"""The operating threshold against a slow reference, its ties and its refusals."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.operating_threshold import CRITERIA, check_criterion, choose_threshold

COSTS = {"false_positive": 1.0, "false_negative": 5.0}
PARAMS: dict[str, dict[str, float]] = {
    "expected_cost": COSTS,
    "recall_at_precision": {"precision": 0.7},
    "precision_at_recall": {"recall": 0.6},
}
REFERENCE: dict[str, Any] = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": f1_score,
    "recall_at_precision": lambda y, p: recall_score(y, p) if precision_score(y, p) >= 0.7 else -1,
    "precision_at_recall": lambda y, p: precision_score(y, p) if recall_score(y, p) >= 0.6 else -1,
    "expected_cost": lambda y, p: -np.mean(1.0 * (~y & p) + 5.0 * (y & ~p)),
}


def rows(seed: int, decimals: int = 2) -> tuple[Any, Any]:
    """Make 200 rows whose rounded scores have ties."""
    rng = np.random.default_rng(seed)
    scores = rng.random(200)
    return rng.random(200) < scores, scores.round(decimals)


@pytest.mark.parametrize("metric", CRITERIA)
@pytest.mark.parametrize("seed", [1, 2])
def test_best_of_all_thresholds(metric: str, seed: int) -> None:
    """No other threshold among the scores is better, by scikit-learn's metrics; the value is the one there."""
    labels, scores = rows(seed)
    value, achieved = choose_threshold(labels, scores, metric, PARAMS.get(metric))
    found = {t: REFERENCE[metric](labels, scores >= t) for t in np.unique(scores)}
    assert found[value] == pytest.approx(max(found.values()), abs=1e-12)
    assert abs(achieved) == pytest.approx(abs(found[value]), abs=1e-12)


@pytest.mark.parametrize("metric", CRITERIA)
def test_order_of_rows_does_not_matter(metric: str) -> None:
    """The same rows in another order have the same threshold, bit by bit."""
    labels, scores = rows(3, decimals=1)
    order = np.random.default_rng(0).permutation(len(labels))
    params = PARAMS.get(metric)
    assert choose_threshold(labels, scores, metric, params) == choose_threshold(
        labels[order], scores[order], metric, params
    )


def test_ties_go_to_fewer_mistakes_then_to_the_larger_threshold() -> None:
    """Equal balanced accuracy, other mistakes; equal cost and equal mistakes."""
    scores = np.repeat([0.9, 0.5, 0.1], 20)
    labels = np.repeat([1, 1, 0, 1, 0, 0], [20, 10, 10, 0, 0, 20])
    # At 0.9: 20 of 30 found, 0 wrong. At 0.5: all found, 10 wrong. The costs are equal with a ratio of 1.
    equal = {"false_positive": 1.0, "false_negative": 1.0}
    assert choose_threshold(labels, scores, "expected_cost", equal) == (0.9, 10 / 60)
    # 10 missed of 30 weigh as much as 20 wrong of 60: the fewer mistakes win.
    labels = np.repeat([1, 1, 0, 0], [20, 10, 20, 40])
    scores = np.repeat([0.9, 0.5, 0.5, 0.1], [20, 10, 20, 40])
    assert choose_threshold(labels, scores, "balanced_accuracy")[0] == 0.9


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([0] * 40, [0.5] * 40, "There are 0 positive rows among 40; at least 10 are needed"),
        ([1] * 9 + [0] * 31, [0.5] * 40, "There are 9 positive rows among 40"),
        ([1] * 31 + [0] * 9, [0.5] * 40, "There are 9 negative rows"),
        ([], [], "There are no rows"),
        ([0, 1] * 20, [float("nan")] * 40, "40 of 40 scores are NaN"),
        ([0, 1] * 20, [0.5] * 39, "The rows do not pair up"),
        ([0, 2] * 20, [0.5] * 40, "20 of 40 labels are neither 0 nor 1"),
    ],
)
def test_rows_that_cannot_answer(labels: list[int], scores: list[float], words: str) -> None:
    """One class, too few rows and scores that are no numbers choose nothing."""
    with pytest.raises(BadInput, match=words):
        choose_threshold(labels, scores, "f1")


def test_demand_that_no_threshold_meets() -> None:
    """A precision that is never reached is refused, not replaced by the nearest."""
    with pytest.raises(BadInput, match=r"No threshold reaches a precision of 0.9 on the validation rows"):
        choose_threshold([0, 1] * 20, [0.5] * 40, "recall_at_precision", {"precision": 0.9})


@pytest.mark.parametrize(
    ("metric", "params", "words"),
    [
        ("roc_auc", {}, "No operating threshold can be chosen by 'roc_auc'; by: accuracy"),
        ("f1", {"beta": 2}, "takes the params none; there are: beta"),
        ("recall_at_precision", {}, "takes the params precision; there are: none"),
        ("recall_at_precision", {"precision": 1.1}, "'precision' of 'recall_at_precision' is 1.1; .* from 0 to 1"),
        ("expected_cost", {"false_positive": 1, "false_negative": -1}, "is -1; it must be from 0 to inf"),
        ("expected_cost", {"false_positive": 1}, "takes the params false_negative, false_positive; there are: false_p"),
    ],
)
def test_criteria_that_are_refused(metric: str, params: dict[str, float], words: str) -> None:
    """Unknown metrics and parameters name what there is."""
    with pytest.raises(BadInput, match=words):
        check_criterion(metric, params)
