"""Bad input: a clear error, nothing half-registered, nothing promoted, no half snapshot that anyone could read."""

import errno
import os
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.backends import parquet_writer
from airflow_provider_mlops.core.errors import TransientError
from tests.conftest import MakeLab
from tests.support.lab import SYNTHETIC, Lab
from tests.support.server import HttpServer, free_port
from tests.support.steps import STEPS, arguments_of

LAX_SUITE = "name: lax\nexpectations:\n  - {type: expect_column_values_to_not_be_null, kwargs: {column: row_id}}\n"


def refuses(lab: Lab, step: str, words: str, **arguments: Any) -> None:
    """Run a step that must fail for good with these words and leave everything as it was."""
    before = lab.census()
    with pytest.raises(AirflowFailException, match=words):
        lab.run(step, **arguments)
    assert lab.census() == before
    assert list(lab.storage.glob(".staging/*")) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("empty", r"gave no rows for 2020-05"),
        ("nothing", r"gave no rows for 2020-05"),
        ("other_columns", r"Frame 2 has the columns .*'group', 'late'\], frame 1 has .*'noise'"),
        ("not_frames", r"Frame 1 of the source is a dict, not a pandas frame"),
    ],
)
def test_source_that_gives_no_partition(make_lab: MakeLab, source: str, words: str) -> None:
    """No rows, other columns half-way, or no frames at all: no snapshot."""
    refuses(make_lab("empty"), "snapshot", words, partition_key="2020-05", source=f"{SYNTHETIC}:{source}")


def test_source_that_raises_half_way(make_lab: MakeLab) -> None:
    """What the source raises is passed on and retried; the rows before it are not kept."""
    lab = make_lab("empty")
    before = lab.census()
    with pytest.raises(TransientError, match="the database went away"):
        lab.run("snapshot", partition_key="2020-05", source=f"{SYNTHETIC}:fails_half_way")
    assert lab.census() == before
    assert list(lab.storage.glob(".staging/*")) == []


@pytest.mark.parametrize("source", ["no_module:read", f"{SYNTHETIC}:no_function", "os.system", "../x:y", ""])
def test_unknown_import_path(make_lab: MakeLab, source: str) -> None:
    """A source that cannot be imported is named, with the form it must have."""
    words = r"is not an import path|cannot be found|has no function 'no_function'"
    refuses(make_lab("empty"), "snapshot", words, partition_key="2020-05", source=source)


def test_unknown_training_function(make_lab: MakeLab) -> None:
    """So is a training function."""
    lab = make_lab("accepted")
    refuses(lab, "train", "has no function 'tarin'", partition_key="2020-02", train_function=f"{SYNTHETIC}:tarin")


@pytest.mark.parametrize("key", ["2020-13", "2020", "January", "2020-02-30", "../2020-01", "2020-01\n"])
@pytest.mark.parametrize("step", ["snapshot", "validate", "train", "claim"])
def test_malformed_partition_key(make_lab: MakeLab, step: str, key: str) -> None:
    """A key that is neither a month nor a day is named."""
    snapshot = {"snapshot_id": "sha256:0"} if step == "validate" else {}
    refuses(make_lab("empty"), step, "is neither a month", partition_key=key, **snapshot)


def test_run_without_a_partition_key(make_lab: MakeLab) -> None:
    """A Dag that is not partitioned is told how to be."""
    refuses(make_lab("empty"), "snapshot", "This run has no partition key. Schedule the Dag with", partition_key="")


def test_unknown_partition(make_lab: MakeLab) -> None:
    """A partition without an accepted snapshot cannot be held out or judged."""
    lab = make_lab("promoted")
    refuses(lab, "train", "Partition '2021-01' of dataset 'events' has no accepted snapshot", partition_key="2021-01")
    refuses(lab, "drift", "'2021-01' of dataset 'events' has no accepted snapshot; it has", partition_key="2021-01")


