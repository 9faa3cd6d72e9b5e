"""Flips: the share of decisions that a fact changes, judged on its upper bound."""

from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.rules import FlipRate
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.flips import check_flips, judge_flips
from airflow_provider_mlops.statistics.intervals import wilson
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.slicing import Rows


def rows(n: int = 2_000, flips: int = 20, **keys: Any) -> ScoreTable:
    scores = np.where(np.arange(n) % 2, 0.9, 0.1)
    altered = scores.copy()
    altered[:flips] = 1 - altered[:flips]
    keys = {"variants": {"other_sex": altered}, **keys}
    return ScoreTable(np.arange(n) % 2.0, scores, **keys)


def run(table: ScoreTable, value: float = 0.02, clusters: Any = None, **keys: Any) -> RuleResult:
    rule = FlipRate(name="flips", variant="other_sex", value=value, **keys)
    return judge_flips(rule, Rows(table, clusters), 0.05, "e")


@pytest.mark.parametrize(
    ("flips", "outcome"), [(0, Outcome.PASS), (20, Outcome.PASS), (35, Outcome.INCONCLUSIVE), (80, Outcome.FAIL)]
)
def test_the_bound_decides(flips: int, outcome: Outcome) -> None:
    """Wilson's bounds of the share, not the share."""
    result = run(rows(flips=flips))
    expected = wilson(flips, 2_000, 0.9)

    assert result.outcome is outcome
    assert (result.numbers["low"], result.numbers["high"]) == (expected.low, expected.high)
    assert (result.numbers["rows_needed"] is not None) == (outcome is Outcome.INCONCLUSIVE)


def test_a_flip_is_a_changed_decision_not_a_changed_score() -> None:
    """Scores that move on one side of the threshold flip nothing; a lower threshold sees it."""
    table = ScoreTable(np.arange(100) % 2.0, np.full(100, 0.2), variants={"other_sex": np.full(100, 0.4)})

    assert run(table).numbers["candidate"] == 0
    assert run(table, threshold=0.3).numbers["candidate"] == 1


def test_the_operating_threshold_is_the_candidates_own() -> None:
    """Frozen when it was trained; without one nobody knows what it decides."""
    moved: dict[str, Any] = {"variants": {"other_sex": np.full(100, 0.4)}}
    frozen = ScoreTable(np.arange(100) % 2.0, np.full(100, 0.2), **moved, thresholds={"candidate": 0.3})

    assert run(frozen, threshold="operating").outcome is Outcome.FAIL
    missing = run(ScoreTable(np.arange(100) % 2.0, np.full(100, 0.2), **moved), threshold="operating")
    assert missing.outcome is Outcome.INCONCLUSIVE
    assert "The candidate has no operating threshold" in missing.reason


def test_rows_that_belong_together_widen_the_bounds() -> None:
    """The same share, all flips in a few clusters."""
    table = rows(flips=40)
    alone, together = run(table, 0.9), run(table, 0.9, np.arange(2_000) // 20)

    assert together.numbers["high"] > alone.numbers["high"]
    assert together.numbers["method"].startswith("cluster_bootstrap")
    assert (together.numbers["draws"], alone.numbers["draws"]) == (2_000, None)


def test_weights_count() -> None:
    """A row of double weight counts twice."""
    weights = np.where(np.arange(2_000) < 20, 2.0, 1.0)

    assert run(rows(weights=weights), 0.9).numbers["candidate"] == pytest.approx(40 / 2_020)


def test_classes_flip_too() -> None:
    """The class with the highest score is the decision."""
    before = np.tile([0.6, 0.3, 0.1], (100, 1))
    after = before.copy()
    after[:10] = [0.1, 0.3, 0.6]
    table = ScoreTable(np.arange(100) % 3.0, before, variants={"other_sex": after}, task="multiclass")

    assert run(table, 0.5).numbers["flips"] == 10


@pytest.mark.parametrize("broken", ["no_variant", "nan", "nan_before", "empty"])
def test_what_cannot_be_counted_never_passes(broken: str) -> None:
    """Altered rows that nobody scored, NaN on either side, no rows."""
    table = rows()
    altered, scores = table.variants["other_sex"].copy(), table.candidate.copy()
    if broken == "nan":
        altered[0] = np.nan
    elif broken == "nan_before":
        scores[0] = np.nan
    keep = 0 if broken == "empty" else 2_000
    variants = {} if broken == "no_variant" else {"other_sex": altered[:keep]}

    assert run(ScoreTable(table.labels[:keep], scores[:keep], variants=variants)).outcome is Outcome.INCONCLUSIVE


def test_a_regression_decides_nothing_without_a_threshold() -> None:
    """With a number above which something happens, it does."""
    check_flips(FlipRate(name="f", variant="v", value=0.1, threshold=30.0), "regression")
    with pytest.raises(BadInput, match="which a regression does not make: give a threshold"):
        check_flips(FlipRate(name="f", variant="v", value=0.1), "regression")
