"""Models served once in a clean process: what a good one shows, and every way to fail."""

import copy
import json
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from airflow_provider_mlops.backends import serving_probe as probe_program
from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.serving_check import check_serving
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.training import probe_rows
from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.serving_models import TRAP

MODELS = "tests.support.serving_models"


def trained(lab: Lab, **arguments: Any) -> tuple[Record, pd.DataFrame]:
    """Train, and return the record and the frozen probe rows."""
    lab.run("train", partition_key="2020-02", **arguments)
    record = lab.records("training")[-1]
    return record, probe_rows(Storage(str(lab.storage)), record.body["manifest"])


def trapped(lab: Lab, trap: str) -> tuple[Record, pd.DataFrame]:
    """Train a model that fails where it serves."""
    return trained(lab, train_function=f"{MODELS}:fit_trap", train_params={"trap": trap}, trusted_types=[TRAP])


def stored(lab: Lab, record: Record, name: str) -> Path:
    """Return a file of the model in the registry."""
    location = lab.client.get_logged_model(record.body["logged_model_id"]).artifact_location
    return Path(urlparse(location).path) / name


def altered(record: Record, **manifest: Any) -> Record:
    """Return a record whose manifest says something else."""
    body = copy.deepcopy(dict(record.body))
    body["manifest"] |= manifest
    return replace(record, body=body)


