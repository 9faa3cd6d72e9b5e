"""Paths, ports and secrets of the embedded Airflow."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_mlops.embedded import config
from airflow_provider_mlops.embedded.config import EmbeddedError, Layout, Ports, Secrets


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project folder of its own."""
    (tmp_path / "dags").mkdir()
    found = Layout.of(tmp_path)
    found.create()
    return found


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server((config.LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_folder_without_dags_is_refused(tmp_path: Path) -> None:
    """The project folder becomes the Dag bundle: without Dags it is the wrong one."""
    with pytest.raises(EmbeddedError, match="has no folder 'dags'"):
        Layout.of(tmp_path)


@pytest.mark.parametrize("profile", ["", "../other", "A", "a b", "-x", "x" * 33])
def test_a_profile_is_a_plain_name(layout: Layout, profile: str) -> None:
    """The profile becomes a folder name, which may not lead elsewhere."""
    with pytest.raises(EmbeddedError, match="is not a name"):
        Layout.of(layout.project, profile)


def test_everything_lies_in_the_state_folder(layout: Layout) -> None:
    """Deleting one folder deletes all; only the lock stays beside it."""
    paths = (
        layout.airflow_home,
        layout.postgres_data,
        layout.storage,
        layout.ledger,
        layout.artifacts,
        layout.logs,
        layout.home,
        layout.tmp,
    )

    assert all(path.is_relative_to(layout.state) for path in paths)
    assert layout.state == layout.project / ".embedded" / "default"
    assert layout.lock.parent == layout.state.parent


def test_a_taken_default_port_is_replaced(taken: int) -> None:
    """Nobody has to stop what runs on 8080."""
    port = config.choose_port("Airflow", taken, None)

    assert port != taken
    assert config.port_is_free(port)


def test_a_free_default_port_is_kept() -> None:
    """People find Airflow where they expect it."""
    port = config.any_free_port()

    assert config.choose_port("Airflow", port, None) == port


def test_a_taken_port_that_was_asked_for_is_an_error(taken: int) -> None:
    """The message names the option and the port."""
    with pytest.raises(EmbeddedError, match=f"--airflow-port {taken} is taken"):
        config.choose_port("Airflow", 8080, taken)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_an_error(port: int) -> None:
    """Ports go from 1 to 65535."""
    with pytest.raises(EmbeddedError, match="is not a port"):
        config.choose_port("MLflow", 5000, port)


def test_the_two_servers_cannot_be_given_one_port() -> None:
    """Nothing listens there yet, but Airflow will."""
    port = config.any_free_port()

    with pytest.raises(EmbeddedError, match="--mlflow-port"):
        config.choose_ports(port, port)


def test_the_default_gives_way_to_the_port_asked_for_the_other_server() -> None:
    """MLflow on 8080 moves Airflow elsewhere."""
    if not config.port_is_free(config.AIRFLOW_PORT):
        pytest.skip("8080 is taken on this machine")
    ports = config.choose_ports(None, config.AIRFLOW_PORT)

    assert ports.mlflow == config.AIRFLOW_PORT
    assert len({ports.airflow, ports.mlflow, ports.postgres}) == 3


def test_the_database_url_names_the_driver_and_holds_no_password() -> None:
    """Without a driver, SQLAlchemy's version would choose it; a password would show in the list of processes."""
    assert Ports(1, 2, 3).database_url("airflow") == "postgresql+psycopg2://postgres@127.0.0.1:3/airflow"


def test_secrets_are_made_once_and_for_their_owner_only(layout: Layout) -> None:
    """A second start keeps the login; no other user can read it."""
    first = Secrets.load_or_create(layout)

    assert Secrets.load_or_create(layout) == first
    for name in ("secrets.json", "passwords.json", "pgpass"):
        assert (layout.state / name).stat().st_mode & 0o777 == 0o600
    assert json.loads((layout.state / "passwords.json").read_text()) == {
        "admin": first.admin_password,
        "reviewer": first.reviewer_password,
    }
    assert len(first.jwt_secret) >= 80


def test_secrets_do_not_show_in_logs(layout: Layout) -> None:
    """The representation of the object holds no value."""
    secrets = Secrets.load_or_create(layout)

    assert secrets.admin_password not in repr(secrets)
