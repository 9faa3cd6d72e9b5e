"""The version that serves is watched: breaches are found, nothing is passed that was not proved."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.prediction_logs import log_labels, log_scores
from tests.support.served import champion_of, days, drawn, serve
from tests.support.synthetic import rows_of

KEYS = days(6)
LAST = KEYS[-1]
AUDIT: dict[str, Any] = {"run_type": "backfill", "run_id": "audit"}


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """Return a laboratory with a champion that has served nothing yet."""
    return make_lab("promoted")


def watch(lab: Lab, **arguments: Any) -> Record:
    """Run the operator on the newest of the days, and return its record."""
    lab.run("performance", **{"partition_key": LAST, "window": 6, **arguments})
    return lab.records("performance")[-1]


def rules_of(record: Record) -> dict[str, str]:
    """Return outcome by rule."""
    return {rule["rule"]: rule["outcome"] for rule in record.body["verdict"]["rules"]}


def reason_of(record: Record, name: str) -> str:
    """Return the reason of a rule."""
    return next(str(rule["reason"]) for rule in record.body["verdict"]["rules"] if rule["rule"] == name)


def write_policy(lab: Lab, text: str) -> str:
    """Write a monitoring policy, and return its name."""
    (lab.root / "own.yaml").write_text(f"schema: 1\nname: own\nmin_rows: 100\n{text}")
    return "own.yaml"


def test_a_version_that_keeps_its_level_passes(lab: Lab) -> None:
    """Every rule is proved; partitions without labels are estimated, and the track record stands beside them."""
    for key in KEYS[:-1]:
        serve(lab, key, rows=600)
    serve(lab, LAST, labelled=False)
    record = watch(lab)

    assert set(rules_of(record).values()) == {"PASS"}
    assert record.outcome == "PASS"
    assert lab.events == []
    assert record.body["partitions"]["mature"] == KEYS[:-1]
    assert record.body["partitions"]["waiting"] == [LAST]
    rows = {"served": 3_200, "failed": 0, "mature": 3_000, "labelled": 3_000, "unlabelled": 0}
    assert record.body["rows"] == {**rows, "censored": 0, "missing": 0}
    estimated = record.body["estimated"]
    assert estimated["assumes"] == "assumes no concept drift"
    assert set(estimated["partitions"]) == {LAST}
    assert estimated["track_record"]["estimates"] == 10
    assert estimated["track_record"]["inside"] >= 6
    assert "estimate_assumes_no_concept_drift" in record.body["verdict"]["marks"]


def test_concept_drift_is_found_and_starts_something(lab: Lab) -> None:
    """Other labels for the same inputs: the loss rises, the estimate does not notice, and an event says so."""
    for key in KEYS:
        serve(lab, key, rows=400, concept=2.0)
    record = watch(lab)

    assert record.outcome == "FAIL"
    assert rules_of(record)["concept_log_loss"] == "FAIL"
    ((asset, extra),) = lab.events
    assert asset == f"{lab.model}-performance"
    assert extra["record_hash"] == record.hash
    assert extra["window"] == KEYS
    assert "concept_log_loss" in extra["cause"]
    assert "do not hold" in record.body["estimated"]["problem"]
    assert record.body["estimated"]["track_record"]["inside"] < 6


def test_labels_that_are_not_due_prove_nothing(lab: Lab) -> None:
    """INCONCLUSIVE, and the reason says which labels are missing and when they are due."""
    serve(lab, KEYS[-2], labelled=False)
    serve(lab, LAST, matured=False)
    record = watch(lab)

    assert record.outcome == "INCONCLUSIVE"
    assert "are not mature; the first is due on 2020-03-06" in reason_of(record, "roc_auc_minimum")
    assert rules_of(record)["latency_p95_ms"] == "PASS"
    assert set(record.body["estimated"]["window"]) == {"roc_auc", "brier"}


def test_labels_that_come_later_decide_anew(lab: Lab) -> None:
    """The estimate that was made before stays beside what they showed."""
    serve(lab, KEYS[0], labelled=False)
    before = watch(lab, partition_key=KEYS[0])
    storage = Storage(str(lab.storage), None)
    log_labels(storage, lab.model, lab.records("predictions")[0], drawn(KEYS[0], 200)[1])
    serve(lab, KEYS[1], labelled=False)
    after = watch(lab, partition_key=KEYS[1])

    pairs = after.body["estimated"]["track_record"]["pairs"]
    assert before.body["estimated"]["track_record"]["pairs"] == []
    assert [(pair["partition_key"], pair["before"]) for pair in pairs] == [(KEYS[0], True)] * 2
    assert pairs[1]["estimate"] == before.body["estimated"]["partitions"][KEYS[0]]["roc_auc"]["value"]


def same(value: float, rows: int = 200) -> list[float]:
    """Repeat a number."""
    return [value] * rows


BAD = {
    "one class": {"labels": same(1.0)},
    "infinite scores": {"scores": same(math.inf)},
    "labels that are no class": {"labels": same(7.0)},
    "no label at all": {"labels": [None] * 200},
    "no score at all": {"scores": [None] * 200},
    "scores that are no probabilities": {"scores": list(map(float, np.linspace(-5, 5, 200)))},
    "zero rows": {"rows": 0, "labelled": False},
    "few labels": {"labels": [1.0, 0.0] * 30 + [None] * 140},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_bad_rows_are_never_passed(lab: Lab, changes: dict[str, Any]) -> None:
    """Each of these ends as INCONCLUSIVE or FAIL, with a reason and without a crash."""
    serve(lab, LAST, **changes)
    record = watch(lab)

    assert record.outcome != "PASS"
    assert rules_of(record)["brier_max_drop"] == "INCONCLUSIVE"
    assert len(reason_of(record, "brier_max_drop")) > 40


def test_few_labelled_rows_are_underpowered(lab: Lab) -> None:
    """Fewer than the policy's min_rows prove nothing, and the verdict says that it is for their number."""
    serve(lab, LAST, rows=60)
    record = watch(lab)

    assert record.outcome == "INCONCLUSIVE"
    assert "60 labelled rows are fewer than the policy's min_rows 100" in reason_of(record, "roc_auc_minimum")
    assert "underpowered" in record.body["verdict"]["marks"]


