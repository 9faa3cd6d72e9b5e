"""Fairness rules: outcomes, sentences and figures, and that nothing bad ever passes."""

from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.rules import FAIRNESS_METRICS, Fairness
from airflow_provider_mlops.core.verdict import MAX_REASON_LENGTH, Outcome, RuleResult
from airflow_provider_mlops.statistics.fairness_rule import judge_fairness
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.score_table import ScoreTable

RATIO = "demographic_parity_ratio"


def rule(**keys: Any) -> Fairness:
    return Fairness(**{"name": "fair", "metric": RATIO, "value": 0.8, "group": ("origin",), **keys})


def table(n: int = 12_000, *, harm: float = 0.0, seed: int = 1, **keys: Any) -> ScoreTable:
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(float)
    origin = random.choice(np.array(["EWR", "JFK", "LGA"], dtype=object), n, p=[0.3, 0.4, 0.3])
    carrier = random.choice(np.array(["AA", "UA"], dtype=object), n)
    scores = np.clip(0.3 * labels + 0.7 * random.random(n) - harm * (origin == "LGA"), 0, 1)
    return ScoreTable(labels, scores, None, {"origin": origin, "carrier": carrier}, **keys)


def with_origin(rows: ScoreTable, origin: Any) -> ScoreTable:
    return ScoreTable(rows.labels, rows.candidate, None, {"origin": np.asarray(origin, dtype=object)})


def run(asked: Fairness, rows: ScoreTable, **options: Any) -> list[RuleResult]:
    return list(judge_fairness(asked, rows, 0.05, Options(level=0.9, **options), evaluation_id="evaluation"))


def outcomes(results: list[RuleResult]) -> dict[str, Outcome]:
    return {result.rule: result.outcome for result in results}


@pytest.mark.parametrize("metric", FAIRNESS_METRICS)
def test_groups_treated_alike_pass(metric: str) -> None:
    """Each measure, one result per group but the largest."""
    results = run(rule(metric=metric, value=0.8 if metric == RATIO else 0.1), table())

    assert outcomes(results) == {"fair[EWR]": Outcome.PASS, "fair[LGA]": Outcome.PASS}
    assert "against JFK" in results[0].reason
    assert "proved" in results[0].reason


@pytest.mark.parametrize("metric", FAIRNESS_METRICS)
def test_a_group_treated_otherwise_fails(metric: str) -> None:
    """Each measure, and only that group."""
    results = run(rule(metric=metric, value=0.8 if metric == RATIO else 0.1), table(harm=0.25))

    assert outcomes(results) == {"fair[EWR]": Outcome.PASS, "fair[LGA]": Outcome.FAIL}
    assert results[1].reason.endswith("more than chance explains.")


@pytest.mark.parametrize("metric", FAIRNESS_METRICS)
def test_few_rows_are_inconclusive_and_say_how_many_would_decide(metric: str) -> None:
    """Neither proved nor violated."""
    results = run(rule(metric=metric, value=0.8 if metric == RATIO else 0.1), table(200, seed=4))

    assert {Outcome.INCONCLUSIVE} <= set(outcomes(results).values()) <= {Outcome.INCONCLUSIVE}
    assert all("cannot decide" in result.reason for result in results)


def test_the_reference_may_be_the_one_worse_off() -> None:
    """LGA is decided for less often than anyone: named as the reference, the others are beyond the ratio."""
    results = run(rule(reference=("LGA",)), table(harm=0.25))

    assert outcomes(results) == {"fair[EWR]": Outcome.FAIL, "fair[JFK]": Outcome.FAIL}
    assert "so that LGA has less than 0.8 of its rate" in results[0].reason