@pytest.mark.parametrize(
    ("step", "arguments", "words"),
    [
        ("register", {"manifest_hash": "sha256:00"}, "holds no training with the manifest sha256:00"),
        ("evaluate", {"manifest_hash": "sha256:00"}, "holds no training with the manifest sha256:00"),
        ("gate", {"evaluation_id": "sha256:00"}, "holds no evaluation 'sha256:00'"),
        ("promote", {"gate_record": "sha256:00"}, "holds no gate record 'sha256:00'"),
        ("validate", {"partition_key": "2020-01", "snapshot_id": "sha256:00"}, "knows no snapshot 'sha256:00'"),
    ],
)
def test_unknown_evidence(make_lab: MakeLab, step: str, arguments: dict[str, Any], words: str) -> None:
    """An id that the ledger or the storage does not know is named."""
    refuses(make_lab("promoted"), step, words, **arguments)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("without_noise", r"Column 'noise' is missing; the rows have: row_id, time, signal, group, late"),
        ("null_noise", r"Column 'noise' is null in all 800 rows"),
        ("one_class", r"hold one class only"),
        ("text_label", r"Label column 'late' has the type .*it must be 0/1 or boolean"),
        ("odd_label", r"Label column 'late' holds 2.0; only 0 and 1"),
    ],
)
def test_rows_that_cannot_be_trained_on(make_lab: MakeLab, source: str, words: str) -> None:
    """Missing, null or odd columns end the training before MLflow hears of it."""
    lab = make_lab("empty")
    (lab.root / "suite.yaml").write_text(LAX_SUITE)
    lab.accept("2020-01", source)
    lab.accept("2020-02")
    refuses(lab, "train", words, partition_key="2020-02")


def test_text_where_a_number_belongs(make_lab: MakeLab) -> None:
    """What scikit-learn cannot fit is an error of the data, with its words, and is not tried again."""
    lab = make_lab("empty")
    (lab.root / "suite.yaml").write_text(LAX_SUITE)
    lab.accept("2020-01", "text_feature")
    lab.accept("2020-02")
    refuses(lab, "train", r"could not convert string to float: 'high'", partition_key="2020-02")


def test_snapshots_of_different_schemas(make_lab: MakeLab) -> None:
    """Months whose columns differ are not glued together."""
    lab = make_lab("empty")
    (lab.root / "suite.yaml").write_text(LAX_SUITE)
    lab.accept("2020-01", "without_noise")
    lab.accept("2020-02")
    lab.accept("2020-03")
    refuses(lab, "train", "training snapshots of dataset 'events' differ in their schema", partition_key="2020-03")


def test_refused_partition_is_not_trained_on(make_lab: MakeLab) -> None:
    """A partition that breaks its suite fails the task for good, and no training sees it."""
    lab = make_lab("empty")
    lab.accept("2020-01")
    (lab.root / "suite.yaml").write_text((lab.root / "suite.yaml").read_text().replace("9}", "1}"))
    taken = lab.run("snapshot", partition_key="2020-02")
    for _ in range(2):
        with pytest.raises(AirflowFailException, match=r"Refused: Partition 2020-02 .* is not accepted.*signal"):
            lab.run("validate", partition_key="2020-02", snapshot_id=taken["snapshot_id"])

    assert [r.outcome for r in lab.records("validation", "dataset/events")] == ["PASS", "FAIL"]
    lab.run("snapshot", partition_key="2020-03")
    refuses(lab, "train", "'2020-02' of dataset 'events' has no accepted snapshot", partition_key="2020-02")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("train_nan", r"The model gave 720 scores that are not numbers|scores that are not numbers"),
        ("train_nothing", r"returned a dict, which has no predict_proba"),
    ],
)
def test_training_function_that_gives_no_model(make_lab: MakeLab, function: str, words: str) -> None:
    """A model that cannot score ends the training before MLflow hears of it."""
    lab = make_lab("accepted")
    refuses(lab, "train", words, partition_key="2020-02", train_function=f"{SYNTHETIC}:{function}")


def test_error_of_the_users_code_is_passed_on(make_lab: MakeLab) -> None:
    """Whatever else the training function raises reaches the log as it is, and is retried as the Dag says."""
    lab = make_lab("accepted")
    with pytest.raises(ZeroDivisionError, match="user code"):
        lab.run("train", partition_key="2020-02", train_function=f"{SYNTHETIC}:train_broken")
    assert lab.records("training") == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"train_params": {"depth": 3}}, r"unexpected keyword argument 'depth'"),
        ({"features": ["signal", "late"]}, r"must hold neither the label 'late'"),
        ({"label_column": "missing"}, r"Column 'missing' is missing"),
        ({"holdout_days": 0}, r"holdout_days=0 needs at least one day"),
        ({"holdout_days": 7, "time_column": None}, r"and a time_column"),
        ({"holdout_days": 400}, r"No row of dataset 'events' is left"),
        ({"window": 0}, r"window=0"),
        ({"window": -1}, r"window=-1"),
        ({"window": {"since": "soon"}}, r"since must be a month"),
    ],
)
def test_arguments_of_the_training(make_lab: MakeLab, arguments: dict[str, Any], words: str) -> None:
    """Each wrong argument is named."""
    refuses(make_lab("accepted"), "train", words, partition_key="2020-02", **arguments)


