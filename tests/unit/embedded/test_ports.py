"""The loopback ports of one start."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from airflow_provider_mlops.embedded import ports
from airflow_provider_mlops.embedded.config import LOOPBACK, EmbeddedError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_default_port_is_replaced(taken: int) -> None:
    """Nobody has to stop what runs on 8080."""
    port = ports.choose_port("Airflow", taken, None)

    assert port != taken
    assert ports.port_is_free(port)


def test_a_free_default_port_is_kept() -> None:
    """People find Airflow where they expect it."""
    port = ports.any_free_port()

    assert ports.choose_port("Airflow", port, None) == port


def test_two_starts_at_once_choose_other_ports() -> None:
    """Nothing listens yet: the second would open the port of the first, and take its Airflow for its own."""
    port = ports.any_free_port()
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        assert ports.choose_port("Airflow", port, None, held=first) == port
        assert ports.choose_port("Airflow", port, None, held=second) != port
        with pytest.raises(EmbeddedError, match=f"--airflow-port {port} is taken"):
            ports.choose_port("Airflow", 8080, port, held=second)
    with contextlib.ExitStack() as later:
        assert ports.choose_port("Airflow", port, None, held=later) == port


def test_a_taken_port_that_was_asked_for_is_an_error(taken: int) -> None:
    """The message names the option and the port."""
    with pytest.raises(EmbeddedError, match=f"--airflow-port {taken} is taken"):
        ports.choose_port("Airflow", 8080, taken)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_an_error(port: int) -> None:
    """Ports go from 1 to 65535."""
    with pytest.raises(EmbeddedError, match="is not a port"):
        ports.choose_port("MLflow", 5000, port)


def test_the_two_servers_cannot_be_given_one_port() -> None:
    """Nothing listens there yet, but Airflow will."""
    port = ports.any_free_port()

    with pytest.raises(EmbeddedError, match="--mlflow-port"):
        ports.choose_ports(port, port)


def test_the_default_gives_way_to_the_port_asked_for_the_other_server() -> None:
    """MLflow on 8080 moves Airflow elsewhere."""
    if not ports.port_is_free(ports.AIRFLOW_PORT):
        pytest.skip("8080 is taken on this machine")
    chosen = ports.choose_ports(None, ports.AIRFLOW_PORT)

    assert chosen.mlflow == ports.AIRFLOW_PORT
    assert len({chosen.airflow, chosen.mlflow, chosen.postgres}) == 3


def test_the_database_url_names_the_driver_and_holds_no_password() -> None:
    """Without a driver, SQLAlchemy's version would choose it; a password would show in the list of processes."""
    assert ports.Ports(1, 2, 3).database_url("airflow") == "postgresql+psycopg2://postgres@127.0.0.1:3/airflow"
