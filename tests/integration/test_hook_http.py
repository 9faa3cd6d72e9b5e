"""The MLflow hook against a server that answers as a test wants: retries, credentials, TLS, environment."""

import json
import os
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from tests.support.server import HttpServer, free_port

Connect = Callable[..., MlflowHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return a function that sets the connection and returns its hook; retries do not wait long."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")

    def make(**connection: Any) -> MlflowHook:
        monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps({"conn_type": "mlflow", **connection}))
        return MlflowHook()

    return make


def ask(hook: MlflowHook) -> None:
    """Ask MLflow something."""
    with hook.session() as client:
        client.search_experiments(max_results=1)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_transient_errors_are_tried_again(connect: Connect, status: int) -> None:
    """A busy or broken server is asked again as often as the connection says; then the task is."""
    with HttpServer(lambda path: (status, b"{}")) as server:
        with pytest.raises(TransientError, match=r"is overloaded or starting|cannot be reached"):
            ask(connect(host=server.uri, extra={"retries": 2}))
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 404, 409])
def test_other_errors_are_told_at_once(connect: Connect, status: int) -> None:
    """What MLflow refuses is asked once."""
    body = b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "no such thing"}'
    with HttpServer(lambda path: (status, body)) as server:
        with pytest.raises(MlflowException, match="no such thing"):
            ask(connect(host=server.uri, extra={"retries": 5}))
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_final(connect: Connect, status: int) -> None:
    """Wrong credentials are not tried again."""
    with HttpServer(lambda path: (status, b"You are not authenticated.")) as server:
        with pytest.raises(BadInput, match="refused the credentials"):
            ask(connect(host=server.uri, login="me", password="wrong"))
        assert len(server.requests) == 1


def test_slow_server_times_out(connect: Connect) -> None:
    """A server that does not answer in time is worth another try."""

    def slow(path: str) -> tuple[int, bytes]:
        time.sleep(2)
        return 200, b"{}"

    with HttpServer(slow) as server, pytest.raises(TransientError, match="cannot be reached"):
        ask(connect(host=server.uri, extra={"retries": 0, "timeout": 1}))


@pytest.mark.parametrize(
    ("connection", "header"),
    [
        ({"extra": {"token": "t0ken"}}, "Bearer t0ken"),
        ({"login": "me", "password": "secret"}, "Basic bWU6c2VjcmV0"),
        ({"login": "me", "password": "secret", "extra": {"token": "t0ken"}}, "Bearer t0ken"),
        ({}, None),
    ],
)
def test_credentials_are_sent(connect: Connect, connection: dict[str, Any], header: str | None) -> None:
    """A token is sent as such, login and password as basic authentication, and without either nothing is."""
    with HttpServer(lambda path: (200, b'{"experiments": []}')) as server:
        ask(connect(host=server.uri, **connection))
        assert server.requests[0][1].get("Authorization") == header


def test_credentials_in_the_address_are_sent_and_told_to_nobody(connect: Connect) -> None:
    """Libraries quote the address that they were given, in errors that end in the task's log with all their causes."""
    with HttpServer(lambda path: (200, b'{"experiments": []}')) as server:
        ask(connect(host=server.uri.replace("://", "://me:s3cret@")))
        assert server.requests[0][1].get("Authorization") == "Basic bWU6czNjcmV0"

    nobody = connect(host=f"http://me:s3cret@127.0.0.1:{free_port()}", extra={"retries": 0})
    with pytest.raises(TransientError, match="cannot be reached") as caught:
        ask(nobody)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("fails", [False, True])
def test_environment_is_restored(connect: Connect, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """Whatever the process had set before a session is set again after it, also after an error."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mine.example")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "mine")
    monkeypatch.delenv("MLFLOW_TRACKING_INSECURE_TLS", raising=False)
    before = dict(os.environ)
    hook = connect(host="http://other.example", extra={"token": "theirs", "verify_tls": False, "timeout": 7})
    before["AIRFLOW_CONN_MLFLOW_DEFAULT"] = os.environ["AIRFLOW_CONN_MLFLOW_DEFAULT"]

    try:
        with hook.session():
            inside = dict(os.environ)
            if fails:
                raise KeyError("in the session")
    except KeyError:
        pass

    assert dict(os.environ) == before
    assert inside["MLFLOW_TRACKING_URI"] == inside["MLFLOW_REGISTRY_URI"] == "http://other.example"
    assert (inside["MLFLOW_TRACKING_TOKEN"], inside["MLFLOW_HTTP_REQUEST_TIMEOUT"]) == ("theirs", "7")
    assert inside["MLFLOW_TRACKING_INSECURE_TLS"] == "true"


def test_foreign_credentials_do_not_leak_in(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that the process happens to have are not sent to the connection's server, nor win over its own."""
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "of-another-server")
    with HttpServer(lambda path: (200, b'{"experiments": []}')) as server:
        ask(connect(host=server.uri))
        ask(connect(host=server.uri, extra={"token": "t0ken"}))
        assert [headers.get("Authorization") for _, headers in server.requests] == [None, "Bearer t0ken"]
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "of-another-server"


@pytest.mark.parametrize(
    ("value", "insecure"), [(True, None), ("true", None), (False, "true"), ("False", "true"), ("no", "true")]
)
def test_tls_check_is_on_unless_it_is_switched_off(connect: Connect, value: Any, insecure: str | None) -> None:
    """Only an explicit no leaves the server's certificate unchecked."""
    with connect(host="https://mlflow.example", extra={"verify_tls": value}).session():
        assert os.environ.get("MLFLOW_TRACKING_INSECURE_TLS") == insecure


def test_connection_test_says_what_is_wrong(connect: Connect) -> None:
    """The connection form is told quickly that nobody answers, and that there is no host."""
    uri = f"http://127.0.0.1:{free_port()}"
    answered, words = connect(host=uri).test_connection()
    assert (answered, uri in words) == (False, True)
    assert connect().test_connection() == (
        False,
        "Connection 'mlflow_default' has no tracking URI; put it into the field Tracking URI (host).",
    )


def test_connection_test_asks_once(connect: Connect) -> None:
    """The form does not wait for retries."""
    with HttpServer(lambda path: (503, b"{}")) as server:
        assert connect(host=server.uri).test_connection()[0] is False
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("extra", "asked"), [({"retries": 0}, 1), ({"retries": "0"}, 1), ({"retries": 2}, 3), ({"retries": ""}, 4), ({}, 4)]
)
def test_number_of_retries(connect: Connect, extra: dict[str, Any], asked: int) -> None:
    """Zero is a number; an empty field of the form is the default of 3."""
    with HttpServer(lambda path: (503, b"{}")) as server:
        with pytest.raises(TransientError):
            ask(connect(host=server.uri, extra=extra))
        assert len(server.requests) == asked
