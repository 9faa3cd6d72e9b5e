"""An evaluation on real models: who is scored on which rows, what is kept, and what of it is found again."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.backends import scikit_learn as sk
from airflow_provider_mlops.backends.parquet import write_snapshot
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.hooks import scoring
from airflow_provider_mlops.hooks.scores_store import read_score_frame, read_scores, scores_path
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.operators.base import MAX_RESULT_BYTES
from airflow_provider_mlops.operators.evaluate import AS_OF as AS_OF_TEMPLATE
from airflow_provider_mlops.statistics.metrics import METRICS
from airflow_provider_mlops.statistics.score_table import ScoreTable
from tests.conftest import MakeLab
from tests.support.evaluated import GROUPED
from tests.support.lab import AS_OF, Lab
from tests.support.runner import MOMENT, ExecutionApi, run_in_task_runner
from tests.support.steps import arguments_of

AUDIT: Any = {"run_type": "backfill", "run_id": "audit"}
# Nothing is drawn for MLflow, which takes the better part of a second.
DRY: Any = {"conf": {"mode": "dry_run"}}
SOURCES = "tests.support.evaluated"
TASKS = "tests.support.training_tasks"


def newest(lab: Lab) -> dict[str, Any]:
    """Return the body of the newest evaluation record."""
    return lab.records("evaluation")[-1].body


def frame_of(lab: Lab, body: dict[str, Any]) -> pd.DataFrame:
    """Read the stored scores of an evaluation."""
    return read_score_frame(Storage(str(lab.storage)), lab.model, body["scores_id"])[0]


def table_of(lab: Lab, body: dict[str, Any]) -> ScoreTable:
    """Read the scores of an evaluation as a gate does."""
    return read_scores(Storage(str(lab.storage)), lab.model, body["scores_id"], body["thresholds"])


def trained(make_lab: MakeLab, source: str, **train: Any) -> tuple[Lab, dict[str, Any]]:
    """Open a lab whose candidate was trained on a source, and return what to evaluate."""
    lab = make_lab("empty")
    for key in ("2020-01", "2020-02"):
        taken = lab.run("snapshot", partition_key=key, source=source)
        lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"])
    return lab, {"manifest_hash": lab.run("train", partition_key="2020-02", **train)["manifest_hash"]}


# --- who is scored -----------------------------------------------------------------------------------------------


def test_first_candidate_is_alone(make_lab: MakeLab) -> None:
    """Before the first promotion there is neither champion nor golden version."""
    lab = make_lab("registered")
    found = lab.run("evaluate", **arguments_of("evaluate", lab))
    body = newest(lab)

    assert (found["champion_version"], found["golden_version"]) == (None, None)
    assert (body["champion"], body["golden"]) == (None, None)
    assert list(frame_of(lab, body)) == ["row_id", "label", "candidate", "group"]


def test_first_champion_is_golden(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no alias says otherwise the first champion is golden; a model with two roles is loaded once."""
    lab = make_lab("promoted")
    loaded: list[Any] = []
    real = scoring.load_model
    monkeypatch.setattr(
        scoring, "load_model", lambda hook, training, **how: (loaded.append(training), real(hook, training, **how))[1]
    )
    found = lab.judge("2020-03")["evaluate"]
    frame = frame_of(lab, newest(lab))

    assert (found["champion_version"], found["golden_version"]) == ("1", "1")
    assert len(loaded) == 2
    assert frame["golden"].equals(frame["champion"])
    assert not frame["candidate"].equals(frame["champion"])
    assert newest(lab)["metrics"]["roc_auc"]["golden"] == newest(lab)["metrics"]["roc_auc"]["champion"]


def test_alias_names_the_golden_version(make_lab: MakeLab) -> None:
    """The registry's alias goes before the first champion; another alias may be asked for, or none."""
    lab = make_lab("challenged")
    other = lab.judge("2020-03", train_params={"strength": 0.5})["train"]["manifest_hash"]
    lab.client.set_registered_model_alias(lab.model, "golden", "2")
    lab.client.set_registered_model_alias(lab.model, "pinned", "1")

    found = lab.run("evaluate", manifest_hash=other, **DRY)
    frame = frame_of(lab, newest(lab))
    assert (found["candidate_version"], found["champion_version"], found["golden_version"]) == ("3", "1", "2")
    assert not frame["golden"].equals(frame["champion"])
    assert lab.run("evaluate", manifest_hash=other, golden_alias="pinned", **DRY)["golden_version"] == "1"
    assert lab.run("evaluate", manifest_hash=other, golden_alias=None, **DRY)["golden_version"] is None
    assert "golden" not in frame_of(lab, newest(lab))


