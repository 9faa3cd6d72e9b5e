"""A model of several classes is monitored as one of two is: its log, its drift, its labels, its performance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.prediction_log import find_predictions, read_predictions
from airflow_provider_mlops.hooks.scoring import load_model
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.lab import KINDS_POLICY, TASKS, Lab
from tests.support.synthetic import FEATURES, rows_of
from tests.support.training_tasks import KINDS, with_kinds

KEY = "2020-03"
DRIFT = "schema: 1\nname: events\nmin_rows: 100\nthresholds: {ks: 0.2, cramers_v: 0.2, missing: 0.3}\n"
FAIR = """\
schema: 1
name: fair
rules:
  - {name: parity, kind: fairness, metric: demographic_parity_difference, value: 0.1, group: [group]}
"""


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A champion of three classes that has scored March."""
    return make_lab("kinds")


def swapped(partition: Partition) -> Any:
    """Yield a month whose cars are trains, and whose trains are cars."""
    for frame in with_kinds(partition):
        yield frame.assign(late=frame["late"].replace({"car": "train", "train": "car"}))


def noisy(partition: Partition) -> Any:
    """Yield a month whose kinds follow the signal by chance alone, so that probabilities say something."""
    rows = rows_of(partition.key)
    chance = np.random.default_rng(int(partition.key.replace("-", ""))).gumbel(size=(len(rows), len(KINDS)))
    codes = np.argmax(np.outer(rows["signal"], [-1.5, 0.0, 1.5]) + chance, axis=1)
    yield rows.assign(late=pd.Series(np.asarray(KINDS)[codes], dtype=object).where(rows["late"].notna(), None))


def noisy_and_swapped(partition: Partition) -> Any:
    """Yield the same month, whose cars are trains."""
    for frame in noisy(partition):
        yield frame.assign(late=frame["late"].replace({"car": "train", "train": "car"}))


def warmer(partition: Partition) -> Any:
    """Yield a month with more trains than there were."""
    for frame in with_kinds(partition):
        signal = frame["signal"] + 1.2
        codes = np.digitize(signal + 0.3 * frame["noise"], [-0.5, 0.5])
        late = pd.Series(np.asarray(KINDS)[codes], dtype=object).where(frame["late"].notna(), None)
        yield frame.assign(signal=signal, late=late)


def swapped_and_warmer(partition: Partition) -> Any:
    """Yield a month that is both."""
    for frame in warmer(partition):
        yield frame.assign(signal=frame["signal"] + 2, late=frame["late"].replace({"car": "train", "train": "car"}))


def join(lab: Lab, key: str = KEY, labels: str = f"{TASKS}:with_kinds") -> None:
    """Join the labels of a month."""
    lab.run("labels", partition_key=key, labels=labels, label_time_column=None)


def judged(lab: Lab, kind: str, key: str = KEY) -> Record:
    """Judge drift, and return the record."""
    (lab.root / "drift.yaml").write_text(DRIFT)
    lab.run("drift", partition_key=key, kind=kind)
    return lab.records("drift")[-1]


def watch(lab: Lab, key: str = KEY, window: int = 1, **arguments: Any) -> Record:
    """Judge the performance, and return the record."""
    lab.run("performance", partition_key=key, window=window, **arguments)
    return lab.records("performance")[-1]


def outcomes(record: Record) -> dict[str, str]:
    """Return outcome by rule."""
    return {rule["rule"]: rule["outcome"] for rule in record.body["verdict"]["rules"]}


def logged(lab: Lab, columns: Sequence[str]) -> pd.DataFrame:
    """Read the log of March."""
    found = find_predictions(lab.ledger().records(), [KEY])
    return pa.Table.from_batches(read_predictions(Storage(), found, columns)).to_pandas()


def test_every_class_has_its_score_in_the_log(lab: Lab) -> None:
    """The probabilities are the champion's, the score is the greatest of them, and an audit finds the same."""
    names = [f"score:{one}" for one in KINDS]
    frame = logged(lab, ["score", *names])
    expected = load_model(MlflowHook(), lab.records("training")[-1]).predict_proba(rows_of(KEY)[FEATURES])
    lab.run("score", partition_key=KEY, run_type="backfill", run_id="audit")

    assert np.array_equal(frame[names], expected)
    assert np.array_equal(frame["score"], expected.max(axis=1))
    assert lab.records("predictions")[-1].outcome == "PASS"