def test_numbers_hold_what_decided() -> None:
    """JSON-safe, all figures behind the sentence."""
    result = run(rule(), table())[1]
    numbers = result.numbers
    canonical_json(result.to_dict())

    assert (numbers["metric"], numbers["group"], numbers["reference"]) == (RATIO, "LGA", "JFK")
    assert numbers["value"] == pytest.approx(numbers["rate"] / numbers["reference_rate"])
    assert numbers["corrected_low"] < numbers["low"] < numbers["value"] < numbers["high"] < numbers["corrected_high"]
    assert (numbers["limit"], numbers["alpha"], numbers["threshold"], numbers["method"]) == (0.8, 0.05, 0.5, "gart_nam")
    assert {"n", "positives", "reference_n", "reference_positives", "rows_needed", "groups_compared"} <= set(numbers)


def test_a_group_below_the_minimum_has_too_few_rows_to_say() -> None:
    """It is listed with what would do, and does not count among the groups corrected for."""
    rows = table()
    origin = rows.slices["origin"].copy()
    origin[:40] = "TEB"
    results = run(rule(min_rows=100), with_origin(rows, origin))

    assert outcomes(results)["fair[TEB]"] is Outcome.INCONCLUSIVE
    assert "40 rows, fewer than the minimum 100: too few rows to say; about" in results[-1].reason
    assert results[-1].numbers["rows_needed"] > 100
    assert results[0].numbers["groups_compared"] == 2


def test_a_reference_below_the_minimum_compares_nothing() -> None:
    """Nothing is proved against too few rows."""
    (result,) = run(rule(reference=("EWR",), min_rows=5_000), table())

    assert result.outcome is Outcome.INCONCLUSIVE
    assert "reference group EWR has" in result.reason


def test_rows_without_a_group_are_a_group() -> None:
    """Nulls are compared, not dropped."""
    rows = table()
    origin = rows.slices["origin"].copy()
    origin[:3_000] = None

    assert "fair[(none)]" in outcomes(run(rule(), with_origin(rows, origin)))


def test_intersections_are_named() -> None:
    """Two columns: six groups, the largest is the reference."""
    results = run(rule(group=("origin", "carrier"), reference=("JFK", "AA")), table())

    assert len(results) == 5
    assert results[0].rule == "fair[origin=EWR, carrier=AA]"
    assert results[0].numbers["reference"] == "origin=JFK, carrier=AA"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"group": ("sex",)}, "no slice column 'sex'; they have: origin, carrier"),
        ({"reference": ("TEB",)}, "no reference group 'TEB'; there are: EWR, JFK, LGA"),
        ({"threshold": "operating"}, "no operating threshold"),
    ],
)
def test_what_is_not_there_is_inconclusive_and_named(keys: dict[str, Any], message: str) -> None:
    """A single result that says what there is."""
    (result,) = run(rule(**keys), table(500))

    assert result.outcome is Outcome.INCONCLUSIVE
    assert message in result.reason


def test_one_group_or_too_many_are_inconclusive() -> None:
    """Nothing to compare with, or a row id."""
    rows = table(500)
    (alone,) = run(rule(), with_origin(rows, ["JFK"] * 500))
    (many,) = run(rule(), with_origin(rows, np.arange(500).astype(str)))

    assert alone.outcome is many.outcome is Outcome.INCONCLUSIVE
    assert "1 groups: JFK; there must be 2 to 100" in alone.reason
    assert "500 groups" in many.reason