def test_golden_version_from_elsewhere_is_refused(make_lab: MakeLab) -> None:
    """A version that the ledger does not know has no training record to prove its bytes by."""
    lab = make_lab("promoted")
    run = lab.client.get_run(lab.facts["train"]["mlflow_run_id"])
    made = lab.client.create_model_version(lab.model, f"{run.info.artifact_uri}/elsewhere", run_id=run.info.run_id)
    lab.client.set_registered_model_alias(lab.model, "golden", made.version)
    manifest_hash = lab.run("train", partition_key="2020-03")["manifest_hash"]

    with pytest.raises(AirflowFailException, match=f"Version {made.version} of model .* is not in the ledger"):
        lab.run("evaluate", manifest_hash=manifest_hash)


def test_cleared_evaluation_is_found_after_the_promotion(make_lab: MakeLab) -> None:
    """Once the candidate is champion, and the first one golden, its evaluation is still the same."""
    lab = make_lab("judged")
    before = lab.run("evaluate", **arguments_of("evaluate", lab))
    lab.run("promote", gate_record=lab.facts["gate"]["record"])

    assert lab.run("evaluate", **arguments_of("evaluate", lab)) == before
    assert len(lab.records("evaluation")) == 1


def test_models_of_another_task_are_not_compared(make_lab: MakeLab) -> None:
    """A champion that classifies cannot be compared with a candidate that predicts a value."""
    lab = make_lab("promoted")
    lab.accept("2020-05")
    other = {"task": "regression", "train_function": f"{TASKS}:fit_minutes"}
    manifest_hash = lab.run("train", partition_key="2020-05", **other)["manifest_hash"]
    with pytest.raises(AirflowFailException, match="The task of the champion, version 1, are binary"):
        lab.run("evaluate", manifest_hash=manifest_hash)


def test_column_that_only_the_champion_needs_is_named(make_lab: MakeLab) -> None:
    """A candidate may do without a feature; its test rows may then lack what the champion needs."""
    lab = make_lab("promoted")
    lab.accept("2020-05", "without_noise")
    lab.accept("2020-06", "without_noise")
    train = {"partition_key": "2020-06", "features": ["signal"], "window": 1}
    manifest_hash = lab.run("train", **train)["manifest_hash"]
    with pytest.raises(AirflowFailException, match="no column 'noise', which the champion, version 1, was trained on"):
        lab.run("evaluate", manifest_hash=manifest_hash)


# --- what is kept ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "source", "function", "classes", "metric"),
    [
        ("multiclass", "with_kinds", "fit_kinds", ["car", "ship", "train"], "macro_f1"),
        ("regression", "with_minutes", "fit_minutes", None, "rmse"),
    ],
)
def test_every_task(
    make_lab: MakeLab, task: str, source: str, function: str, classes: list[str] | None, metric: str
) -> None:
    """Other tasks are scored, stored, measured and altered like the binary one."""
    lab, arguments = trained(make_lab, f"{TASKS}:{source}", task=task, train_function=f"{TASKS}:{function}")
    lab.run("evaluate", **arguments, stress={"noise": {"scale": 1}}, explain="permutation")
    body, table = newest(lab), table_of(lab, newest(lab))

    assert (body["task"], body["classes"], body["positives"]) == (task, classes, 0)
    assert body["metrics"][metric]["candidate"]["low"] < body["metrics"][metric]["candidate"]["high"]
    assert (table.task, list(table.slices), list(table.variants)) == (task, ["group"], ["noise"])
    assert table.candidate.shape == table.variants["noise"].shape
    assert table.candidate.shape == ((table.rows, 3) if classes else (table.rows,))
    assert set(body["importance"]["candidate"]) == {"signal", "noise"}