def test_labels_that_contradict_the_scores_are_a_breach(lab: Lab) -> None:
    """A model that is wrong in every row."""
    scores, _ = drawn(LAST, 600)
    serve(lab, LAST, rows=600, labels=[float(score < 0.5) for score in scores])

    assert rules_of(watch(lab))["roc_auc_minimum"] == "FAIL"


def test_rows_that_were_not_scored_are_errors(lab: Lab) -> None:
    """A fifth of the rows has no score: the error rate is a breach, the others are judged."""
    scores, _ = drawn(LAST, 600)
    serve(lab, LAST, rows=600, scores=[None if at % 5 == 0 else score for at, score in enumerate(scores)])
    record = watch(lab)

    assert rules_of(record)["error_rate"] == "FAIL"
    assert record.body["rows"]["failed"] == 120
    assert record.body["rows"]["labelled"] == 480


def test_rows_without_a_label_are_counted_and_named(lab: Lab) -> None:
    """Decisions censor labels: a verdict carries the mark."""
    _, labels = drawn(LAST, 600)
    serve(lab, LAST, rows=600, labels=[None if at % 10 == 0 else label for at, label in enumerate(labels)])
    record = watch(lab)

    assert record.body["rows"]["unlabelled"] == 60
    assert "unlabelled_rows" in record.body["verdict"]["marks"]
    assert rules_of(record)["roc_auc_minimum"] == "PASS"


def test_another_version_is_left_out(lab: Lab) -> None:
    """Only what the version of the newest partition predicted is judged."""
    other = f"sha256:{'9' * 64}"
    serve(lab, KEYS[0], concept=5.0, version="7", manifest_hash=other)
    serve(lab, LAST, rows=600)
    record = watch(lab)

    assert record.body["partitions"]["served"] == [LAST]
    assert record.outcome == "PASS"


def test_a_version_without_a_promotion_has_no_level(lab: Lab) -> None:
    """Trained, but never promoted by the gate, as one that was adopted: changes cannot be judged."""
    trained = lab.run("train", partition_key="2020-03")
    serve(lab, LAST, rows=600, manifest_hash=trained["manifest_hash"], version="2")
    record = watch(lab)

    assert record.outcome == "INCONCLUSIVE"
    assert rules_of(record)["roc_auc_minimum"] == "PASS"
    assert "no evaluation at promotion" in reason_of(record, "roc_auc_max_drop")
    assert record.body["estimated"]["window"] == {}


def test_a_partition_that_was_not_scored_is_an_error(lab: Lab) -> None:
    """The task fails for good and names what there is."""
    serve(lab, KEYS[0])

    with pytest.raises(AirflowFailException, match=f"'{LAST}' has no prediction log; the newest before it: {KEYS[0]}"):
        watch(lab)


def test_days_are_counted_where_the_policy_says_so(lab: Lab) -> None:
    """Six days are too few when rows of a day go together, a week is enough."""
    policy = write_policy(lab, "dependence: {time: time}\nmetrics:\n  - {metric: roc_auc, minimum: 0.6}\n")
    keys = days(7)
    for key in keys:
        serve(lab, key)
    few = watch(lab, policy=policy)
    enough = watch(lab, policy=policy, partition_key=keys[-1], window=7)

    assert "There are 6 clusters or days of rows; an interval needs at least 7, 1 more" in reason_of(
        few, "roc_auc_minimum"
    )
    assert "underpowered" in few.body["verdict"]["marks"]
    assert rules_of(enough) == {"roc_auc_minimum": "PASS"}


