"""The watcher of an alias against a registry that answers as a test wants."""

import asyncio
import json
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk._shared.module_loading import import_string
from httpx import HTTPError

from airflow_provider_mlops.triggers.mlflow import ModelAliasTrigger
from tests.support.server import HttpServer

VERSION = json.dumps({"model_version": {"name": "m", "version": "3"}}).encode()


def look(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> str | None:
    """Let a watcher look once."""

    async def aget(conn_id: str) -> Connection:
        assert conn_id == "other"
        return Connection(conn_id=conn_id, conn_type="mlflow", **connection)

    monkeypatch.setattr("airflow.sdk.BaseHook.aget_connection", staticmethod(aget))
    return asyncio.run(ModelAliasTrigger(model_name="m", alias="a b", mlflow_conn_id="other").current_version())


def test_serialized_form_makes_the_same_watcher() -> None:
    """The triggerer makes it again from path and arguments."""
    trigger = ModelAliasTrigger(model_name="m", alias="golden", mlflow_conn_id="c", poll_interval=5)
    path, arguments = trigger.serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert arguments == {"model_name": "m", "alias": "golden", "mlflow_conn_id": "c", "poll_interval": 5}


@pytest.mark.parametrize(
    ("connection", "header"),
    [
        ({}, None),
        ({"extra": '{"token": "t0ken"}'}, "Bearer t0ken"),
        ({"login": "me", "password": "secret"}, "Basic bWU6c2VjcmV0"),
    ],
)
def test_version_is_asked_with_the_connections_credentials(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, str], header: str | None
) -> None:
    """One request names model and alias, quoted; a path in the host is kept."""
    with HttpServer(lambda path: (200, VERSION)) as server:
        assert look(monkeypatch, host=f"{server.uri}/prefix/", **connection) == "3"
        ((path, headers),) = server.requests
    assert path == "/prefix/api/2.0/mlflow/registered-models/alias?name=m&alias=a+b"
    assert headers.get("Authorization") == header


def test_registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra registry_uri wins over the host."""
    with HttpServer(lambda path: (200, VERSION)) as server:
        extra = json.dumps({"registry_uri": server.uri})
        assert look(monkeypatch, host="http://127.0.0.1:1", extra=extra) == "3"


@pytest.mark.parametrize("code", ["RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"])
@pytest.mark.parametrize("status", [400, 404])
def test_missing_alias_or_model(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> None:
    """MLflow says in two ways that there is none."""
    with HttpServer(lambda path: (status, json.dumps({"error_code": code}).encode())) as server:
        assert look(monkeypatch, host=server.uri) is None


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<html>"), (404, b"{}"), (401, b"no"), (500, b"{}"), (503, b"later"), (400, b"[]")]
)
def test_other_answers_are_errors(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes) -> None:
    """A proxy's page, refused credentials and a broken server do not pass for a missing alias."""
    with HttpServer(lambda path: (status, body)) as server, pytest.raises(HTTPError):
        look(monkeypatch, host=server.uri)