def test_altered_rows_are_scored(make_lab: MakeLab) -> None:
    """Each variant has its scores beside the candidate's; the record says how it was made and how much it altered."""
    lab, arguments = trained(
        make_lab, f"{SOURCES}:told_more", train_function=f"{SOURCES}:train_grouped", features=GROUPED
    )
    asked: dict[str, Any] = {
        "stress": {
            "noise": {"scale": 0.5, "columns": ["signal"]},
            "rare": {"kind": "rare_category", "column": "group"},
        },
        "counterfactuals": {"swapped": {"column": "group", "values": {"a": "b", "b": "a"}}},
    }
    lab.run("evaluate", **arguments, **asked, **DRY)
    body, table = newest(lab), table_of(lab, newest(lab))

    assert body["variants"]["noise"] == {"kind": "noise", "scale": 0.5, "columns": ["signal"], "altered": body["rows"]}
    assert body["variants"]["swapped"]["altered"] == body["rows"]
    assert sorted(table.variants) == ["noise", "rare", "swapped"]
    group = table.slices["group"]
    rarest = min(("a", "b"), key=lambda value: (group == value).sum())
    assert body["variants"]["rare"]["altered"] == (group != rarest).sum()
    np.testing.assert_array_equal(table.variants["rare"] == table.candidate, group == rarest)
    # The coefficient of a is 2 and that of b is -2: all of a lose four logits, all of b win four.
    logits = np.log(table.variants["swapped"] / (1 - table.variants["swapped"]))
    before = np.log(table.candidate / (1 - table.candidate))
    np.testing.assert_allclose(logits - before, np.where(group == "a", -4, 4), atol=1e-6)

    # Another slice makes another evaluation; the altered rows stay the same.
    lab.run("evaluate", **arguments, **asked, **DRY, slices=["machine"])
    again = table_of(lab, newest(lab))
    assert list(again.slices) == ["machine"]
    np.testing.assert_array_equal(again.variants["noise"], table.variants["noise"])


def test_weights_and_columns_are_kept(make_lab: MakeLab) -> None:
    """Weights stay numbers; slices and further columns are kept as text, times too."""
    lab, arguments = trained(make_lab, f"{SOURCES}:told_more")
    lab.run(
        "evaluate", **arguments, columns=["customer", "time"], weight_column="weight", entity_column="machine", **DRY
    )
    body, table = newest(lab), table_of(lab, newest(lab))

    assert (body["slices"], body["columns"]) == (
        ["group"],
        {"kept": ["customer", "time"], "weight": "weight", "entity": "machine"},
    )
    assert sorted(table.slices) == ["customer", "group", "time"]
    assert table.slices["time"][0].startswith("2020-02-01 00:00:00+00:00")
    assert table.weights is not None
    assert set(table.weights) == {1.0, 2.0, 3.0}


def test_thresholds_are_those_that_were_frozen(make_lab: MakeLab) -> None:
    """The record holds the operating threshold of each model that has one."""
    lab = make_lab("promoted")
    chosen = lab.judge("2020-03", operating_threshold={"metric": "f1"})
    threshold = lab.records("training")[-1].body["operating_threshold"]["value"]

    assert chosen["evaluate"]["champion_version"] == "1"
    assert newest(lab)["thresholds"] == {"candidate": threshold}
    assert table_of(lab, newest(lab)).thresholds == {"candidate": threshold}


def test_leakage_is_looked_for(make_lab: MakeLab) -> None:
    """Entities in both, a feature that is only known afterwards, and the order in time are facts of the record."""
    source = f"{SOURCES}:told_more"
    lab, arguments = trained(make_lab, source, features=["signal", "happened"])
    lab.run("evaluate", **arguments, entity_column="customer", **DRY)
    leakage = newest(lab)["leakage"]

    assert leakage["single_feature"] == {"feature": "happened", "auc": 1.0}
    assert (leakage["entity_column"], leakage["entity_overlap"], leakage["row_overlap"]) == ("customer", 20, 0)
    assert leakage["time_ordered"] is True
    assert leakage["train_last"] < leakage["test_first"]
    lab.run("evaluate", **arguments, entity_column="machine", **DRY)
    assert newest(lab)["leakage"]["entity_overlap"] == 0
    lab.run("evaluate", **arguments, leakage=False, **DRY)
    assert newest(lab)["leakage"] is None