def test_an_audit_compares_the_score_of_every_class(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes that were exchanged leave the greatest score as it was: the audit finds them all the same."""
    from airflow_provider_mlops.backends import batch_scoring

    real = batch_scoring.score
    monkeypatch.setattr(batch_scoring, "score", lambda *given: np.asarray(real(*given))[:, [2, 1, 0]])
    with pytest.raises(AirflowFailException, match="gives other scores for 2020-03"):
        lab.run("score", partition_key=KEY, run_type="backfill", run_id="audit")

    assert lab.records("predictions")[-1].outcome == "FAIL"


def test_an_audit_of_a_log_of_an_earlier_release_compares_what_it_recorded(lab: Lab) -> None:
    """Such a log's hash is of the greatest score alone; the same scores are the same by it."""
    from airflow_provider_mlops.backends.prediction_files import RowsDigest
    from airflow_provider_mlops.core.prediction_log import DIGESTED

    live = lab.records("predictions")[-1]
    digest = RowsDigest(DIGESTED)
    for batch in read_predictions(Storage(), [live], DIGESTED):
        digest.update(batch)
    body = {name: value for name, value in live.body.items() if name != "digested"}
    lab.ledger().append(kind="predictions", key="earlier", body={**body, "scores_digest": digest.result()})
    lab.run("score", partition_key=KEY, run_type="backfill", run_id="audit")

    assert lab.records("predictions")[-1].outcome == "PASS"


def test_a_month_like_the_test_rows_has_no_drift(lab: Lab) -> None:
    """Predicted class, its probability, and the probability of each class are compared."""
    record, confidence = judged(lab, "prediction"), judged(lab, "confidence")

    assert record.outcome == "PASS"
    assert set(outcomes(record)) == {"predicted_class", "score", *(f"score:{one}" for one in KINDS)}
    assert outcomes(confidence) == {"confidence": "PASS"}


def test_more_trains_are_drift_of_predictions_and_of_labels(lab: Lab) -> None:
    """The share of a class grows: what was predicted says so at once, the labels when they have come."""
    lab.accept("2020-04", f"{__name__}:warmer")
    lab.run("score", partition_key="2020-04")
    record = judged(lab, "prediction", "2020-04")
    report = record.body["report"]
    join(lab, "2020-04", f"{__name__}:warmer")
    shift = judged(lab, "label", "2020-04")

    assert record.outcome == "FAIL"
    assert outcomes(record)["predicted_class"] == "FAIL"
    assert report is not None
    assert {item["feature"] for item in report["features"]} >= {"predicted_class", "score:train"}
    assert outcomes(shift)["label"] == "FAIL"


def test_profiles_of_scores_judge_as_rows_do(lab: Lab) -> None:
    """The columns of scores are profiled once, and the verdict from profiles is that of the rows."""
    (lab.root / "drift.yaml").write_text(DRIFT + "data: profile\n")
    lab.run("profile", partition_key=KEY, kind="prediction")
    lab.run("drift", partition_key=KEY, kind="prediction")
    record = lab.records("drift")[-1]

    assert record.outcome == "PASS"
    assert set(outcomes(record)) == {"predicted_class", "score", *(f"score:{one}" for one in KINDS)}
    assert "from_profiles" in record.body["verdict"]["marks"]


def test_labels_like_the_training_are_no_shift(lab: Lab) -> None:
    """The classes of the labels are those of the training snapshots."""
    join(lab)

    assert outcomes(judged(lab, "label")) == {"label": "PASS", "label:nulls": "PASS"}


def test_a_version_that_keeps_its_level_passes(lab: Lab) -> None:
    """Accuracy, macro F1 and log loss are measured with intervals, against promotion."""
    join(lab)
    record = watch(lab)

    assert set(outcomes(record).values()) == {"PASS"}
    assert outcomes(record).keys() == {
        "multiclass_accuracy_minimum",
        "multiclass_accuracy_max_drop",
        "macro_f1_max_drop",
        "multiclass_log_loss_max_drop",
        "concept_multiclass_log_loss",
    }
    assert record.body["realised"]["macro_f1"]["now"]["low"] < record.body["realised"]["macro_f1"]["now"]["high"]
    assert record.body["rows"]["labelled"] > 600
    assert record.body["rows"]["unlabelled"] > 50


def test_the_calibration_of_every_class_is_watched(make_lab: MakeLab) -> None:
    """Each class has its line, and must keep the limits; what breaks them names the class."""
    lab = make_lab("empty")
    (lab.root / "policy.yaml").write_text(KINDS_POLICY)
    (lab.root / "own.yaml").write_text("schema: 1\nname: own\ncalibration: {intercept: 0.8, slope: 0.8}\n")
    for key in ("2020-01", "2020-02", KEY):
        lab.accept(key, f"{__name__}:noisy")
    lab.promote("2020-02", task="multiclass", train_function=f"{TASKS}:fit_kinds")
    lab.run("score", partition_key=KEY)
    join(lab, labels=f"{__name__}:noisy")
    kept = watch(lab, policy="own.yaml")
    join(lab, labels=f"{__name__}:noisy_and_swapped")
    broken = watch(lab, policy="own.yaml")

    rules = broken.body["verdict"]["rules"]
    assert outcomes(kept) == {"calibration_intercept": "PASS", "calibration_slope": "PASS"}
    assert outcomes(broken)["calibration_slope"] == "FAIL"
    assert rules[1]["numbers"]["class"] in ("car", "train")
    assert f"for class {rules[1]['numbers']['class']} is" in rules[1]["reason"]


def test_classes_that_were_swapped_are_concept_drift(lab: Lab) -> None:
    """The same scores, and other labels: every rule is broken, and the estimate is not believed."""
    join(lab, labels=f"{__name__}:swapped")
    record = watch(lab)

    assert record.outcome == "FAIL"
    assert outcomes(record)["concept_multiclass_log_loss"] == "FAIL"
    assert outcomes(record)["multiclass_accuracy_minimum"] == "FAIL"
    assert record.body["estimated"]["broken_assumptions"] == ["calibration"]
    assert lab.events[0][1]["kind"] == "realised"


def test_what_has_no_labels_yet_is_estimated(lab: Lab) -> None:
    """By confidence; when the labels come the estimate stands beside what they showed."""
    before = watch(lab)
    join(lab)
    lab.accept("2020-04", f"{TASKS}:with_kinds")
    lab.run("score", partition_key="2020-04")
    after = watch(lab, "2020-04", window=2)

    estimated, pairs = before.body["estimated"], after.body["estimated"]["track_record"]["pairs"]
    assert before.outcome == "INCONCLUSIVE"
    assert estimated["method"] == "cbpe"
    assert set(estimated["window"]) == {"multiclass_accuracy", "macro_f1", "multiclass_log_loss"}
    assert estimated["window"]["multiclass_accuracy"]["method"].startswith("cbpe_")
    assert estimated["assumptions"]["held_out"]["test"] == "tenths"
    assert [(pair["partition_key"], pair["before"]) for pair in pairs] == [(KEY, True)] * 3
    assert set(after.body["estimated"]["partitions"]) == {"2020-04"}
    assert after.body["estimated"]["assumptions"]["labelled_window"]["test"] == "spiegelhalter_by_class"


def test_importance_is_measured_by_the_loss_of_several_classes(make_lab: MakeLab) -> None:
    """On the served model; a rank correlation needs three features, and these are two."""
    lab = make_lab("kinds")
    evaluated = lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], explain="permutation")
    gate = lab.run("gate", evaluation_id=evaluated["evaluation_id"], run_id="explained")
    lab.run("promote", gate_record=gate["record"], run_id="explained")
    lab.accept("2020-04", f"{TASKS}:with_kinds")
    lab.run("score", partition_key="2020-04")
    join(lab)
    join(lab, "2020-04")
    (lab.root / "own.yaml").write_text("schema: 1\nname: own\nimportance: {min_correlation: 0.5}\n")
    (found,) = watch(lab, "2020-04", window=2, policy="own.yaml").body["verdict"]["rules"]

    assert "2 features were measured both times; at least 3" in found["reason"]


