"""The gate: outcomes, sentences and figures of every kind of rule, and that nothing bad ever passes."""

import json
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.gate import judge, measure_all
from airflow_provider_mlops.statistics.metrics import METRICS, Options
from airflow_provider_mlops.statistics.score_table import ScoreTable


def policy(*rules: dict[str, Any], alpha: float = 0.05) -> Policy:
    return Policy.from_mapping({"schema": 1, "name": "p", "alpha": alpha, "rules": list(rules)})


def rule(kind: str, **keys: Any) -> dict[str, Any]:
    return {"name": keys.pop("name", kind), "kind": kind, **keys}


def table(n: int = 6_000, *, harm: float = 0.0, champion: bool = True, seed: int = 1) -> ScoreTable:
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.25).astype(float)
    signal = random.normal(size=n) + labels - 1
    ours = 1 / (1 + np.exp(-(signal + (0.2 + harm) * random.normal(size=n))))
    theirs = 1 / (1 + np.exp(-(signal + 0.2 * random.normal(size=n))))
    origin = np.array(["EWR", "JFK", "LGA"], dtype=object)[random.integers(0, 3, n)]
    return ScoreTable(labels, ours, theirs if champion else None, {"origin": origin})


def run(rules: Policy, rows: ScoreTable, looks: int = 1) -> Verdict:
    return judge(rules, rows, evaluation_id="evaluation", looks=looks)


NON_INFERIOR = rule("non_inferior", metric="roc_auc", margin=0.01)
MINIMUM = rule("minimum", metric="roc_auc", value=0.60)


@pytest.mark.parametrize("kind", ["non_inferior", "block_if_worse", "golden"])
def test_a_champion_that_was_lost_is_not_a_first_model(kind: str) -> None:
    """Deleting the champion from the registry does not open the gate: what compares with it is undecided."""
    rules = {
        "non_inferior": NON_INFERIOR,
        "golden": NON_INFERIOR | {"against": "golden"},
        "block_if_worse": rule("block_if_worse", metric="roc_auc", slice="origin"),
    }
    first, lost = (
        judge(policy(MINIMUM, rules[kind]), table(champion=False), evaluation_id="e", looks=1, facts=facts)
        for facts in ({"last_champion": None}, {"last_champion": "3"})
    )

    assert (first.outcome, first.marks) == (Outcome.PASS, ("no_baseline",))
    assert (lost.outcome, lost.marks) == (Outcome.INCONCLUSIVE, ())
    assert f"no scores of a {'golden' if kind == 'golden' else 'champion'} version" in lost.reasons[0]


def test_a_good_candidate_passes_every_rule() -> None:
    """The policy of the reference use case, all rules met, one result per rule and slice in order."""
    verdict = run(
        policy(
            rule("min_rows", rows=5_000, positives=500),
            MINIMUM,
            rule("maximum", metric="brier", value=0.25),
            NON_INFERIOR,
            rule("non_inferior", name="by_origin", metric="roc_auc", margin=0.03, slice="origin", min_rows=500),
            rule("max_looks", value=3),
        ),
        table(),
    )

    assert verdict.outcome is Outcome.PASS
    names = [result.rule for result in verdict.rules]
    slices = [f"by_origin[{origin}]" for origin in ("EWR", "JFK", "LGA")]
    assert names == ["min_rows", "minimum", "maximum", "non_inferior", *slices, "max_looks"]


def test_a_bad_candidate_fails() -> None:
    """Far worse than the champion, the bounds prove it."""
    verdict = run(policy(NON_INFERIOR), table(harm=3.0))

    assert verdict.outcome is Outcome.FAIL
    assert "worse by more than the margin 0.01" in verdict.rules[0].reason


def test_few_rows_are_inconclusive_and_say_how_many_would_decide() -> None:
    """400 rows cannot decide one point of AUC."""
    verdict = run(policy(NON_INFERIOR), table(400, seed=2))
    numbers = verdict.rules[0].numbers

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"400 rows cannot decide, about {numbers['rows_needed']:,} would" in verdict.rules[0].reason
    assert numbers["rows_needed"] > 400


def test_reason_of_a_minimum_is_a_sentence() -> None:
    """Value, interval and limit stand in the sentence."""
    reason = run(policy(MINIMUM), table()).rules[0].reason

    assert reason.startswith("roc_auc of the candidate is 0.7")
    assert reason.endswith("], not below the minimum 0.6.")