def test_held_out_days_are_not_trained_on(make_lab: MakeLab) -> None:
    """Where the head of the test partition is trained on, the tail shares no row with it."""
    lab = make_lab("accepted")
    manifest_hash = lab.run("train", partition_key="2020-03", holdout_days=7, window=1)["manifest_hash"]
    lab.run("evaluate", manifest_hash=manifest_hash, **DRY)
    body = newest(lab)

    assert (body["leakage"]["row_overlap"], body["leakage"]["time_ordered"]) == (0, True)
    assert body["leakage"]["train_rows"] == lab.records("training")[-1].body["rows"]
    assert body["time_range"][0] == "2020-03-22T00:10:00+00:00"
    assert body["time_range"][0] < body["newest_label"] <= body["time_range"][1]


def test_importance_of_both_models(make_lab: MakeLab) -> None:
    """The features that the candidate rests on, and what changed against the champion."""
    lab = make_lab("challenged")
    lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], explain="permutation", **DRY)
    importance = newest(lab)["importance"]

    assert importance["candidate"]["signal"][0] > importance["candidate"]["noise"][0]
    assert set(importance["change"]) == set(importance["champion"]) == {"signal", "noise"}


def test_candidate_is_tried_in_a_clean_process(make_lab: MakeLab) -> None:
    """That the stored model loads and answers as it was trained to is a fact of the record."""
    lab = make_lab("registered")
    lab.run("evaluate", **arguments_of("evaluate", lab), infrastructure=True, **DRY)
    found = newest(lab)["infrastructure"]

    assert [found[name] for name in ("loads", "accepts_signature", "rejects_wrong_signature", "probe_identical")] == [
        True
    ] * 4
    assert found["latency_ms"] == sorted(found["latency_ms"])
    assert (found["probe_rows"], found["error"]) == (lab.records("training")[0].body["rows"], None)


# --- what is found again -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"columns": ["time"]},
        {"stress": {"noise": {"scale": 1}}},
        {"stress": {"noise": {"scale": 2}}},
        {"entity_column": "row_id"},
        {"weight_column": "late"},
        {"metrics": ["brier"]},
        {"as_of": "2020-05-01"},
        {"leakage": False},
        {"explain": "permutation"},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_decides_makes_another_evaluation(make_lab: MakeLab, asked: dict[str, Any]) -> None:
    """Every argument that changes the record is part of its key; the same arguments find the same record."""
    lab = make_lab("evaluated")
    arguments = arguments_of("evaluate", lab)
    plain, *found = [lab.run("evaluate", **arguments, **more, **DRY)["record"] for more in ({}, asked, asked)]

    assert found[0] == found[1] != plain
    assert len(lab.records("evaluation")) == 3


def test_time_of_the_evaluation_changes_no_number(make_lab: MakeLab) -> None:
    """Another day judges the age of the labels anew; scores, metrics and seeds stay, so nobody can try their luck."""
    lab = make_lab("evaluated")
    before = newest(lab)
    lab.run("evaluate", **arguments_of("evaluate", lab), as_of="2020-05-01T12:00:00+02:00")
    after = newest(lab)

    assert (before["as_of"], after["as_of"]) == (AS_OF, "2020-05-01T10:00:00+00:00")
    assert {**after, "as_of": AS_OF, "scores_uri": before["scores_uri"]} == before


def test_time_of_the_evaluation_is_that_of_the_run(make_lab: MakeLab) -> None:
    """By default the age of the labels is counted up to the moment for which Airflow made the run."""
    lab = make_lab("registered")
    task = lab.task("evaluate", **arguments_of("evaluate", lab), as_of=AS_OF_TEMPLATE)
    state, error = run_in_task_runner(task, ExecutionApi())

    assert (state, error) == ("success", None)
    assert newest(lab)["as_of"] == MOMENT.replace("Z", "+00:00")


def test_arguments_are_templates(make_lab: MakeLab) -> None:
    """Names of columns and values are rendered, also inside of the settings of altered rows."""
    lab = make_lab("registered")
    task = lab.task(
        "evaluate",
        manifest_hash=lab.facts["train"]["manifest_hash"],
        columns=["{{ dag_run.conf.column }}"],
        stress={"noise": {"scale": 1.0, "columns": ["{{ dag_run.conf.feature }}"]}},
    )
    state, error = run_in_task_runner(task, ExecutionApi(conf={"column": "time", "feature": "signal"}))

    assert (state, error) == ("success", None)
    assert newest(lab)["columns"]["kept"] == ["time"]
    assert newest(lab)["variants"]["noise"]["columns"] == ["signal"]


