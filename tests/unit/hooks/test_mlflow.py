"""The MLflow connection: the addresses of pages, and where its registry is."""

import json
from typing import Any

import pytest

from airflow_provider_mlops.hooks.mlflow import MlflowHook


def hook(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> MlflowHook:
    """Set the connection and return its hook."""
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps({"conn_type": "mlflow", **connection}))
    return MlflowHook()


def test_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on the web has a page for each run, experiment and version."""
    found = hook(monkeypatch, host="https://mlflow.example/")
    assert found.run_url("7", "ab") == "https://mlflow.example/#/experiments/7/runs/ab?workflowType=machine_learning"
    assert found.experiment_url("7") == "https://mlflow.example/#/experiments/7/runs?workflowType=machine_learning"
    assert found.version_url("m", "3") == "https://mlflow.example/#/models/m/versions/3"
    assert found.version_url("a b/c?", "3") == "https://mlflow.example/#/models/a%20b%2Fc%3F/versions/3"


def test_no_pages_without_a_web_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database has none."""
    assert hook(monkeypatch, host="sqlite:///x.db").run_url("7", "ab") == ""


def test_default_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection may name the experiment."""
    assert hook(monkeypatch, host="http://m", extra={"experiment": "e"}).default_experiment == "e"
    assert hook(monkeypatch, host="http://m").default_experiment is None


def test_registry_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra registry_uri is the client's registry."""
    with hook(monkeypatch, host="http://m", extra={"registry_uri": "http://r"}).session() as client:
        assert (client.tracking_uri, client._registry_uri) == ("http://m", "http://r")