@pytest.mark.parametrize(
    ("step", "arguments", "words"),
    [
        ("gate", {"on_refusal": "ignore"}, "on_refusal='ignore' must be one of: skip, fail"),
        ("promote", {"on_refusal": "ignore"}, "on_refusal='ignore' must be one of: skip, fail"),
        ("drift", {"backend": "spark"}, "backend='spark' must be one of: native, alibi, alibi_tabular"),
        ("evaluate", {"slices": ["colour"]}, "The test rows have no column 'colour'"),
        ("evaluate", {"metrics": ["f7"]}, "f7"),
        ("snapshot", {"time_column": "when"}, "Time column 'when' is not among the columns"),
    ],
)
def test_arguments_of_the_steps(make_lab: MakeLab, step: str, arguments: dict[str, Any], words: str) -> None:
    """Each wrong argument is named, with what is allowed."""
    lab = make_lab("alarmed")
    if step == "snapshot":
        arguments = {**arguments, "partition_key": "2020-05"}
    refuses(lab, step, words, **{**arguments_of(step, lab), **arguments})


@pytest.mark.parametrize(
    ("step", "file", "text", "words"),
    [
        ("gate", "policy.yaml", "rules: [", "is not valid YAML"),
        ("gate", "policy.yaml", "schema: 1\nname: x\nalpha: 0.05\nrules: []\ncolour: red\n", "unknown key 'colour'"),
        ("gate", "policy.yaml", "schema: 1\nschema: 1\n", "the key 'schema' is there twice"),
        ("drift", "drift.yaml", "schema: 9\n", "schema"),
        ("validate", "suite.yaml", "expectations: []\nname: x\n", "an empty suite would pass anything"),
        ("validate", "suite.yaml", "name: x\nexpectations: [{type: expect_magic, kwargs: {}}]\n", "expect_magic"),
        (
            "validate",
            "suite.yaml",
            "name: x\nexpectations: [{type: expect_column_mean_to_be_between, kwargs: {colum: a}}]\n",
            "refuses its kwargs",
        ),
        (
            "validate",
            "suite.yaml",
            "name: x\nexpectations: [{type: expect_column_values_to_not_be_null, kwargs: {column: [a]}}]\n",
            "refuses its kwargs",
        ),
        ("validate", "suite.yaml", "name: [\n", "is not valid YAML"),
    ],
)
def test_malformed_policy_or_suite(make_lab: MakeLab, step: str, file: str, text: str, words: str) -> None:
    """A policy or suite that is not what it must be is named, and judges nothing."""
    lab = make_lab("alarmed")
    (lab.root / file).write_text(text)
    arguments = arguments_of(step, lab)
    if step == "validate":
        arguments["suite"] = "suite.yaml"
    refuses(lab, step, words, **arguments)


@pytest.mark.parametrize("step", ["validate", "gate", "drift"])
def test_missing_policy_or_suite(make_lab: MakeLab, step: str) -> None:
    """A file that is not in the Dag bundle is named with the bundle's folder."""
    lab = make_lab("alarmed")
    name = "suite" if step == "validate" else "policy"
    words = rf"File 'no.yaml' is not in the Dag bundle at {lab.root}"
    refuses(lab, step, words, **{**arguments_of(step, lab), name: "no.yaml"})


