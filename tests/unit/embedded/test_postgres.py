"""PostgreSQL from the wheel runs wherever the checkout lies, and only for those who know its password."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from airflow_provider_mlops.embedded import postgres, services
from airflow_provider_mlops.embedded.config import LOOPBACK, Layout
from airflow_provider_mlops.embedded.environment import environment
from airflow_provider_mlops.embedded.ports import Ports, any_free_port
from airflow_provider_mlops.embedded.private import Secrets
from airflow_provider_mlops.embedded.processes import Processes


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A project folder too deep for a Unix socket, below one that only its owner can enter."""
    private = tmp_path_factory.mktemp("private")
    private.chmod(0o700)
    project = private / ("deep " * 12) / ("deeper" * 10)
    (project / "dags").mkdir(parents=True)
    found = Layout.of(project)
    found.create()
    return found


@pytest.fixture(scope="module")
def ports(layout: Layout) -> Iterator[Ports]:
    """A running server."""
    found = Ports(1, 2, any_free_port())
    secrets = Secrets.load_or_create(layout)
    processes = Processes(layout)
    try:
        postgres.start(layout, found, secrets, processes, environment(layout, found, secrets))
        yield found
    finally:
        assert processes.stop(services.STOP_ORDER) == []


def connect(ports: Ports, password: str, database: str = "airflow") -> str:
    """Log in and ask for the version."""
    connection = psycopg2.connect(
        host=LOOPBACK, port=ports.postgres, user="postgres", password=password, dbname=database
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("show server_version")
            return str(cursor.fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("database", postgres.DATABASES)
def test_both_databases_are_there(layout: Layout, ports: Ports, database: str) -> None:
    """One for Airflow, one for MLflow."""
    assert connect(ports, Secrets.load_or_create(layout).postgres_password, database)


def test_a_wrong_password_is_refused(ports: Ports) -> None:
    """Other users of the machine can reach loopback too."""
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect(ports, "wrong")


def test_only_loopback_listens(ports: Ports) -> None:
    """No other address of the machine answers."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", ports.postgres), timeout=5).close()


def test_the_password_is_not_in_the_list_of_processes(layout: Layout, ports: Ports) -> None:
    """Commands are readable by every user; the file with the password was deleted."""
    password = Secrets.load_or_create(layout).postgres_password

    for process in Processes(layout).everything():
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's helpers come and go
            assert password not in " ".join(process.cmdline())
    assert not (layout.state / "initdb-password").exists()
    assert ports.postgres


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up being root")
def test_root_becomes_nobody() -> None:
    """PostgreSQL refuses to run as root."""
    script = Path(postgres.__file__).with_name("drop_root.py")
    shown = subprocess.run(
        [sys.executable, "-I", "-S", str(script), "/usr/bin/id", "-un"], capture_output=True, text=True, check=True
    )

    assert shown.stdout == "nobody\n"