def test_audit_scores_the_recorded_models(make_lab: MakeLab) -> None:
    """Champion, golden version and time are those of the record, whatever the aliases name by now."""
    lab = make_lab("challenged")
    recorded = lab.records("evaluation")[-1]
    lab.run("promote", gate_record=lab.facts["gate"]["record"])
    lab.client.set_registered_model_alias(lab.model, "golden", "2")
    lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], as_of="2021-01-01", **AUDIT)
    record = lab.records("evaluation")[-1]

    assert (record.mode, record.outcome) == ("audit", "PASS")
    assert record.body == {
        **recorded.body,
        "scores_uri": record.body["scores_uri"],  # the lab was copied
        "recorded": {"evaluation_id": recorded.body["evaluation_id"], "record": recorded.hash},
    }


def test_audit_that_asks_for_more_compares_the_scores(make_lab: MakeLab) -> None:
    """A Dag that has learned to ask for more since is no reason to doubt the scores."""
    lab = make_lab("challenged")
    asked = {"columns": ["time"], "slices": [], "stress": {"noise": {"scale": 1}}}
    lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], **asked, **AUDIT)
    record = lab.records("evaluation")[-1]

    assert record.outcome == "PASS"
    assert record.body["evaluation_id"] != record.body["recorded"]["evaluation_id"]


@pytest.mark.parametrize("asked", [{}, {"columns": ["time"]}])
def test_audit_finds_other_scores(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]) -> None:
    """One score that differs in its last bit is a FAIL."""
    lab = make_lab("challenged")
    real = sk.score

    def other(estimator: Any, features: Any, task: str = "binary") -> Any:
        scores = real(estimator, features, task)
        scores[7] = np.nextafter(scores[7], 1)
        return scores

    monkeypatch.setattr(sk, "score", other)
    with pytest.raises(AirflowFailException, match="does not give the recorded scores"):
        lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], **asked, **AUDIT)
    assert lab.records("evaluation")[-1].outcome == "FAIL"


def test_audit_carries_what_cannot_be_measured_again(make_lab: MakeLab) -> None:
    """How long the model took to answer is taken from the record, which is named; so it is when asked for no more."""
    lab = make_lab("registered")
    recorded = record_of_first_release(lab, infrastructure={"loads": True, "latency_ms": [1.5]})
    lab.run("evaluate", **arguments_of("evaluate", lab), infrastructure=True, **AUDIT)

    assert newest(lab)["infrastructure"] == {"loads": True, "latency_ms": [1.5], "from_record": recorded.hash}


def record_of_first_release(lab: Lab, **more: Any) -> Any:
    """Leave the evaluation that the first release of this provider would have left."""
    training, registered = lab.records("training")[0], lab.records("registration")[0]
    identity = {name: training.body[name] for name in ("model_digest", "manifest_hash")}
    lab.run("evaluate", **arguments_of("evaluate", lab), **DRY)
    dry = newest(lab)
    frame = frame_of(lab, dry)[["row_id", "label", "candidate", "group"]]
    storage = Storage(str(lab.storage))
    asked = {"model": lab.model, "candidate": training.body["manifest_hash"], "champion": None}
    asked |= {"slices": ["group"], "metrics": ["roc_auc", "brier", "log_loss"]}
    with storage.staging() as folder:
        manifest = write_snapshot([frame], folder, {"kind": "scores", "model_name": lab.model, **asked})
        uri = storage.publish(folder, scores_path(lab.model, manifest["snapshot_id"]))
    scores_id = manifest["snapshot_id"]
    assert sha256_of({"scores": scores_id, **asked}) == dry["evaluation_id"]
    body = {
        "partition_key": training.body["partition_key"],
        "evaluation_id": sha256_of({"scores": scores_id, **asked}),
        "candidate": {"version": registered.body["version"], **identity},
        "champion": None,
        **{name: dry[name] for name in ("test", "rows", "positives", "unlabelled")},
        "metrics": {name: {part: found[part] for part in ("candidate",)} for name, found in dry["metrics"].items()},
        "scores_id": scores_id,
        "scores_uri": uri,
        **more,
    }
    run = {**lab.records("training")[0].run, "task_id": "evaluate"}
    return lab.ledger().append(kind="evaluation", key="first", body=body, run=run, mode="live")