@pytest.mark.parametrize(
    ("kind", "metric", "value", "outcome"),
    [
        ("minimum", "roc_auc", 0.95, Outcome.FAIL),
        ("maximum", "brier", 0.01, Outcome.FAIL),
        ("maximum", "log_loss", 5.0, Outcome.PASS),
        ("minimum", "f1", 0.01, Outcome.PASS),
    ],
)
def test_absolute_rules_go_by_the_bound(kind: str, metric: str, value: float, outcome: Outcome) -> None:
    """A bound beyond the limit decides, either way."""
    assert run(policy(rule(kind, metric=metric, value=value)), table()).outcome is outcome


def test_point_estimate_alone_never_passes() -> None:
    """A value just above the minimum, its bound below: INCONCLUSIVE."""
    rows = table()
    value = METRICS["roc_auc"].point(rows.labels, rows.candidate, Options(level=0.9))

    assert run(policy(rule("minimum", metric="roc_auc", value=value - 0.001)), rows).outcome is Outcome.INCONCLUSIVE


def test_first_model_is_judged_on_absolute_rules_and_marked() -> None:
    """Without a champion the comparison does not apply; the verdict says so."""
    verdict = run(policy(MINIMUM, NON_INFERIOR), table(champion=False))

    assert verdict.outcome is Outcome.PASS
    assert verdict.marks == ("no_baseline",)
    assert [result.rule for result in verdict.rules] == ["minimum"]


def test_first_model_without_an_absolute_rule_is_inconclusive() -> None:
    """Enough rows alone promote nobody."""
    verdict = run(policy(rule("min_rows", rows=10), NON_INFERIOR), table(champion=False))

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no champion" in verdict.reasons[0]


def test_a_policy_that_measures_nothing_is_inconclusive() -> None:
    """Rows and looks say nothing about the candidate."""
    assert run(policy(rule("min_rows", rows=10), rule("max_looks", value=3)), table()).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("rows", "positives"), [(10_000, 1), (10, 5_000)])
def test_too_few_rows_or_positives_are_inconclusive(rows: int, positives: int) -> None:
    """Both minimums of the rule count."""
    verdict = run(policy(rule("min_rows", rows=rows, positives=positives), MINIMUM), table())

    assert verdict.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("looks", "outcome"), [(3, Outcome.PASS), (4, Outcome.INCONCLUSIVE)])
def test_worn_out_test_rows_are_inconclusive(looks: int, outcome: Outcome) -> None:
    """The look after the last allowed one is one too many."""
    assert run(policy(MINIMUM, rule("max_looks", value=3)), table(), looks).outcome is outcome


def test_a_missing_slice_column_is_inconclusive_and_named() -> None:
    """The reason shows which columns there are."""
    verdict = run(policy(rule("non_inferior", metric="roc_auc", margin=0.03, slice="carrier")), table())

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no slice column 'carrier'; they have: origin" in verdict.rules[0].reason


def test_a_small_slice_is_inconclusive() -> None:
    """A slice under its minimum is listed, not left out."""
    rows = table()
    origin = rows.slices["origin"].copy()
    origin[:20] = "TEB"
    origin[20:25] = None
    sliced = ScoreTable(rows.labels, rows.candidate, rows.champion, {"origin": origin})
    keys = {"metric": "roc_auc", "margin": 0.05, "slice": "origin", "min_rows": 500}
    outcomes = {r.rule: r.outcome for r in run(policy(rule("non_inferior", **keys)), sliced).rules}

    assert outcomes["non_inferior[TEB]"] is Outcome.INCONCLUSIVE
    assert outcomes["non_inferior[(none)]"] is Outcome.INCONCLUSIVE
    assert outcomes["non_inferior[JFK]"] is Outcome.PASS


def test_a_slice_column_with_endless_values_is_inconclusive() -> None:
    """A row id is no slice."""
    rows = table()
    sliced = ScoreTable(rows.labels, rows.candidate, rows.champion, {"id": np.arange(rows.rows).astype(str)})
    verdict = run(policy(rule("non_inferior", metric="roc_auc", margin=0.03, slice="id")), sliced)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert len(verdict.rules) == 1


