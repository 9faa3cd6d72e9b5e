"""The registry over HTTP, against a server that answers as a test wants."""

import asyncio
import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.core.registry import RegisteredVersion
from airflow_provider_mlops.hooks.registry import read_aliases, read_versions, speaks_http
from tests.support.server import HttpServer, free_port

MODEL = json.dumps({"registered_model": {"name": "a b", "aliases": [{"alias": "champion", "version": "3"}]}}).encode()
MISSING = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST"}).encode()


def connection(host: str, **more: Any) -> Connection:
    """Return an MLflow connection."""
    return Connection(conn_id="other", conn_type="mlflow", host=host, **more)


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({}, None),
        ({"extra": '{"token": "t0ken"}'}, "Bearer t0ken"),
        ({"login": "me", "password": "secret"}, "Basic bWU6c2VjcmV0"),
    ],
)
def test_aliases_are_asked_with_the_connections_credentials(more: dict[str, str], header: str | None) -> None:
    """One request names the model, quoted; a path in the host is kept."""
    with HttpServer(lambda path: (200, MODEL)) as server:
        found = asyncio.run(read_aliases(connection(f"{server.uri}/prefix/", **more), "a b"))
        ((path, headers),) = server.requests
    assert found == {"champion": "3"}
    assert path == "/prefix/api/2.0/mlflow/registered-models/get?name=a+b"
    assert headers.get("Authorization") == header


def test_versions_come_with_status_and_tags() -> None:
    """One request asks for the newest ones, in MLflow's order, and the name is quoted for its query language."""
    tags = [{"key": "mlops.verdict", "value": "PASS"}, {"key": "empty"}]
    body = json.dumps({"model_versions": [{"version": "7", "status": "READY", "tags": tags}, {"version": "6"}]})
    with HttpServer(lambda path: (200, body.encode())) as server:
        found = asyncio.run(read_versions(connection(server.uri), "it's"))
        ((path, _),) = server.requests
    ready = RegisteredVersion("7", "READY", {"mlops.verdict": "PASS", "empty": ""})
    assert found == [ready, RegisteredVersion("6", "", {})]
    assert "filter=name%3D%22it%27s%22" in path
    assert "order_by=version_number+DESC" in path


def test_registry_of_its_own() -> None:
    """The extra registry_uri wins over the host."""
    with HttpServer(lambda path: (200, MODEL)) as server:
        extra = json.dumps({"registry_uri": f"{server.uri}/"})
        assert asyncio.run(read_aliases(connection("http://127.0.0.1:1", extra=extra), "m")) == {"champion": "3"}


@pytest.mark.parametrize("status", [400, 404])
def test_missing_model_has_nothing(status: int) -> None:
    """MLflow's own word for it is needed."""
    with HttpServer(lambda path: (status, MISSING)) as server:
        assert asyncio.run(read_aliases(connection(server.uri), "m")) == {}
        assert asyncio.run(read_versions(connection(server.uri), "m")) == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"<html>"), (404, b"{}"), (500, b"{}"), (503, b"later"), (400, b"[]"), (200, b"<html>"), (200, b"{}")],
)
def test_other_answers_are_no_answer(status: int, body: bytes) -> None:
    """A proxy's page and a broken server do not pass for a missing model."""
    with HttpServer(lambda path: (status, body)) as server, pytest.raises(TransientError):
        asyncio.run(read_aliases(connection(server.uri), "m"))


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_named_without_them(status: int) -> None:
    """Waiting cannot help, and the password is not told."""
    with HttpServer(lambda path: (status, b"no")) as server, pytest.raises(BadInput, match="refused") as error:
        asyncio.run(read_aliases(connection(server.uri, login="me", password="s3cret"), "m"))
    assert "s3cret" not in str(error.value)


def test_nobody_answers() -> None:
    """The address is named."""
    with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:\d+ cannot be reached"):
        asyncio.run(read_aliases(connection(f"http://127.0.0.1:{free_port()}"), "m"))


def test_credentials_in_the_address_are_not_shown() -> None:
    """They belong into the connection's fields; who puts them into the address does not find them in a log."""
    with pytest.raises(TransientError) as caught:
        asyncio.run(read_aliases(connection(f"http://ann:s3cret@127.0.0.1:{free_port()}"), "m"))
    assert "s3cret" not in str(caught.value)


def test_registry_without_http() -> None:
    """A database has no address to ask."""
    assert not speaks_http(connection("sqlite:////tmp/mlflow.db"))
    with pytest.raises(BadInput, match="does not speak HTTP"):
        asyncio.run(read_aliases(connection("sqlite:////tmp/mlflow.db"), "m"))


def test_name_with_both_quotes() -> None:
    """MLflow's query language could not hold it."""
    with pytest.raises(BadInput, match="both kinds of quotes"):
        asyncio.run(read_versions(connection("http://127.0.0.1:1"), "a'b\"c"))
