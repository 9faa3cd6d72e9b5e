"""One embedded Airflow: start it, ask it, stop it."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]  # it ships none

from airflow_provider_mlops.embedded import mlflow_server, pages_server, postgres, services
from airflow_provider_mlops.embedded.api import AirflowApi
from airflow_provider_mlops.embedded.config import EmbeddedError, Layout
from airflow_provider_mlops.embedded.environment import environment, write_settings
from airflow_provider_mlops.embedded.ports import Ports, choose_ports
from airflow_provider_mlops.embedded.private import Secrets, write_private
from airflow_provider_mlops.embedded.processes import Processes

USER = "admin"
REVIEWER = "reviewer"
_LOCK_SECONDS = 30.0


class EmbeddedAirflow:
    """PostgreSQL, MLflow, the pages and the four processes of Airflow, for one project folder and profile.

    Usable as a context manager, which starts fresh and stops at the end.

    :param project: folder that holds ``dags/``.
    :param profile: name of the state folder below ``<project>/.embedded``.
    :param airflow_port: port of Airflow; None for 8080, or a free one when that is taken.
    :param mlflow_port: port of MLflow; None for 5000, or a free one when that is taken.
    :param extra_env: variables that override or add, in every process.
    """

    def __init__(
        self,
        project: Path | str = ".",
        profile: str = "default",
        *,
        airflow_port: int | None = None,
        mlflow_port: int | None = None,
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        self.layout = Layout.of(project, profile)
        self.processes = Processes(self.layout)
        self._asked = (airflow_port, mlflow_port)
        self._extra_env = dict(extra_env or {})
        self._api: AirflowApi | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as held:
            held.enter_context(self.lock())
            held.callback(self.stop)
            self.stop()
            self.wipe()
            self.start()
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def ports(self) -> Ports:
        """The ports of the running Airflow, also when another process started it.

        :raises EmbeddedError: when it was never started.
        """
        try:
            return Ports(**json.loads((self.layout.state / "ports.json").read_text()))
        except FileNotFoundError:
            raise EmbeddedError(f"No embedded Airflow in {self.layout.state}. Start it: make up") from None

    @property
    def secrets(self) -> Secrets:
        """Passwords and keys."""
        return Secrets.load_or_create(self.layout)

    @property
    def env(self) -> dict[str, str]:
        """Environment with which the ``airflow`` command, MLflow and tests talk to this Airflow."""
        return environment(self.layout, self.ports, self.secrets, self._extra_env)

    @property
    def api(self) -> AirflowApi:
        """Client of the running Airflow, as its admin."""
        if self._api is None or self._api.url != self.ports.airflow_url:
            self._api = AirflowApi(self.ports.airflow_url, USER, self.secrets.admin_password)
        return self._api

    def is_running(self) -> bool:
        """Say whether every process that was started runs."""
        names = {entry.name for entry in self.processes.known() if entry.process() is not None}
        return names.issuperset({*services.COMMANDS, mlflow_server.NAME, pages_server.NAME, postgres.NAME})

    def start(self) -> float:
        """Start everything and wait until it is healthy. On failure call `stop`.

        :return: how long it took, seconds.
        :raises EmbeddedError: when a part does not start, with the end of its log.
        """
        began = time.monotonic()
        self.stop()
        self.layout.create()
        with contextlib.ExitStack() as held:
            self._start(choose_ports(*self._asked, held))
        return time.monotonic() - began

    def _start(self, ports: Ports) -> None:
        write_private(self.layout.state / "ports.json", json.dumps(asdict(ports)))
        env = self.env
        write_settings(self.layout, env)
        postgres.start(self.layout, ports, self.secrets, self.processes, env)
        mlflow_server.start(self.layout, ports, self.processes, env)
        pages_server.start(self.layout, ports, self.processes, env)
        migration = services.start_migration(self.layout, self.processes, env)
        services.finish_migration(self.layout, self.processes, migration)
        since = services.start(self.processes, env)
        mlflow_server.wait(self.layout, ports, self.processes)
        pages_server.wait(ports, self.processes)
        services.wait(self.processes, self.api, since)

    def stop(self) -> None:
        """End every process of this profile, also those of a start that was killed; the state stays.

        :raises EmbeddedError: when one cannot be ended.
        """
        if self._api is not None:
            self._api.close()
            self._api = None
        if self.layout.state.exists():
            self.processes.stop(services.STOP_ORDER)

    def wipe(self) -> None:
        """Delete the state.

        :raises EmbeddedError: when something of it still runs, or cannot be deleted.
        """
        if self.layout.state.exists() and self.processes.everything():
            raise EmbeddedError(f"Not deleted, because its processes run: {self.layout.state}. Stop them: make down")
        try:
            shutil.rmtree(self.layout.state)
        except FileNotFoundError:
            pass
        except OSError as err:
            raise EmbeddedError(f"Cannot delete {err.filename}: {err.strerror}.") from err

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the profile: one process at a time starts, drives or stops it.

        :raises EmbeddedError: when another one does.
        """
        self.layout.lock.parent.mkdir(parents=True, exist_ok=True)
        with self.layout.lock.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = _holder(self.layout.lock)
                text = f"Another command is at work on this profile (process {who.pid if who else '?'})."
                raise EmbeddedError(f"{text} Wait for it, or end it: make down") from None
            file.seek(0)
            file.truncate()
            file.write(json.dumps([os.getpid(), psutil.Process().create_time()]))
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def interrupt_holder(self) -> bool:
        """End the command that holds the lock, politely, then not; it stops what it started.

        :return: whether there was one.
        :raises EmbeddedError: when that command belongs to another user.
        """
        holder = _holder(self.layout.lock)
        if holder is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                # Not SIGINT: a shell makes background commands ignore it.
                holder.send_signal(signal.SIGTERM)
                holder.wait(_LOCK_SECONDS)
            except psutil.TimeoutExpired:
                holder.kill()
                holder.wait(5)
            except psutil.AccessDenied as err:
                raise EmbeddedError(f"Process {holder.pid} belongs to another user; stop it as that user.") from err
        return True


def _holder(lock: Path) -> psutil.Process | None:
    """Return the process that holds the lock, if it still runs."""
    try:
        pid, created = json.loads(lock.read_text())
        process = psutil.Process(pid)
        return process if abs(process.create_time() - created) < 0.05 else None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