def test_evaluation_of_the_first_release_is_audited_and_judged(make_lab: MakeLab) -> None:
    """Records and score files without the newer keys still read: the audit agrees, and a gate judges them."""
    lab = make_lab("registered")
    recorded = record_of_first_release(lab)
    lab.run("evaluate", **arguments_of("evaluate", lab), **AUDIT)
    judged = lab.run("gate", evaluation_id=recorded.body["evaluation_id"])

    assert lab.records("evaluation")[-1].outcome == "PASS"
    assert newest(lab)["as_of"] == recorded.time
    assert judged["verdict"]["outcome"] == "PASS"


# --- what is shown -----------------------------------------------------------------------------------------------


def artifacts(lab: Lab) -> list[str]:
    """List what lies with the candidate's MLflow run under `evaluation`."""
    return sorted(item.path for item in lab.client.list_artifacts(lab.facts["train"]["mlflow_run_id"], "evaluation"))


def test_figures_are_logged_by_live_runs_only(make_lab: MakeLab) -> None:
    """A dry run shows nothing in MLflow; a live one its figures and tables, however often it runs."""
    lab = make_lab("registered")
    lab.run("evaluate", **arguments_of("evaluate", lab), **DRY)
    assert artifacts(lab) == []
    lab.run("evaluate", **arguments_of("evaluate", lab))
    shown = artifacts(lab)
    lab.run("evaluate", **arguments_of("evaluate", lab))

    assert artifacts(lab) == shown
    assert any(path.endswith(".png") for path in shown)
    assert "evaluation/index.html" in shown


def test_result_stays_small(make_lab: MakeLab) -> None:
    """Many metrics and slices do not outgrow what travels between tasks."""
    lab = make_lab("challenged")
    metrics = [name for name, metric in METRICS.items() if metric.task == "binary"]
    found = lab.run(
        "evaluate",
        manifest_hash=lab.facts["train"]["manifest_hash"],
        metrics=metrics,
        columns=["time", "signal", "noise"],
        stress={f"noise{number}": {"kind": "noise", "scale": 1} for number in range(10)},
    )
    assert set(newest(lab)["metrics"]) == set(metrics)
    assert len(json.dumps(found)) < MAX_RESULT_BYTES / 2


def test_log_reads_like_a_report(make_lab: MakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    """The log says who was scored and how long it took, then the metrics as a table, then the leakage."""
    lab = make_lab("promoted")
    manifest_hash = lab.run("train", partition_key="2020-03")["manifest_hash"]
    capsys.readouterr()
    lab.run("evaluate", manifest_hash=manifest_hash, stress={"noise": {"scale": 1}}, **DRY)
    text = capsys.readouterr().out

    assert "Scored the candidate, not registered, on" in text
    assert "Scored the champion, version 1, on" in text
    assert "The champion, version 1, is the golden version too." in text
    assert "Scored the variant noise:" in text
    assert "Compared the test rows with" in text
    assert "The candidate (not registered) against champion 1 and golden version 1 on" in text
    assert re.search("metric +candidate +champion +difference +golden", text)
    assert re.search(r"roc_auc +0\.\d{4} \[0\.\d{4}, 0\.\d{4}\]", text)
    assert "Leakage: 0 of" in text


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"slices": ["colour"]}, "The test rows have no column 'colour'"),
        ({"columns": ["colour"]}, "The test rows have no column 'colour'"),
        ({"weight_column": "colour"}, "The test rows have no column 'colour'"),
        ({"entity_column": "colour"}, "The test rows have no column 'colour'"),
        ({"columns": ["weight"]}, "Column 'weight' cannot be kept with the scores"),
        ({"slices": ["group", "group"]}, "slices must be"),
        ({"weight_column": "group"}, "The weight column 'group' is not numeric"),
        ({"weight_column": "gaps"}, "holds nan in 1 of"),
        ({"weight_column": "negative"}, "holds -1.0 in 1 of"),
        ({"weight_column": "nothing"}, "is 0 in all"),
        ({"stress": {"noise": {"scale": 1, "columns": ["late"]}}}, "alters 'late', which is no feature"),
        ({"stress": {"noise": {"scale": "much"}}}, r"stress\['noise'\].scale must be a finite number"),
        ({"stress": {"noise": {"scale": 1, "columns": ["group"]}}}, "alters 'group', which is no feature"),
        ({"stress": {"blur": {"scale": 1}}}, "of the kind 'blur'"),
        ({"stress": {"missing": {"share": 0.5}}}, "on the variant 'missing' failed: The model cannot score these rows"),
        ({"counterfactuals": {"g": {"column": "group", "values": {"a": "b"}}}}, "alters 'group', which is no feature"),
        ({"as_of": "yesterday"}, "as_of must be a time in ISO 8601, not 'yesterday'"),
        ({"explain": "lime"}, "explain='lime' must be None or one of: permutation, shap"),
        ({"metrics": ["rmse"]}, "The metric 'rmse' is of the task regression, the models are of the task binary"),
        ({"metrics": ["my.module:profit"]}, "put it into the policy"),
    ],
)
def test_bad_arguments_are_named(make_lab: MakeLab, asked: dict[str, Any], says: str) -> None:
    """The task fails for good with what is wrong, and nothing is recorded."""
    lab, arguments = trained(make_lab, f"{SOURCES}:told_more")
    with pytest.raises(AirflowFailException, match=says):
        lab.run("evaluate", **arguments, **asked)
    assert lab.records("evaluation") == []


