"""Trainings of every task, and operating thresholds that are chosen, frozen and replayed."""

from typing import Any

import numpy as np
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.backends import scikit_learn as sk
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.scoring import load_model
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.operating_threshold import choose_threshold
from tests.conftest import MakeLab
from tests.support.lab import DATASET, Lab
from tests.support.synthetic import train
from tests.support.training_tasks import KINDS

TASKS = "tests.support.training_tasks"
F1 = {"metric": "f1"}


def accepted(make_lab: MakeLab, source: str) -> Lab:
    """Open a lab with two accepted months of a source."""
    lab = make_lab("empty")
    for key in ("2020-01", "2020-02"):
        taken = lab.run("snapshot", partition_key=key, source=f"{TASKS}:{source}")
        lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"])
    return lab


def training_rows(lab: Lab, record: Record) -> Any:
    """Read the rows of a training."""
    return read_rows(Storage(str(lab.storage)), DATASET, record.body["manifest"]["train"]["snapshots"])


@pytest.mark.parametrize(
    ("task", "source", "function", "classes"),
    [
        ("multiclass", "with_kinds", "fit_kinds", list(KINDS)),
        ("regression", "with_minutes", "fit_minutes", None),
    ],
)
def test_training_of_a_task(
    make_lab: MakeLab, task: str, source: str, function: str, classes: list[str] | None
) -> None:
    """Task and classes stand in the record; the stored model gives the recorded predictions; an audit agrees."""
    lab = accepted(make_lab, source)
    arguments: dict[str, Any] = {"partition_key": "2020-02", "task": task, "train_function": f"{TASKS}:{function}"}
    lab.run("train", **arguments)

    (record,) = lab.records("training")
    assert (record.body["task"], record.body["manifest"]["task"]) == (task, task)
    assert (record.body["classes"], record.body["operating_threshold"]) == (classes, None)
    features, labels, _ = sk.split_features(
        training_rows(lab, record), features=["signal", "noise"], label="late", task=task, classes=classes
    )
    scores = sk.score(load_model(MlflowHook(), record), features.head(1_000), task)
    assert sk.prediction_digest(scores) == record.body["prediction_digest"]
    right = scores.argmax(axis=1) == labels if classes else np.abs(scores - labels) < 0.1
    assert right.mean() > 0.9
    audit = lab.run("train", run_type="backfill", run_id="audit", **arguments)
    assert audit["replay"] == {"level": "L0", "differences": []}


@pytest.mark.parametrize(
    ("source", "arguments", "words"),
    [
        ("with_kinds", {"task": "binary"}, "Label column 'late' has the type"),
        ("with_kinds", {"task": "regression"}, "a regression needs finite numbers"),
        ("with_minutes", {"task": "multiclass"}, "classes are text or whole numbers"),
        ("with_minutes", {"task": "ranking"}, "task must be one of"),
        ("newest_without_positives", {"operating_threshold": F1}, "on the newest 1[0-9]{2} rows: There are 0 positive"),
        (
            "newest_without_positives",
            {"operating_threshold": {**F1, "validation_share": 0.999}},
            "No operating threshold can be chosen .*: The training rows hold one class only",
        ),
        ("with_minutes", {"task": "regression", "operating_threshold": F1}, "Only a binary task has an operating_th"),
        ("newest_without_positives", {"operating_threshold": {"metric": "auc"}}, "can be chosen by 'auc'"),
    ],
)
def test_trainings_that_are_refused(make_lab: MakeLab, source: str, arguments: dict[str, Any], words: str) -> None:
    """Labels of another task, and rows that cannot choose a threshold: the task fails, and is not retried."""
    lab = accepted(make_lab, source)
    with pytest.raises(AirflowFailException, match=words):
        lab.run("train", partition_key="2020-02", **arguments)
    assert lab.records("training") == []


def test_operating_threshold_is_frozen(make_lab: MakeLab) -> None:
    """It is what the metric says of the newest rows by a model of the rows before; the model itself has all rows."""
    lab = make_lab("accepted")
    plain = lab.run("train", partition_key="2020-02")
    chosen = lab.run("train", partition_key="2020-02", operating_threshold=F1)

    assert chosen["manifest_hash"] != plain["manifest_hash"]
    assert chosen["model_digest"] == plain["model_digest"]
    record = lab.records("training")[-1]
    found = record.body["operating_threshold"]
    features, labels, _ = sk.split_features(training_rows(lab, record), features=["signal", "noise"], label="late")
    head, tail = slice(None, -round(len(labels) * 0.2)), slice(-round(len(labels) * 0.2), None)
    model = sk.fit(train, features[head], labels[head], seed=record.body["manifest"]["seed"], params={})
    value, achieved = choose_threshold(labels[tail], sk.score(model, features[tail]), "f1")
    assert found == {
        "value": value,
        "metric": "f1",
        "params": {},
        "validation_rows": round(len(labels) * 0.2),
        "achieved": achieved,
    }
    run = lab.client.get_run(record.body["mlflow_run_id"])
    assert run.data.metrics["operating_threshold"] == value


def test_audit_compares_the_threshold(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay agrees; one that chooses another threshold fails, though the model is the same."""
    lab = make_lab("accepted")
    arguments: dict[str, Any] = {"partition_key": "2020-02", "operating_threshold": F1}
    lab.run("train", **arguments)
    audit = lab.run("train", run_type="backfill", run_id="audit-1", **arguments)
    assert audit["replay"] == {"level": "L0", "differences": []}

    monkeypatch.setattr(
        "airflow_provider_mlops.statistics.operating_threshold.choose_threshold", lambda *args: (0.123, 0.5)
    )
    with pytest.raises(AirflowFailException, match=r"operating threshold: recorded 0\.\d+, replayed 0\.123"):
        lab.run("train", run_type="backfill", run_id="audit-2", **arguments)