def test_an_estimate_decides_only_where_the_policy_lets_it(lab: Lab) -> None:
    """Its breach fails the verdict; that it sees none passes nothing."""
    metrics = "metrics:\n  - {metric: accuracy, minimum: 0.95}\n  - {metric: roc_auc, minimum: 0.6}\n"
    serve(lab, LAST, rows=600, labelled=False)
    warned = watch(lab, policy=write_policy(lab, metrics))
    decided = watch(lab, policy=write_policy(lab, f"{metrics}estimate: decides\n"))

    assert warned.outcome == "INCONCLUSIVE"
    assert {rule["rule"]: rule["outcome"] for rule in warned.body["estimated"]["rules"]} == {
        "estimated_accuracy_minimum": "FAIL",
        "estimated_roc_auc_minimum": "INCONCLUSIVE",
    }
    assert decided.outcome == "FAIL"
    assert rules_of(decided)["estimated_accuracy_minimum"] == "FAIL"
    assert "estimated_roc_auc_minimum" not in rules_of(decided)


def serve_real_rows(lab: Lab, key: str) -> None:
    """Log the rows of an accepted snapshot, those that have a label, twice as many as one month has."""
    rows = rows_of(key).dropna()
    snapshot_id = lab.facts["snapshots"][key]
    storage = Storage(str(lab.storage), None)
    facts = {"dataset": "events", "snapshot_id": snapshot_id, **champion_of(lab)}
    scores = list(map(float, 1 / (1 + np.exp(-2 * rows["signal"]))))
    ids = list(rows["row_id"])
    logged = log_scores(storage, lab.model, key, scores, row_ids=ids, **facts)
    log_labels(storage, lab.model, logged, list(rows["late"]), key=key)


def test_groups_are_compared_as_the_gate_does(lab: Lab) -> None:
    """The gate's fairness rules on live rows; the groups come from the snapshot that was scored."""
    rule = "  - {name: fair, kind: fairness, metric: calibration_gap, value: 0.3, group: [group]}\n"
    (lab.root / "fair.yaml").write_text((lab.root / "policy.yaml").read_text() + rule)
    serve_real_rows(lab, "2020-03")
    record = watch(lab, partition_key="2020-03", policy=write_policy(lab, "fairness: fair.yaml\n"))

    (found,) = record.body["verdict"]["rules"]
    assert found["outcome"] == "PASS"
    assert found["numbers"]["kind"] == "fairness"


def test_fairness_on_few_days_is_underpowered(lab: Lab) -> None:
    """Where rows of a day go together days are counted: the reason says how many are missing, nothing passes."""
    rule = "  - {name: fair, kind: fairness, metric: calibration_gap, value: 0.3, group: [group]}\n"
    (lab.root / "fair.yaml").write_text((lab.root / "policy.yaml").read_text() + rule)
    serve_real_rows(lab, "2020-03")
    policy = write_policy(lab, "fairness: fair.yaml\ndependence: {time: time}\n")
    record = watch(lab, partition_key="2020-03", policy=policy)

    (found,) = record.body["verdict"]["rules"]
    assert record.outcome == "INCONCLUSIVE"
    assert "There are 1 clusters or days of rows; an interval needs at least 20, 19 more" in found["reason"]
    assert (found["numbers"]["clusters"], found["numbers"]["clusters_needed"]) == (1, 20)
    assert "underpowered" in record.body["verdict"]["marks"]


def test_fairness_needs_rules_to_judge(lab: Lab) -> None:
    """A gate policy without any is a mistake."""
    serve(lab, LAST)

    with pytest.raises(AirflowFailException, match="has no rule of the kind fairness"):
        watch(lab, policy=write_policy(lab, "fairness: policy.yaml\n"))


def test_importance_needs_that_of_the_evaluation(lab: Lab) -> None:
    """An evaluation without importances leaves the rule undecided and says how to get them."""
    serve(lab, LAST)
    record = watch(lab, policy=write_policy(lab, "importance: {min_correlation: 0.5}\n"))

    assert record.outcome == "INCONCLUSIVE"
    assert "explain='permutation'" in reason_of(record, "importance_ranking")


def test_an_audit_gives_the_recorded_verdict(lab: Lab) -> None:
    """With the labels that the record knew, though others came since; it emits nothing."""
    serve(lab, LAST, rows=600, concept=4.0)
    live = watch(lab)
    storage = Storage(str(lab.storage), None)
    log_labels(storage, lab.model, lab.records("predictions")[0], drawn(LAST, 600)[1], key="again")
    audit = watch(lab, **AUDIT)

    assert audit.mode == "audit"
    assert audit.body["verdict"] == live.body["verdict"]
    assert audit.body["recorded"] == {"outcome": "FAIL", "record": live.hash, "same_inputs": True, "agrees": True}
    assert lab.events == []


