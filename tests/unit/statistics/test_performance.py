"""Live rows against promotion: false alarms at most as often as stated, breaches found, estimates that never pass."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.performance_policy import PerformancePolicy
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.estimates import MAX_OUTSIDE, fit_estimator, judge_estimates
from airflow_provider_mlops.statistics.live_estimate import LiveEstimate
from airflow_provider_mlops.statistics.performance import Case, Side, judge_labelled, measure_now
from airflow_provider_mlops.statistics.score_table import BINARY, REGRESSION, ScoreTable
from airflow_provider_mlops.statistics.slicing import Rows

REPEATS = 60
POLICY: dict[str, Any] = {
    "schema": 1,
    "name": "x",
    "metrics": [{"metric": "roc_auc", "max_drop": 0.02}, {"metric": "brier", "max_drop": 0.01}],
    "concept": {"max_shift": 0.02},
    "calibration": {"intercept": 0.1, "slope": 0.1},
}


def side(random: Any, days: int, concept: float = 0.0, per_day: int = 100, task: str = BINARY) -> Side:
    """Draw labelled rows of days that share an effect."""
    day = np.repeat(np.arange(days), per_day)
    logit = random.normal(-0.5, 1.2, len(day))
    if task == REGRESSION:
        table = ScoreTable(labels=logit + concept + random.normal(0, 1, len(day)), candidate=logit, task=task)
        return Side(rows=Rows(table, day))
    effect = random.normal(concept, 0.3, days)[day]
    labels = (random.random(len(day)) < special.expit(logit + effect)).astype(float)
    return Side(rows=Rows(ScoreTable(labels=labels, candidate=special.expit(logit)), day))


def case(random: Any, moved: float = 0.0, task: str = BINARY, **changes: Any) -> Case:
    """Make a version with rows of a fortnight, and those of a month at promotion."""
    policy = PerformancePolicy.from_mapping({**POLICY, **changes})
    now, then = side(random, 14, moved, task=task), side(random, 30, task=task)
    return Case(policy=policy, task=task, who="version 1", now=now, then=then, seed="s")


NO_MARGIN: dict[str, Any] = {
    "metrics": [{"metric": "roc_auc", "max_drop": 1e-9}, {"metric": "brier", "max_drop": 1e-9}],
    "concept": {"max_shift": 1e-9},
    "calibration": {"intercept": 1e-9, "slope": 1e-9},
}


def test_nothing_new_seldom_rings() -> None:
    """Without a margin, any breach of five rules on unchanged rows is as rare as stated: seven bounds of alpha / 5."""
    random = np.random.default_rng(1)
    alarms = sum(
        any(result.outcome is Outcome.FAIL for result in judge_labelled(case(random, **NO_MARGIN)))
        for _ in range(REPEATS)
    )

    assert alarms <= stats.binom.ppf(0.9999, REPEATS, 7 * 0.05 / 5)


def test_a_moved_concept_rings() -> None:
    """Labels that moved by 1.2 on the logit scale are found by loss and calibration in nearly every fortnight."""
    random = np.random.default_rng(2)
    found = [
        {result.rule for result in judge_labelled(case(random, 1.2)) if result.outcome is Outcome.FAIL}
        for _ in range(20)
    ]

    assert sum("concept_log_loss" in names for names in found) >= 17
    assert sum("calibration_intercept" in names for names in found) >= 18


def test_the_record_holds_now_and_promotion() -> None:
    """Numbers of a rule about a change: what is, what was, how it moved."""
    one = case(np.random.default_rng(3))
    measured = measure_now(one)
    drop = next(result for result in judge_labelled(one) if result.rule == "roc_auc_max_drop")

    assert measured["roc_auc"]["now"]["value"] == drop.numbers["value"]
    assert measured["roc_auc"]["promotion"]["value"] == drop.numbers["promotion"]
    assert drop.numbers["change"]["value"] == pytest.approx(drop.numbers["value"] - drop.numbers["promotion"])
    assert drop.numbers["kind"] == "realised"


@pytest.mark.parametrize("missing", ["now", "then"])
def test_a_missing_side_is_never_passed(missing: str) -> None:
    """Without rows of today, or at promotion, every rule about a change is undecided and says why."""
    random = np.random.default_rng(4)
    one = case(random)
    sides = {"now": one.now, "then": one.then, missing: Side(problem="nothing is there.")}
    found = list(judge_labelled(Case(policy=one.policy, task=BINARY, who="version 1", seed="s", **sides)))

    assert {result.outcome for result in found} == {Outcome.INCONCLUSIVE}
    assert all("nothing is there" in result.reason for result in found)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metrics": [{"metric": "rmse", "maximum": 1}]}, "of the task regression"),
        ({"metrics": [{"metric": "speed", "maximum": 1}]}, "no metric 'speed'"),
        ({"metrics": [{"metric": "my.module:loss", "maximum": 1}]}, "judged by the gate only"),
        ({"concept": {"max_shift": 1, "loss": "mae"}}, "'mae' is not of the task binary"),
    ],
)
def test_policies_that_do_not_fit(changes: dict[str, Any], reason: str) -> None:
    """A metric of another task, none at all, one's own, a loss of another task."""
    with pytest.raises(BadInput, match=reason):
        list(judge_labelled(case(np.random.default_rng(5), **changes)))