def test_good_model_serves(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads, keeps its signature, predicts the frozen rows bit by bit, and its time and memory are measured."""
    lab = make_lab("accepted")
    record, probe = trained(lab)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    found = check_serving(MlflowHook(), record, probe)

    assert found["error"] is None
    names = ("loads", "accepts_signature", "rejects_wrong_signature", "probe_identical")
    assert [found[name] for name in names] == [True] * 4
    assert found["probe_rows"] == len(probe) == 728
    assert (len(found["latency_ms"]) >= 100, found["warm_up"] > 0) == (True, True)
    assert found["latency_ms"] == sorted(found["latency_ms"])
    assert found["latency_ms"][0] > 0
    assert 50 < found["peak_memory_mib"] < 2_000
    assert 0 < found["load_seconds"] < 60


def test_memory_of_this_process_does_not_count(make_lab: MakeLab) -> None:
    """The peak is that of the serving process, however large the task is that starts it."""
    record, probe = trained(make_lab("accepted"))
    ballast = np.ones(100_000_000)  # 763 MiB

    found = check_serving(MlflowHook(), record, probe)

    assert found["peak_memory_mib"] < 700 < ballast.nbytes / 2**20


def test_few_probe_rows(make_lab: MakeLab) -> None:
    """A handful of rows is predicted again and again; rows that were not frozen have another digest."""
    record, probe = trained(make_lab("accepted"))
    found = check_serving(MlflowHook(), record, probe.head(3))
    assert (found["loads"], found["accepts_signature"], found["probe_identical"]) == (True, True, False)
    assert (found["probe_rows"], found["error"]) == (3, None)
    assert len(found["latency_ms"]) >= 100


def test_no_probe_rows(make_lab: MakeLab) -> None:
    """Nothing is proved by nothing."""
    record, probe = trained(make_lab("accepted"))
    found = check_serving(MlflowHook(), record, probe.head(0))
    assert (found["loads"], found["accepts_signature"], found["probe_identical"]) == (True, False, False)
    assert "0 sample(s)" in found["error"]


@pytest.mark.parametrize(
    ("trap", "loads", "words"),
    [
        ("raise", True, "RuntimeError: no such thing"),
        ("exit", True, "SystemExit: 3"),
        ("vanish", False, "The process ended without an answer"),
        ("segfault", False, "The process was killed by SIGSEGV"),
        ("memory", True, "MemoryError"),
        ("address", True, r"https://\*\*\*@host/path\?\*\*\* now"),
    ],
)
def test_model_that_fails_where_it_serves(make_lab: MakeLab, trap: str, loads: bool, words: str) -> None:
    """An exception, an exit, a crash and too much memory are answers, with a short error and without a secret."""
    record, probe = trapped(make_lab("accepted"), trap)
    found = check_serving(MlflowHook(), record, probe, memory_mib=2_048)
    assert (found["loads"], found["accepts_signature"], found["probe_identical"]) == (loads, False, False)
    assert re.search(words, found["error"])
    assert len(found["error"]) <= 300
    assert found["latency_ms"] == []


@pytest.mark.parametrize("trap", ["sleep", "fork and sleep"])
def test_model_that_never_answers(
    make_lab: MakeLab, trap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed after the time limit, with whatever it started."""
    record, probe = trapped(make_lab("accepted"), trap)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    found = check_serving(MlflowHook(), record, probe, timeout=8)

    assert (found["loads"], found["error"]) == (False, "The process did not answer within 8 s.")
    ended = time.monotonic() + 30  # what was killed may take a moment to be gone
    while serving_processes(tmp_path) and time.monotonic() < ended:
        time.sleep(0.05)
    assert serving_processes(tmp_path) == set()


def serving_processes(folder: Path) -> set[int]:
    """List the processes that serve below a folder, by id: other suites may be at work on this machine."""
    found = psutil.process_iter(["pid", "cmdline"])
    return {
        item.info["pid"]
        for item in found
        if probe_program.__name__ in (words := item.info["cmdline"] or [])
        and any(word.startswith(f"{folder}/") for word in words)
    }


def test_model_that_prints_megabytes(make_lab: MakeLab, capfd: pytest.CaptureFixture[str]) -> None:
    """What it prints goes nowhere, and blocks nothing."""
    record, probe = trapped(make_lab("accepted"), "flood")
    capfd.readouterr()
    found = check_serving(MlflowHook(), record, probe)
    assert (found["loads"], found["probe_identical"], found["error"]) == (True, True, None)
    out, err = capfd.readouterr()
    assert len(out) + len(err) < 10_000


def test_process_is_clean(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has neither the connections of Airflow nor the credentials and proxies of this one."""
    record, probe = trapped(make_lab("accepted"), "environment")
    for name in ("AIRFLOW_CONN_SECRET", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "https_proxy"):
        monkeypatch.setenv(name, "http://secret:1")

    names = check_serving(MlflowHook(), record, probe)["error"].removeprefix("RuntimeError: ").split()

    assert {"HOME", "PATH", "OMP_NUM_THREADS"} <= set(names)
    assert not [name for name in names if name.startswith(("AIRFLOW", "AWS")) or "PASSWORD" in name or "proxy" in name]


def test_prediction_that_differs_in_the_last_bit(make_lab: MakeLab) -> None:
    """Identical is bit by bit."""
    record, probe = trapped(make_lab("accepted"), "another answer")
    found = check_serving(MlflowHook(), record, probe)
    assert (found["accepts_signature"], found["probe_identical"], found["error"]) == (True, False, None)


def test_changed_archive(make_lab: MakeLab) -> None:
    """Bytes that are not the recorded ones are not loaded."""
    lab = make_lab("accepted")
    record, probe = trained(lab)
    path = stored(lab, record, "model.skops")
    path.write_bytes(path.read_bytes()[:-10] + b"x" * 10)
    found = check_serving(MlflowHook(), record, probe)
    assert found["loads"] is False
    assert "was changed: its SHA-256 is not the recorded one" in found["error"]


@pytest.mark.parametrize("name", ["model.skops", "MLmodel"])
def test_missing_file(make_lab: MakeLab, name: str) -> None:
    """A model whose archive or signature is gone does not load."""
    lab = make_lab("accepted")
    record, probe = trained(lab)
    stored(lab, record, name).unlink()
    found = check_serving(MlflowHook(), record, probe)
    assert found["loads"] is False
    assert f"has no readable {name}" in found["error"]


def test_untrusted_types(make_lab: MakeLab) -> None:
    """An archive with a type that the record does not trust is not loaded."""
    record, probe = trapped(make_lab("accepted"), "none")
    found = check_serving(MlflowHook(), altered(record, trusted_types=[]), probe)
    assert found["loads"] is False
    assert "holds types that the record does not trust" in found["error"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (None, "has no signature with named inputs"),
        (
            '[{"type": "double", "name": "signal", "required": true}]',
            "inputs of MLmodel are not the recorded features; they differ in: noise",
        ),
        (
            '[{"type": "string", "name": "signal", "required": true}, {"type": "double", "name": "noise"}]',
            "Incompatible input types for column signal",
        ),
    ],
)
def test_changed_signature(make_lab: MakeLab, inputs: str | None, words: str) -> None:
    """A signature that is missing, of other columns or of other types is not accepted; nothing that it names runs."""
    lab = make_lab("accepted")
    record, probe = trained(lab)
    path = stored(lab, record, "MLmodel")
    described = yaml.safe_load(path.read_text())
    described["flavors"]["python_function"]["loader_module"] = "antigravity"
    if inputs is None:
        del described["signature"]
    else:
        described["signature"]["inputs"] = inputs
    path.write_text(yaml.safe_dump(described))

    found = check_serving(MlflowHook(), record, probe)

    assert (found["loads"], found["accepts_signature"]) == (True, False)
    assert re.search(words, found["error"])


def test_registry_that_is_out_of_reach(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no answer about the model: the task is tried again."""
    lab = make_lab("accepted")
    record, probe = trained(lab)
    lab.connect(monkeypatch, host="http://127.0.0.1:1", extra=json.dumps({"retries": 0, "timeout": 1}))
    with pytest.raises(TransientError, match="cannot be reached"):
        check_serving(MlflowHook(), record, probe)


@pytest.mark.parametrize(
    ("task", "source", "function"),
    [("multiclass", "with_kinds", "fit_kinds"), ("regression", "with_minutes", "fit_minutes")],
)
def test_models_of_other_tasks_serve(make_lab: MakeLab, task: str, source: str, function: str) -> None:
    """Class probabilities and values are frozen and compared as well."""
    lab = make_lab("empty")
    for key in ("2020-01", "2020-02"):
        taken = lab.run("snapshot", partition_key=key, source=f"tests.support.training_tasks:{source}")
        lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"])
    record, probe = trained(lab, task=task, train_function=f"tests.support.training_tasks:{function}")
    found = check_serving(MlflowHook(), record, probe)
    assert (found["error"], found["probe_identical"], found["rejects_wrong_signature"]) == (None, True, True)