@pytest.mark.parametrize("metric", FAIRNESS_METRICS)
@pytest.mark.parametrize("break_what", ["nan_score", "nan_label", "one_class", "other_class", "empty", "none_selected"])
@pytest.mark.parametrize("clustered", [False, True])
def test_what_cannot_be_measured_never_passes(metric: str, break_what: str, clustered: bool) -> None:
    """NaN, one class, no rows, nobody decided for: never PASS, whatever the measure looks at."""
    rows = table(400)
    labels, scores = rows.labels.copy(), rows.candidate.copy()
    if break_what == "nan_score":
        scores[0] = np.nan
    elif break_what == "nan_label":
        labels[0] = np.nan
    elif break_what in ("one_class", "other_class"):
        labels[:] = float(break_what == "one_class")
    elif break_what == "none_selected":
        scores[:] = 0.0
    broken = ScoreTable(labels, scores, None, rows.slices)
    if break_what == "empty":
        broken = broken.where(np.zeros(400, dtype=bool))
    clusters = np.arange(broken.rows) // 2 if clustered else None
    results = run(rule(metric=metric, value=0.8 if metric == RATIO else 0.001), broken, clusters=clusters, draws=50)

    assert results
    assert Outcome.PASS not in outcomes(results).values()
    assert all(len(result.reason) < MAX_REASON_LENGTH for result in results)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"value": 0.0}, "above 0 and below 1"),
        ({"value": 1.0}, "above 0 and below 1"),
        ({"metric": "calibration_gap", "threshold": 0.3}, "remove it"),
        ({"reference": ("JFK", "AA")}, "one value for each of the columns"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(keys: dict[str, Any], message: str) -> None:
    """An ambiguous rule is an error."""
    with pytest.raises(BadInput, match=message):
        run(rule(**keys), table(100))


def test_other_tasks_are_refused() -> None:
    """Rates of decisions are of binary tasks."""
    rows = table(100)

    with pytest.raises(BadInput, match="binary tasks; this one is regression"):
        run(rule(), ScoreTable(rows.labels, rows.candidate, None, rows.slices, task="regression"))


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    """A margin is not compared with a rate."""
    rows = table(500)
    (result,) = run(rule(metric="calibration_gap"), ScoreTable(rows.labels, rows.candidate * 5, None, rows.slices))

    assert result.outcome is Outcome.INCONCLUSIVE
    assert "no probabilities" in result.reason


def test_the_operating_threshold_is_the_candidates() -> None:
    """What the model froze in its training decides."""
    rows = table(thresholds={"candidate": 0.31, "champion": 0.9})

    assert run(rule(threshold="operating"), rows)[0].numbers["threshold"] == 0.31
    assert run(rule(threshold=0.4), rows)[0].numbers["threshold"] == 0.4


def test_clusters_are_drawn_and_replayed() -> None:
    """A recorded seed, the same figures again, another evaluation draws others; repeated rows prove nothing."""
    rows = table(600)
    many = rows.where(np.repeat(np.arange(600), 5))
    clusters = np.repeat(np.arange(600), 5)
    first, second = (run(rule(), many, clusters=clusters, draws=300)[0] for _ in range(2))
    naive = run(rule(), many)[0]
    other = next(
        judge_fairness(rule(), many, 0.05, Options(level=0.9, clusters=clusters, draws=300), evaluation_id="other")
    )

    assert first == second
    assert first.numbers["seed"] != other.numbers["seed"]
    assert first.numbers["method"].startswith("cluster_bootstrap_bca")
    assert first.numbers["high"] - first.numbers["low"] > 1.5 * (naive.numbers["high"] - naive.numbers["low"])


def test_weights_of_the_table_weigh() -> None:
    """The rates are those of the weighted rows, and the intervals are drawn."""
    rows = table(600, weights=np.random.default_rng(1).uniform(0.5, 2, 600))
    result = run(rule(), rows, draws=200)[0]
    mine = rows.slices["origin"] == "EWR"

    assert result.numbers["rate"] == pytest.approx(np.average(rows.candidate[mine] >= 0.5, weights=rows.weights[mine]))
    assert result.numbers["method"].startswith("bootstrap_bca")


def test_a_group_counts_as_many_rows_as_its_weights_are_worth() -> None:
    """600 rows of which ten weigh a thousand times as much as the others are too few for a minimum of 100."""
    rows = table(2_000)
    heavy = np.ones(2_000)
    heavy[np.flatnonzero(rows.slices["origin"] == "LGA")[:10]] = 1_000

    results = run(rule(min_rows=100), table(2_000, weights=heavy))

    assert outcomes(results)["fair[LGA]"] is Outcome.INCONCLUSIVE
    assert "fewer than the minimum 100" in results[1].reason
    assert "fewer than the minimum" not in run(rule(min_rows=100), rows)[1].reason