# --- what a policy finds in it -----------------------------------------------------------------------------------

WHOLE_POLICY = """\
schema: 1
name: whole
rules:
  - {name: rows, kind: min_rows, rows: 300, positives: 50}
  - {name: age, kind: data_age, min_days: 20, max_age_days: 10}
  - {name: leaks, kind: leakage, max_entity_overlap: 0}
  - {name: serves, kind: infrastructure, peak_memory_mib: 8000}
  - {name: auc, kind: non_inferior, metric: roc_auc, margin: 0.1}
  - {name: auc_golden, kind: non_inferior, metric: roc_auc, margin: 0.1, against: golden}
  - {name: groups, kind: non_inferior, metric: roc_auc, margin: 0.2, slice: group, values: [a, b]}
  - {name: fair, kind: fairness, metric: equal_opportunity_difference, value: 0.3, group: group}
  - {name: noise, kind: stress, metric: roc_auc, variant: noise, margin: 0.1}
  - {name: steady, kind: flip_rate, variant: noise, value: 0.2}
"""


def test_every_kind_of_rule_finds_its_facts(make_lab: MakeLab) -> None:
    """A policy with rules of every kind is judged from one evaluation, and nothing that it needs is missing."""
    source = f"{SOURCES}:told_more"
    lab = make_lab("empty")
    for key in ("2020-01", "2020-02", "2020-03"):
        taken = lab.run("snapshot", partition_key=key, source=source)
        lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"])
    lab.run("promote", gate_record=lab.judge("2020-02")["gate"]["record"])
    manifest_hash = lab.run("train", partition_key="2020-03")["manifest_hash"]
    found = lab.run(
        "evaluate",
        manifest_hash=manifest_hash,
        entity_column="machine",
        stress={"noise": {"scale": 0.1}},
        infrastructure=True,
        **DRY,
    )
    (lab.root / "whole.yaml").write_text(WHOLE_POLICY)
    verdict = lab.run("gate", evaluation_id=found["evaluation_id"], policy="whole.yaml", **DRY)["verdict"]

    rules = {rule["rule"]: rule for rule in lab.records("gate")[-1].body["verdict"]["rules"]}
    assert {name: rule["reason"] for name, rule in rules.items() if rule["outcome"] != "PASS"} == {}
    assert verdict["outcome"] == "PASS"
    assert {"serves", "leaks", "age[max_age_days]", "auc_golden", "groups[a]", "noise", "steady"} <= set(rules)


def test_rows_that_belong_together_are_drawn_together(make_lab: MakeLab) -> None:
    """The column is kept, the record says so, and its intervals are those of a bootstrap of whole days."""
    lab = make_lab("registered")
    asked = {**arguments_of("evaluate", lab), "dependence": {"time": "time", "block_days": 1}}
    lab.run("evaluate", **asked)
    body = newest(lab)

    assert body["dependence"] == asked["dependence"]
    assert "time" in frame_of(lab, body)
    assert {found["candidate"]["method"] for found in body["metrics"].values()} == {"cluster_bootstrap_bca_2000"}
