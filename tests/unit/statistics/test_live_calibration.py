"""The calibration of several classes: seldom an alarm where nothing moved, and the class that moved is named."""

from typing import Any

import numpy as np
import pytest
from scipy import special

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.performance_policy import PerformancePolicy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.live_calibration import judge_calibration
from airflow_provider_mlops.statistics.performance import Case, Side
from airflow_provider_mlops.statistics.score_table import MULTICLASS, REGRESSION, ScoreTable
from airflow_provider_mlops.statistics.slicing import Rows

ALPHA = 0.05
CLASSES = ["bus", "car", "train"]


def side(random: Any, rows: int, moved: float = 0.0) -> Side:
    """Draw rows whose classes follow their probabilities, but for a class that is likelier than they say."""
    logits = random.normal(0, 1.2, (rows, len(CLASSES)))
    labels = drawn(random, special.softmax(logits + np.array([0.0, 0.0, moved]), axis=1))
    table = ScoreTable(labels=labels, candidate=special.softmax(logits, axis=1), task=MULTICLASS)
    return Side(rows=Rows(table, None))


def drawn(random: Any, p: FloatArray) -> FloatArray:
    """Draw a class for each row."""
    return (random.random((len(p), 1)) > np.cumsum(p, axis=1)).sum(axis=1).astype(float)


def judged(now: Side, then: Side, limits: dict[str, float], classes: Any = CLASSES) -> list[RuleResult]:
    """Judge the calibration alone."""
    policy = PerformancePolicy.from_mapping({"schema": 1, "name": "x", "calibration": limits})
    case = Case(policy=policy, task=MULTICLASS, who="version 1", now=now, then=then, seed="s", classes=classes)
    return list(judge_calibration(case))


def test_any_class_seldom_rings_where_nothing_moved() -> None:
    """Without a margin, any alarm of three classes and both limits is as rare as stated: two bounds of alpha."""
    random, runs = np.random.default_rng(1), 150
    alarms = sum(
        any(
            one.outcome is Outcome.FAIL
            for one in judged(side(random, 800), side(random, 1_500), {"intercept": 1e-9, "slope": 1e-9})
        )
        for _ in range(runs)
    )

    assert alarms / runs <= 2 * ALPHA + 3 * (2 * ALPHA * (1 - 2 * ALPHA) / runs) ** 0.5


def test_the_class_that_moved_is_found_and_named() -> None:
    """A class that became likelier by 1 on the logit scale is found in nearly every look, and it is the one named."""
    random, runs = np.random.default_rng(2), 30
    found = [
        judged(side(random, 800, moved=1.0), side(random, 1_500), {"intercept": 0.3})[0].numbers["class"]
        for _ in range(runs)
    ]
    (rule,) = judged(side(random, 800, moved=1.0), side(random, 1_500), {"intercept": 0.3})

    assert found.count("train") >= 0.9 * runs
    assert rule.outcome is Outcome.FAIL
    assert "for class train is" in rule.reason


def test_every_class_must_hold() -> None:
    """What holds for all classes passes; a class of too few rows leaves the answer open, and is named."""
    random = np.random.default_rng(3)
    rare = side(random, 4_000)
    assert rare.rows is not None
    labels = np.where(rare.rows.table.labels == 2, 1.0, rare.rows.table.labels)
    few = Side(rows=Rows(ScoreTable(labels=labels, candidate=rare.rows.table.candidate, task=MULTICLASS), None))
    (kept,) = judged(side(random, 4_000), side(random, 4_000), {"slope": 0.5})
    (open_one,) = judged(few, side(random, 4_000), {"slope": 0.5}, classes=None)

    assert kept.outcome is Outcome.PASS
    assert open_one.outcome is Outcome.INCONCLUSIVE
    assert "Class 2 against the others: There are 0 positive rows" in open_one.reason


def test_numbers_have_no_probabilities() -> None:
    """A regression is refused by name."""
    policy = PerformancePolicy.from_mapping({"schema": 1, "name": "x", "calibration": {"slope": 0.3}})
    case = Case(policy=policy, task=REGRESSION, who="version 1", now=Side(), then=Side(), seed="s")

    with pytest.raises(BadInput, match="binary and multiclass; this one is regression"):
        list(judge_calibration(case))
