"""The MLflow connection: the forms of its tracking URI, and the addresses of pages."""

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.mlflow import MlflowHook, tracking_uri, without_credentials


@pytest.mark.parametrize(
    ("fields", "uri"),
    [
        ({"host": "http://mlflow:5000"}, "http://mlflow:5000"),
        ({"host": "https://mlflow.example/"}, "https://mlflow.example"),
        ({"host": "https://mlflow.example/prefix/"}, "https://mlflow.example/prefix"),
        ({"host": "mlflow"}, "http://mlflow"),
        ({"host": "mlflow", "port": 5000}, "http://mlflow:5000"),
        ({"host": "mlflow", "schema": "https", "port": 443}, "https://mlflow:443"),
        ({"host": "http://mlflow", "port": 5000}, "http://mlflow:5000"),
        ({"host": "http://mlflow:5000", "port": 5001}, "http://mlflow:5000"),
        ({"host": "http://mlflow/prefix", "port": 5000}, "http://mlflow:5000/prefix"),
        ({"host": "http://[::1]", "port": 5000}, "http://[::1]:5000"),
        ({"host": "sqlite:////data/mlflow.db"}, "sqlite:////data/mlflow.db"),
        ({"host": "databricks://profile"}, "databricks://profile"),
    ],
)
def test_tracking_uri(fields: dict[str, Any], uri: str) -> None:
    """Host, port and schema make the URI; a host with a scheme is one already."""
    assert tracking_uri(Connection(conn_id="c", conn_type="mlflow", **fields)) == uri


@pytest.mark.parametrize("host", [None, "", "/"])
def test_connection_without_a_host(host: str | None) -> None:
    """No host is an error that names the connection and the field."""
    with pytest.raises(BadInput, match="Connection 'c' has no tracking URI; put it into the field Tracking URI"):
        tracking_uri(Connection(conn_id="c", conn_type="mlflow", host=host))


def test_host_that_is_no_address() -> None:
    """What cannot be read as an address is shown."""
    with pytest.raises(BadInput, match=r"Connection 'c' has the tracking URI 'http://\[::1'"):
        tracking_uri(Connection(conn_id="c", conn_type="mlflow", host="http://[::1", port=5000))


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


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://ann:secret@mlflow:5000/p", "http://mlflow:5000/p"),
        ("http://ann:sec@ret@mlflow", "http://mlflow"),
        ("http://ann:sec/ret@mlflow:5000", "http://mlflow:5000"),
        ("http://ann:secret@[::1]:5000/p@x", "http://[::1]:5000/p@x"),
        ("postgresql://ann:secret/@db/mlflow", "postgresql://db/mlflow"),
        ("http://mlflow:5000/p@x", "http://mlflow:5000/p@x"),
        ("sqlite:////data/a@b.db", "sqlite:////data/a@b.db"),
        ("databricks://profile", "databricks://profile"),
        ("mlruns", "mlruns"),
    ],
)
def test_an_address_is_shown_without_its_credentials(uri: str, shown: str) -> None:
    """Also where the password should have been quoted."""
    assert without_credentials(uri) == shown


def test_an_address_that_is_none_is_told_without_its_credentials() -> None:
    """Neither the address nor what the library says of it quotes the password."""
    with pytest.raises(BadInput, match="it is no address") as caught:
        tracking_uri(Connection(conn_id="c", conn_type="mlflow", host="http://ann:sec#ret@mlflow", port=5000))
    assert "sec" not in str(caught.value)
