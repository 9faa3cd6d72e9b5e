"""Requests to Airflow's API, against a server that answers as a test wants."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from airflow_provider_mlops.embedded.session import ApiError, ApiSession
from tests.support.server import HttpServer, free_port

TOKEN = "/auth/token"


@contextmanager
def session(*answers: tuple[int, bytes], login: int = 201) -> Iterator[tuple[ApiSession, HttpServer]]:
    """Open a session with a server that gives these answers in turn, and a new token at each login."""
    left, logins = list(answers), 0

    def answer(path: str) -> tuple[int, bytes]:
        nonlocal logins
        if path == TOKEN:
            logins += 1
            return login, json.dumps({"access_token": f"t{logins}"}).encode()
        return left.pop(0)

    with HttpServer(answer) as server:
        opened = ApiSession(server.uri, "admin", "s3cret")
        yield opened, server
        opened.close()


def test_a_request_has_a_token() -> None:
    """The login is done once; parameters that are None are left out, an empty answer is None."""
    with session((200, b'{"dags": []}'), (204, b"")) as (api, server):
        assert api.request("GET", "/dags", limit=7, order_by=None) == {"dags": []}
        assert api.request("DELETE", "/dags/x") is None

    asked = [(path, headers.get("Authorization")) for path, headers in server.requests]
    assert asked == [(TOKEN, None), ("/api/v2/dags?limit=7", "Bearer t1"), ("/api/v2/dags/x", "Bearer t1")]


def test_a_token_that_is_over_is_renewed() -> None:
    """Airflow's tokens hold for a day, a test bench may run longer."""
    with session((401, b"{}"), (200, b"1")) as (api, server):
        assert api.request("GET", "/x") == 1

    tokens = [headers.get("Authorization") for path, headers in server.requests if path != TOKEN]
    assert tokens == ["Bearer t1", "Bearer t2"]


def test_an_error_says_what_was_asked_and_what_came_back() -> None:
    """The status can be told apart from no answer."""
    with session((404, b'{"detail": "no such Dag"}')) as (api, _), pytest.raises(ApiError) as caught:
        api.request("GET", "/dags/x")

    assert str(caught.value) == 'GET /dags/x: Airflow answered 404: {"detail": "no such Dag"}'
    assert caught.value.status == 404


def test_a_refused_login_names_the_user_and_no_password() -> None:
    """The password is nobody's business."""
    with session(login=401) as (api, _), pytest.raises(ApiError, match=r"refused the login of 'admin'\.$") as caught:
        api.request("GET", "/dags")

    assert "s3cret" not in str(caught.value)


def test_no_answer_is_an_error_without_a_status() -> None:
    """Nobody listens."""
    api = ApiSession(f"http://127.0.0.1:{free_port()}", "admin", "s3cret")
    with pytest.raises(ApiError, match=r"^POST http://127\.0\.0\.1:\d+/auth/token: ConnectError") as caught:
        api.request("GET", "/dags")

    assert caught.value.status == 0