def scored(task: str, n: int = 500) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Make labels and the scores of two models for a task."""
    if task == "binary":
        rows = table(n)
        return rows.labels.copy(), rows.candidate.copy(), np.array(rows.champion)
    random = np.random.default_rng(3)
    if task == "regression":
        labels = random.normal(size=n)
        return labels, labels + random.normal(size=n), labels + random.normal(size=n)
    scores = random.dirichlet(np.ones(3), size=(2, n))
    return random.integers(0, 3, n).astype(float), scores[0], scores[1]


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("break_what", ["nan_candidate", "nan_champion", "one_class", "empty", "nan_label"])
def test_what_cannot_be_measured_never_passes(metric: str, break_what: str) -> None:
    """NaN, one class or no rows: INCONCLUSIVE with the cause, for every metric of every task."""
    task = METRICS[metric].task
    labels, ours, theirs = scored(task)
    if break_what == "nan_candidate":
        ours[0] = np.nan
    elif break_what == "nan_champion":
        theirs[0] = np.nan
    elif break_what == "nan_label":
        labels[0] = np.nan
    elif break_what == "one_class" and task != "regression":
        labels[:] = 1
    else:
        labels, ours, theirs = labels[:0], ours[:0], theirs[:0]
    rows = ScoreTable(labels, ours, theirs, task=task)
    verdict = run(policy(rule("non_inferior", metric=metric, margin=10.0)), rows)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "cannot be measured" in verdict.rules[0].reason


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (rule("minimum", metric="brier", value=0.1), "use a maximum"),
        (rule("maximum", metric="roc_auc", value=0.9), "use a minimum"),
        (rule("minimum", metric="roc_auk", value=0.9), "no metric 'roc_auk'"),
        (rule("minimum", metric="roc_auc", value=0.9, threshold=0.5), "remove it"),
    ],
)
def test_a_rule_that_contradicts_its_metric_is_refused(bad: dict[str, Any], message: str) -> None:
    """An ambiguous rule is an error, also where there is no champion to compare with."""
    with pytest.raises(BadInput, match=message):
        run(policy(bad), table(100, champion=False))


def test_rows_that_do_not_pair_up_are_refused() -> None:
    """Champion scores of other rows are no comparison."""
    with pytest.raises(BadInput, match="do not pair up"):
        ScoreTable(np.ones(5), np.ones(5), np.ones(4))
    with pytest.raises(BadInput, match="do not pair up"):
        ScoreTable(np.ones(5), np.ones(5), None, {"origin": np.array(["a"])})


def test_verdict_is_deterministic_and_json_safe() -> None:
    """The same input gives the same record to the last byte, for closed forms and for draws."""
    rules = policy(
        NON_INFERIOR,
        rule("non_inferior", name="f1", metric="f1", margin=0.05, threshold=0.3),
        rule("non_inferior", name="ap", metric="average_precision", margin=0.05, slice="origin"),
    )
    rows = table(1_500)
    first, second = (canonical_json(run(rules, rows).to_dict()) for _ in range(2))

    assert first == second
    assert json.loads(first)["rules"][1]["numbers"]["seed"] > 0


def test_evaluation_decides_the_seed() -> None:
    """Another evaluation draws other numbers."""
    rules, rows = policy(rule("minimum", metric="f1", value=0.1)), table(500)
    first, second = (judge(rules, rows, evaluation_id=name, looks=1).rules[0].numbers["seed"] for name in ("a", "b"))

    assert first != second


def test_measure_all_fills_the_evaluation_record() -> None:
    """Candidate, champion and difference of every metric, JSON-safe."""
    record = measure_all(table(1_000), ["roc_auc", "brier"], 0.9)
    canonical_json(record)

    assert set(record) == {"roc_auc", "brier"}
    gap = record["roc_auc"]["candidate"]["value"] - record["roc_auc"]["champion"]["value"]
    assert record["roc_auc"]["difference"]["value"] == pytest.approx(gap)
    assert set(record["brier"]["candidate"]) == {"value", "low", "high", "n", "method"}


def test_measure_all_of_a_first_model_has_no_champion() -> None:
    """What is not there is null."""
    record = measure_all(table(1_000, champion=False), ["roc_auc"], 0.9)["roc_auc"]

    assert record["champion"] is record["difference"] is None


def test_measure_all_says_why_it_could_not() -> None:
    """One class only: nulls and a reason."""
    record = measure_all(ScoreTable(np.ones(50), np.linspace(0, 1, 50)), ["roc_auc"], 0.9)["roc_auc"]

    assert record["candidate"] is None
    assert "0 negative rows" in record["reason"]


@pytest.mark.parametrize(("alpha", "level"), [(0.05, 0.90), (0.01, 0.98)])
def test_alpha_is_one_sided(alpha: float, level: float) -> None:
    """Each bound errs with probability alpha, so that the interval is of level 1 - 2 alpha."""
    rows = table(1_000)
    numbers = run(policy(NON_INFERIOR, alpha=alpha), rows).rules[0].numbers
    expected = METRICS["roc_auc"].compare(rows.labels, rows.candidate, rows.champion, Options(level=level))

    assert (numbers["low"], numbers["high"]) == pytest.approx((expected.low, expected.high), rel=1e-9)