HOSTILE = ["../../etc", "a/b", "..", ".", "", "a'b", 'a"b', "a\nb", "a;b", "-rf", "a" * 300, "a b", "a`b", "a.b", "ä"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_dataset_name(make_lab: MakeLab, name: str) -> None:
    """A name that is no plain name reaches neither the storage nor the ledger."""
    lab = make_lab("empty")
    files = set(lab.root.parent.rglob("*"))
    refuses(lab, "snapshot", "BadInput: Dataset name ", partition_key="2020-05", dataset=name)
    assert {path for path in set(lab.root.parent.rglob("*")) - files if path.suffix == ".parquet"} == set()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_model_name(make_lab: MakeLab, name: str) -> None:
    """A model's name that is no plain name reaches neither MLflow nor the ledger."""
    lab = make_lab("accepted")
    refuses(lab, "train", "BadInput: Model name ", partition_key="2020-02", model_name=name)


@pytest.mark.parametrize("step", ["train", "register", "evaluate", "promote"])
def test_unreachable_mlflow(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """An MLflow that nobody answers for is worth another try: no final failure, no record."""
    lab = make_lab(STEPS[step].stage)
    records = len(lab.ledger().records())
    lab.connect(monkeypatch, host=f"http://127.0.0.1:{free_port()}", extra={"retries": 1, "timeout": 2})

    with pytest.raises(
        TransientError, match=r"MLflow at http://127\S+ \(connection 'mlflow_default'\) cannot be reached"
    ):
        lab.run(step, **arguments_of(step, lab))
    assert len(lab.ledger().records()) == records


@pytest.mark.parametrize("step", ["train", "register", "evaluate", "promote"])
@pytest.mark.parametrize("status", [401, 403])
def test_mlflow_that_refuses_the_credentials(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, step: str, status: int
) -> None:
    """Wrong credentials are final, are named with their connection, and are tried once."""
    lab = make_lab(STEPS[step].stage)
    with HttpServer(lambda path: (status, b"You are not authenticated.")) as server:
        lab.connect(monkeypatch, host=server.uri, login="me", password="wrong-password-4711")
        with pytest.raises(AirflowFailException, match=r"BadInput: MLflow at .* refused the credentials") as caught:
            lab.run(step, **arguments_of(step, lab))
    assert len(server.requests) == 1
    assert "wrong-password-4711" not in str(caught.value)


@pytest.mark.parametrize("step", ["snapshot", "validate", "evaluate"])
def test_unwritable_storage(make_lab: MakeLab, step: str) -> None:
    """A storage root below a file can only be put right by a person."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    if step == "snapshot":
        (lab.root / "file").write_text("")
        refuses(lab, step, "BadInput: .*cannot be written", storage_root=str(lab.root / "file" / "x"), **arguments)
        return
    # The rows must be readable, so that only what this step writes is in the way.
    place = lab.storage / ("reports" if step == "validate" else "evaluations")
    if place.exists():
        place.rename(lab.root / "elsewhere")
    place.write_text("")
    with pytest.raises(AirflowFailException, match=r"BadInput: Storage root .* cannot be written"):
        lab.run(step, **arguments)


@pytest.mark.parametrize("step", STEPS)
def test_unwritable_ledger(make_lab: MakeLab, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger on a read-only file system is final and says which option to set."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    failing(monkeypatch, errno.EROFS)
    with pytest.raises(AirflowFailException, match=r"BadInput: .*Read-only file system.*ledger_root"):
        lab.run(step, **arguments)


@pytest.mark.parametrize("step", STEPS)
def test_full_disk_at_the_ledger(make_lab: MakeLab, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is worth another try, which then finds or makes everything once."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    with monkeypatch.context() as patches:
        failing(patches, errno.ENOSPC)
        with pytest.raises(TransientError, match="No space left on device"):
            lab.run(step, **arguments)
    lab.run(step, **arguments)
    assert lab.census()["problems"] == []


def failing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let the operating system refuse each new record."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if ".new-" in os.fspath(path):
            raise OSError(code, os.strerror(code), path)
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)


def test_full_disk_at_the_snapshot(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full while rows are written leaves nothing to read; the next try takes the snapshot."""
    lab = make_lab("empty")
    with monkeypatch.context() as patches:
        patches.setattr(parquet_writer, "part_name", lambda number: "/dev/full")
        with pytest.raises(TransientError, match=f"No space is left at {lab.storage}"):
            lab.run("snapshot", partition_key="2020-05")

    assert lab.snapshot_folders() == list(lab.storage.glob(".staging/*")) == []
    lab.run("snapshot", partition_key="2020-05")
    assert len(lab.snapshot_folders()) == 1