def test_a_fire_drill_flips_classes(lab: Lab) -> None:
    """The alarm of the monitoring policy rings when classes are swapped in a copy of the month."""
    from tests.integration.test_fire_drill import POLICY, run

    (lab.root / "drill.yaml").write_text(POLICY)
    result: Any = run(lab, shifts=["label_flip"], size="0.8", performance_policy="performance.yaml")

    assert (result["drills"][0]["feature"], result["drills"][0]["rang"]) == ("late", True)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("metrics:\n  - {metric: roc_auc, minimum: 0.6}\n", "of the task binary, the model is of the task multiclass"),
        ("fairness: fair.yaml\n", r"'parity' \(fairness\) is for models of the task binary; this one is multiclass"),
        ("concept: {max_shift: 0.1, loss: log_loss}\n", "is not of the task multiclass: multiclass_log_loss"),
    ],
)
def test_what_is_for_two_classes_is_refused(lab: Lab, policy: str, why: str) -> None:
    """A policy of another task is an error that names the task, not a verdict."""
    join(lab)
    (lab.root / "own.yaml").write_text(f"schema: 1\nname: own\n{policy}")
    (lab.root / "fair.yaml").write_text(FAIR)

    with pytest.raises(AirflowFailException, match=why):
        watch(lab, policy="own.yaml")
