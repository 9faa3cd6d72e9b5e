"""The MLflow server: loopback, on the embedded PostgreSQL, artifacts in the state folder."""

import sys
from collections.abc import Mapping
from importlib.metadata import version

from airflow_provider_mlops.embedded.config import LOOPBACK, Layout
from airflow_provider_mlops.embedded.ports import Ports
from airflow_provider_mlops.embedded.processes import Processes
from airflow_provider_mlops.embedded.web import answers, wait_for_answer

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
    wait_for_answer(_health(ports), NAME, "MLflow", processes, START_SECONDS)
    (layout.state / "mlflow-version").write_text(version("mlflow"))


def is_healthy(ports: Ports) -> bool:
    """Say whether the server answers."""
    return answers(_health(ports))


def _health(ports: Ports) -> str:
    return f"{ports.mlflow_url}/health"