REGRESSED: dict[str, Any] = {
    "metrics": [{"metric": "mae", "maximum": 2.0, "max_drop": 0.2}, {"metric": "rmse", "max_drop": 0.3}],
    "concept": {"max_shift": 0.3},
}


def regressed(random: Any, concept: float = 0.0) -> Case:
    """Make a version that predicts numbers."""
    policy = {name: value for name, value in {**POLICY, **REGRESSED}.items() if name != "calibration"}
    now, then = side(random, 14, concept, task=REGRESSION), side(random, 30, task=REGRESSION)
    parsed = PerformancePolicy.from_mapping(policy)
    return Case(policy=parsed, task=REGRESSION, who="version 1", now=now, then=then, seed="s")


def test_numbers_are_watched_like_classes() -> None:
    """A regression that keeps its error passes, one whose values moved does not; its error is estimated."""
    random = np.random.default_rng(6)
    good, bad = regressed(random), regressed(random, 3.0)

    assert {result.outcome for result in judge_labelled(good)} == {Outcome.PASS}
    assert {result.outcome for result in judge_labelled(bad)} == {Outcome.FAIL}
    estimator = fit_estimator(good)
    served = random.normal(-0.5, 1.2, 500)
    assert {result.outcome for result in judge_estimates(good, estimator, served)} == {Outcome.INCONCLUSIVE}
    assert LiveEstimate.of(good).record({"d": served}, served)["method"] == "error_by_prediction"


def test_an_estimate_finds_harder_rows_and_passes_nothing() -> None:
    """Rows in the middle are hard: the accuracy that is expected of them breaks its minimum."""
    random = np.random.default_rng(7)
    one = case(random, metrics=[{"metric": "accuracy", "minimum": 0.7}], concept={"max_shift": 9.0})
    estimator = fit_estimator(one)
    hard, easy = special.expit(random.normal(0, 0.2, 2_000)), special.expit(random.choice([-3.0, 3.0], 2_000))

    assert [result.outcome for result in judge_estimates(one, estimator, hard)] == [Outcome.FAIL]
    ((easily,),) = [judge_estimates(one, estimator, easy)]
    assert easily.outcome is Outcome.INCONCLUSIVE
    assert "only labels prove it" in easily.reason


