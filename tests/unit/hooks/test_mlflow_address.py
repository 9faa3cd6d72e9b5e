"""What an MLflow connection says: the forms of its tracking URI, and its credentials, which no address shows."""

from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.mlflow_address import Access, access_of, tracking_uri, without_credentials


def connection(**fields: Any) -> Connection:
    """Return an MLflow connection."""
    return Connection(conn_id="c", conn_type="mlflow", **fields)


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
    assert tracking_uri(connection(**fields)) == uri


@pytest.mark.parametrize("host", [None, "", "/"])
def test_connection_without_a_host(host: str | None) -> None:
    """No host is an error that names the connection and the field."""
    with pytest.raises(BadInput, match="Connection 'c' has no tracking URI; put it into the field Tracking URI"):
        tracking_uri(connection(host=host))


def test_host_that_is_no_address() -> None:
    """What cannot be read as an address is shown."""
    with pytest.raises(BadInput, match=r"Connection 'c' has the tracking URI 'http://\[::1'"):
        tracking_uri(connection(host="http://[::1", port=5000))


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
        tracking_uri(connection(host="http://ann:sec#ret@mlflow", port=5000))
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "access"),
    [
        ({"host": "http://m"}, Access("http://m")),
        ({"host": "http://m", "login": "ann", "password": "p"}, Access("http://m", login="ann", password="p")),
        ({"host": "http://m", "login": "ann", "extra": '{"token": "t"}'}, Access("http://m", token="t")),
        ({"host": "http://ann:p%40q@m:5000/x"}, Access("http://m:5000/x", login="ann", password="p@q")),
        (
            {"host": "http://ann:p@m", "login": "bob", "extra": '{"token": "t"}'},
            Access("http://m", login="ann", password="p"),
        ),
        ({"host": "postgresql://ann:p@db/mlflow"}, Access("postgresql://ann:p@db/mlflow")),
        ({"host": "http://m", "extra": '{"verify_tls": "no"}'}, Access("http://m", verify_tls=False)),
    ],
)
def test_credentials_of_a_connection(fields: dict[str, Any], access: Access) -> None:
    """Those in a web address count first, and leave it; a database needs its own where they are."""
    assert access_of(connection(**fields)) == access


def test_an_access_does_not_show_its_secrets() -> None:
    """It may be logged, or stand in a traceback."""
    shown = repr(access_of(connection(host="http://m", login="ann", password="s3cret")))
    assert "s3cret" not in shown
    assert "t0ken" not in repr(Access("http://m", token="t0ken"))
