"""The four Airflow processes: make the tables, start, wait until healthy."""

import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from airflow_provider_mlops.embedded.api import AirflowApi
from airflow_provider_mlops.embedded.config import EmbeddedError, Layout
from airflow_provider_mlops.embedded.processes import Processes, Started, StopGroup

# Not `airflow standalone`: its log servers listen on every address.
COMMANDS = {
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
MIGRATE_SECONDS = 180.0
START_SECONDS = 180.0
# PostgreSQL goes last, by the signal that makes it drop its connections instead of waiting for them.
STOP_ORDER = (
    StopGroup(frozenset({*COMMANDS, "mlflow", "pages"}), signal.SIGTERM, 10.0),
    StopGroup(frozenset({"postgres"}), signal.SIGINT, 5.0),
)
_HEALTH = {
    "scheduler": "latest_scheduler_heartbeat",
    "triggerer": "latest_triggerer_heartbeat",
    "dag_processor": "latest_dag_processor_heartbeat",
}


def start_migration(layout: Layout, processes: Processes, env: Mapping[str, str]) -> Started | None:
    """Start ``airflow db migrate``, unless this Airflow has made the tables before.

    :param layout: paths.
    :param processes: where the process is remembered.
    :param env: environment.
    :return: the process, for `finish_migration`; None when there is nothing to do.
    """
    stamp = layout.state / "airflow-version"
    if stamp.exists() and stamp.read_text() == version("apache-airflow-core"):
        return None
    return processes.start("airflow-db-migrate", _command("db", "migrate"), env)


def finish_migration(layout: Layout, processes: Processes, migration: Started | None) -> None:
    """Wait until the tables are made.

    :param layout: paths.
    :param processes: where the process is remembered.
    :param migration: as `start_migration` returned it.
    :raises EmbeddedError: when it fails; with the end of its log.
    """
    if migration is not None:
        processes.finish(migration, MIGRATE_SECONDS)
        (layout.state / "airflow-version").write_text(version("apache-airflow-core"))


def start(processes: Processes, env: Mapping[str, str]) -> datetime:
    """Start the four processes.

    :param processes: where they are remembered.
    :param env: environment.
    :return: the time just before; heartbeats that are older belong to an earlier start.
    """
    before = datetime.now(tz=UTC)
    for name in COMMANDS:
        start_one(name, processes, env)
    return before


def start_one(name: str, processes: Processes, env: Mapping[str, str]) -> Started:
    """Start one of the four processes, at first or in place of one that has ended.

    :param name: its name.
    :param processes: where it is remembered.
    :param env: environment.
    :return: the process.
    """
    return processes.start(name, _command(*COMMANDS[name]), env)


def wait(processes: Processes, api: AirflowApi, since: datetime) -> None:
    """Wait until all four are healthy.

    :param processes: where they are remembered.
    :param api: client.
    :param since: as `start` returned it.
    :raises EmbeddedError: when one ends or does not get healthy in time; with the end of its log.
    """
    deadline = time.monotonic() + START_SECONDS
    warm = False
    while unhealthy := unhealthy_parts(api, since):
        check_alive(processes)
        if time.monotonic() > deadline:
            name = unhealthy[0]
            message = f"Not healthy after {START_SECONDS:.0f} s: {', '.join(unhealthy)}."
            raise EmbeddedError(f"{message}\n{processes.tail(name)}")
        if not warm and unhealthy[0] != "api-server":
            # The part that the tasks talk to is built on its first request; better now than in the first task.
            api.warm_up()
            warm = True
        time.sleep(0.2)


def check_alive(processes: Processes) -> None:
    """Check that nothing that was started has ended.

    :param processes: where they are remembered.
    :raises EmbeddedError: naming the first that has, with the end of its log.
    """
    if dead := processes.dead():
        raise EmbeddedError(f"{dead[0].name} has ended.\n{processes.tail(dead[0].name)}")


def unhealthy_parts(api: AirflowApi, since: datetime | None = None) -> list[str]:
    """Return the parts that are not healthy.

    :param api: client.
    :param since: only heartbeats after this time count; those of killed processes look healthy for half a minute.
    :return: names of processes; empty when all is well.
    """
    health = api.health()
    if not health:
        return ["api-server"]
    found = []
    for part, heartbeat in _HEALTH.items():
        state = health.get(part) or {}
        beat = state.get(heartbeat)
        fresh = since is None or (beat is not None and datetime.fromisoformat(beat) >= since)
        if state.get("status") != "healthy" or not fresh:
            found.append(part.replace("_", "-"))
    return found


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]
