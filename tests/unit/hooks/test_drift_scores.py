"""Scores of several classes as a drift check sees them: false alarms at the nominal rate, and shifts are found."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import special, stats

from airflow_provider_mlops.backends.drift_columns import ArrowColumns
from airflow_provider_mlops.backends.parquet_pairs import ParquetPairs
from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks import drift_scores
from airflow_provider_mlops.statistics.drift import detect_drift

CLASSES = ("car", "ship", "train")
# Thresholds that any shift reaches: what is simulated is the test alone.
STRICT = {"ks": 1e-6, "cramers_v": 1e-6, "missing": 1e-6}


def plan_of(classes: Any = CLASSES, kind: DriftKind = DriftKind.PREDICTION) -> Any:
    """Make as much of a plan as scores need."""
    return SimpleNamespace(classes=classes, question=SimpleNamespace(kind=kind, model_name="m"))


def served(scores: Any, classes: Any = CLASSES) -> pa.Table:
    """Put class scores into the columns of a log."""
    return pa.table({f"score:{one}": scores[:, at] for at, one in enumerate(classes)})


def columns(scores: Any, plan: Any) -> ArrowColumns:
    """Take what is compared out of class scores."""
    names = [f"score:{one}" for one in plan.classes]
    return ArrowColumns(drift_scores._compared(served(scores, plan.classes), names, plan))


def drawn(random: Any, rows: int, shift: float = 0.0) -> Any:
    """Draw class probabilities; the last class is likelier by the shift on the log scale."""
    logits = random.normal(0, 1.2, (rows, 3)) + np.array([0.3, 0.0, -0.3 + shift])
    return special.softmax(logits, axis=1)


def judged(was: Any, now: Any, plan: Any, thresholds: Any = None) -> Verdict:
    """Compare two samples of scores."""
    policy = DriftPolicy.from_mapping({"schema": 1, "name": "d", "min_rows": 50, "thresholds": thresholds or STRICT})
    names = drift_scores.score_names(plan)
    return detect_drift(ParquetPairs(columns(was, plan), columns(now, plan), names), policy)


def test_clean_scores_alarm_at_the_nominal_rate() -> None:
    """Five columns of the same rows, corrected for their number: at most one alarm in twenty looks."""
    random, runs = np.random.default_rng(21), 300
    plan = plan_of()
    alarms = sum(judged(drawn(random, 800), drawn(random, 400), plan).outcome is Outcome.FAIL for _ in range(runs))

    assert alarms <= stats.binom.ppf(1 - 1e-3, runs, 0.05)


def test_a_shift_of_the_class_shares_is_found() -> None:
    """A class whose share grows by more than half is found with the default thresholds, and the class is named."""
    random, plan = np.random.default_rng(22), plan_of()
    defaults = {"ks": 0.1, "cramers_v": 0.1}
    found = [judged(drawn(random, 2_000), drawn(random, 1_000, 0.8), plan, defaults) for _ in range(40)]
    reasons = {rule.rule for verdict in found for rule in verdict.rules if rule.outcome is Outcome.FAIL}

    assert sum(verdict.outcome is Outcome.FAIL for verdict in found) >= 39
    assert {"predicted_class", "score:train"} <= reasons


def test_timid_scores_of_the_same_classes_are_found() -> None:
    """The predicted classes stay, their probabilities do not: the confidence says so."""
    random = np.random.default_rng(23)
    was, now = drawn(random, 2_000), drawn(random, 1_000)
    timid = 1 / 3 + (now - 1 / 3) * 0.5
    outcomes = {rule.rule: rule.outcome for rule in judged(was, timid, plan_of(), {"ks": 0.1, "cramers_v": 0.1}).rules}
    alone = judged(was, timid, plan_of(kind=DriftKind.CONFIDENCE), {"ks": 0.1})

    assert outcomes["predicted_class"] is Outcome.PASS or outcomes["predicted_class"] is Outcome.INCONCLUSIVE
    assert outcomes["score"] is Outcome.FAIL
    assert [(rule.rule, rule.outcome) for rule in alone.rules] == [("confidence", Outcome.FAIL)]


def test_rows_without_a_score_are_nulls_of_every_column() -> None:
    """A row that could not be scored has no predicted class: it is never taken for the first one."""
    scores = np.array([[0.2, 0.5, 0.3], [math.nan, math.nan, math.nan], [0.6, 0.3, 0.1]])
    table = drift_scores._compared(served(scores), [f"score:{one}" for one in CLASSES], plan_of())

    assert table["predicted_class"].to_pylist() == ["ship", None, "car"]
    assert table["score"].to_pylist() == [0.5, None, 0.6]
    assert table["score:train"].to_pylist() == [0.3, None, 0.1]


def test_many_classes_are_compared_as_one_column() -> None:
    """With more than ten the probabilities of the classes are left out: the predicted class names what moved."""
    many = [f"kind {number}" for number in range(11)]

    assert drift_scores.score_names(plan_of(many)) == ["predicted_class", "score"]
    assert len(drift_scores.score_names(plan_of(many[:10]))) == 12
    assert drift_scores.score_names(plan_of(None)) == ["score"]


def test_a_log_without_the_score_of_a_class_is_refused() -> None:
    """Another model's log is no log of this one."""
    with pytest.raises(BadInput, match="no column 'score:plane' of scores of model 'm'; there are: score:car"):
        drift_scores._compared(served(np.full((3, 3), 1 / 3)), ["score:car", "score:plane"], plan_of())
