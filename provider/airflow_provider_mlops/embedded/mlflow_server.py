"""The MLflow server: loopback, on the embedded PostgreSQL, artifacts in the state folder."""

import sys
import time
from collections.abc import Mapping
from importlib.metadata import version

import httpx

from airflow_provider_mlops.embedded.config import LOOPBACK, EmbeddedError, Layout
from airflow_provider_mlops.embedded.ports import Ports
from airflow_provider_mlops.embedded.processes import Processes

NAME = "mlflow"
START_SECONDS = 120.0


def start(layout: Layout, ports: Ports, processes: Processes, env: Mapping[str, str]) -> None:
    """Start the server; `wait` waits for it. On a database of another MLflow, its tables are upgraded first.

    :param layout: paths.
    :param ports: ports.
    :param processes: where the server is remembered.
    :param env: environment of the server.
    :raises EmbeddedError: when the upgrade fails; with the end of its log.
    """
    stamp = layout.state / "mlflow-version"
    if stamp.exists() and stamp.read_text() != version("mlflow"):
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", ports.database_url("mlflow")]
        processes.run("mlflow-upgrade", command, env, START_SECONDS)
    options = ["--host", LOOPBACK, "--port", str(ports.mlflow), "--workers", "1", "--serve-artifacts"]
    processes.start(NAME, [sys.executable, "-m", "mlflow", "server", *options], env)


def wait(layout: Layout, ports: Ports, processes: Processes) -> None:
    """Wait until the server answers.

    :param layout: paths.
    :param ports: ports.
    :param processes: where the server is remembered.
    :raises EmbeddedError: when it ends or does not answer in time; with the end of its log.
    """
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(ports):
        if any(entry.name == NAME for entry in processes.dead()) or time.monotonic() > deadline:
            raise EmbeddedError(f"MLflow does not start.\n{processes.tail(NAME)}")
        time.sleep(0.2)
    (layout.state / "mlflow-version").write_text(version("mlflow"))


def is_healthy(ports: Ports) -> bool:
    """Say whether the server answers."""
    try:
        return httpx.get(f"{ports.mlflow_url}/health", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