def test_an_audit_of_nothing_says_so(lab: Lab) -> None:
    """There is no record to compare with."""
    serve(lab, LAST, rows=600)

    assert watch(lab, **AUDIT).body["recorded"] is None


def test_the_same_rows_are_judged_once(lab: Lab) -> None:
    """A second run finds the first one's record; another policy decides anew."""
    serve(lab, LAST, rows=600)
    first = watch(lab)
    second = watch(lab, run_id="again")
    third = watch(lab, policy=write_policy(lab, "latency: {}\n"))

    assert second.hash == first.hash
    assert third.hash != first.hash
    assert len(model_ledger(lab.model, None).records("performance")) == 2


def test_a_changed_log_is_broken_evidence(lab: Lab) -> None:
    """One byte of a log, and nothing is judged."""
    serve(lab, LAST)
    part = next(lab.storage.glob(f"predictions/*/{LAST}/*/part-00000.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))

    with pytest.raises(AirflowFailException):
        watch(lab)
    assert lab.records("performance") == []


def test_scored_and_labelled_by_their_operators(lab: Lab) -> None:
    """What the operators log of an accepted month is what is watched."""
    lab.run("score", partition_key="2020-03")
    lab.run("labels", partition_key="2020-03")
    record = watch(lab, partition_key="2020-03", window=1)

    assert record.body["rows"]["labelled"] > 600
    assert record.body["rows"]["unlabelled"] == record.body["rows"]["censored"] + record.body["rows"]["missing"]
    assert set(rules_of(record).values()) <= {"PASS", "INCONCLUSIVE"}
    assert rules_of(record)["roc_auc_max_drop"] == "PASS"


def test_two_features_have_no_ranking(make_lab: MakeLab) -> None:
    """Importances of live rows are measured on the served model; a rank correlation needs three of them."""
    lab = make_lab("registered")
    evaluated = lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], explain="permutation")
    lab.run("promote", gate_record=lab.run("gate", evaluation_id=evaluated["evaluation_id"])["record"])
    for key in ("2020-01", "2020-03"):
        serve_real_rows(lab, key)
    policy = write_policy(lab, "importance: {min_correlation: 0.5, top: 1}\n")
    record = watch(lab, partition_key="2020-03", policy=policy)

    assert "2 features were measured both times; at least 3" in reason_of(record, "importance_ranking")


SIX = [f"f{number}" for number in range(6)]
WEIGHTS = np.array([2.5, 1.9, 1.4, 1.0, 0.6, 0.3])


def six(partition: Partition, weights: Any = WEIGHTS) -> Any:
    """Yield a month whose label follows six features, each less than the one before."""
    random, rows = np.random.default_rng(int(partition.key.replace("-", ""))), rows_of(partition.key, 1_600)
    time = pd.date_range(partition.start, periods=len(rows), freq="25min", unit="us")
    values = random.normal(size=(len(rows), len(SIX)))
    late = (random.random(len(rows)) < 1 / (1 + np.exp(-values @ weights))).astype(float)
    yield rows.assign(**dict(zip(SIX, values.T, strict=True)), late=late, time=time)


def six_turned(partition: Partition) -> Any:
    """Yield a month in which the three first features mean the opposite."""
    yield from six(partition, np.where(np.arange(6) < 3, -WEIGHTS, WEIGHTS))


def test_features_that_mean_something_else_are_importance_drift(make_lab: MakeLab) -> None:
    """What mattered most misleads now: the ranking on live rows is not that of the promotion, and the event says so."""
    lab = make_lab("empty")
    for key in ("2020-01", "2020-02"):
        lab.accept(key, f"{__name__}:six")
    trained = lab.run("train", partition_key="2020-02", features=SIX)
    lab.run("register", manifest_hash=trained["manifest_hash"])
    evaluated = lab.run("evaluate", manifest_hash=trained["manifest_hash"], explain="permutation")
    lab.run("promote", gate_record=lab.run("gate", evaluation_id=evaluated["evaluation_id"])["record"])
    lab.accept("2020-03", f"{__name__}:six_turned")
    lab.run("score", partition_key="2020-03")
    lab.run("labels", partition_key="2020-03", labels=f"{__name__}:six_turned", label_time_column=None)
    policy = write_policy(lab, "importance: {min_correlation: 0.5, top: 3}\n")
    record = watch(lab, partition_key="2020-03", window=1, policy=policy)

    assert rules_of(record) == {"importance_ranking": "FAIL"}, reason_of(record, "importance_ranking")
    assert "f0, f1, f2 left" in reason_of(record, "importance_ranking")
    assert lab.events[0][1]["kind"] == "importance"