def test_an_estimate_is_not_believed_when_its_tests_fail() -> None:
    """Probabilities that do not hold on labelled rows, and scores that the held-out rows never had."""
    random = np.random.default_rng(8)
    metrics = [{"metric": "accuracy", "minimum": 0.99}]
    drifted = case(random, 1.5, metrics=metrics)
    ((doubted,),) = [judge_estimates(drifted, fit_estimator(drifted), special.expit(random.normal(0, 1, 500)))]
    good = case(random, metrics=metrics)
    estimator = fit_estimator(good)
    beyond = np.append(np.full(480, 0.5), np.full(int(600 * MAX_OUTSIDE), 1.0))
    ((unseen,),) = [judge_estimates(good, estimator, beyond)]

    assert doubted.outcome is Outcome.INCONCLUSIVE
    assert "do not hold" in doubted.reason
    assert unseen.outcome is Outcome.INCONCLUSIVE
    assert "of the scores are unlike those of the held-out rows, at most 5% may be" in unseen.reason
    assert unseen.numbers["broken_assumptions"] == ["support"]
    assert doubted.numbers["broken_assumptions"] == ["calibration"]


def test_scores_in_a_gap_of_the_held_out_rows_are_named_beside_the_estimate() -> None:
    """Held out were sure rows only; timid ones are a guess: the record says so, and no estimate of them decides."""
    random = np.random.default_rng(10)
    sure = random.random(1_000) * 0.2 + random.integers(0, 2, 1_000) * 0.8
    table = ScoreTable(labels=(random.random(1_000) < sure).astype(float), candidate=sure)
    policy = PerformancePolicy.from_mapping({**POLICY, "metrics": [{"metric": "accuracy", "minimum": 0.8}]})
    none = Side(problem="no labels yet.")
    one = Case(policy=policy, task=BINARY, who="version 1", now=none, then=Side(rows=Rows(table)), seed="s")
    found, timid = LiveEstimate.of(one), random.random(400) * 0.2 + 0.4
    assert found.estimator is not None
    clean, guessed = found.record({"d": sure[:400]}, sure[:400]), found.record({"d": timid}, timid)

    assert (clean["broken_assumptions"], clean["problem"], clean["outside"]) == ([], None, 0.0)
    assert guessed["broken_assumptions"] == ["support"]
    assert guessed["outside"] > 0.9
    assert "unlike those of the held-out rows" in guessed["problem"]
    assert [rule.outcome for rule in judge_estimates(one, found.estimator, timid)] == [Outcome.INCONCLUSIVE]


def test_the_track_record_is_counted() -> None:
    """Each partition's estimate beside what it showed; what was estimated before stays as it was."""
    one = case(np.random.default_rng(9))
    live = LiveEstimate.of(one)
    rows = one.now.get().table
    before = {"estimates": {"d1": {"roc_auc": {"value": 0.5, "low": 0.4, "high": 0.6}}}, "pairs": []}
    pairs = live.pairs({"d1": (rows.labels, rows.candidate), "d2": (rows.labels[:5], rows.candidate[:5])}, before)
    track = live.track(pairs)["track_record"]

    assert [(pair["partition_key"], pair["metric"], pair["before"]) for pair in pairs] == [
        ("d1", "brier", False),
        ("d1", "roc_auc", True),
    ]
    assert pairs[1]["inside"] is False
    assert (track["estimates"], track["level"]) == (2, 0.9)
    assert live.pairs({}, {"pairs": pairs}) == pairs


def test_rows_at_promotion_of_one_class_carry_no_estimate() -> None:
    """The reason is kept, nothing is estimated, nothing crashes."""
    random = np.random.default_rng(10)
    one = case(random)
    flat = Side(rows=Rows(ScoreTable(labels=np.zeros(100), candidate=np.linspace(0, 1, 100)), None))
    broken = Case(policy=one.policy, task=BINARY, who="version 1", now=one.now, then=flat, seed="s")
    found = LiveEstimate.of(broken).record({"d": np.full(50, math.nan)}, np.full(50, math.nan))

    assert "positive rows" in found["problem"]
    assert found["window"] == {}
