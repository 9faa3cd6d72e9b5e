"""Start processes that outlive us, remember them, and end them all, whatever happened in between."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships none

from airflow_provider_mlops.embedded.config import EmbeddedError, Layout
from airflow_provider_mlops.embedded.environment import STATE_VARIABLE
from airflow_provider_mlops.embedded.private import write_private

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)
# Kept for the life of this process, because they are meant to outlive the object that started them.
_children: dict[int, "subprocess.Popen[bytes]"] = {}
_CREATE_TIME_SLACK = 0.05  # seconds; psutil derives it from clock ticks


@dataclass(frozen=True, slots=True)
class Started:
    """One process that we started, as the state folder remembers it.

    :param name: what it is, e.g. ``scheduler``; its log is ``logs/<name>.log``.
    :param pid: its process id, which is also its session id.
    :param created: when it started, seconds since the epoch; tells it from a later process with the same id.
    """

    name: str
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """Return the running process, or None when it has ended, even if its id is in use again."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < _CREATE_TIME_SLACK
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except _GONE:
            return None


@dataclass(frozen=True, slots=True)
class StopGroup:
    """Processes that are asked to end at the same time.

    :param names: their names.
    :param signal: what they are sent.
    :param seconds: how long they have before they are killed.
    """

    names: frozenset[str]
    signal: int = signal.SIGTERM
    seconds: float = 10.0


class Processes:
    """The processes of one profile, kept in ``<state>/processes.json``.

    :param layout: paths.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._file = layout.state / "processes.json"

    def known(self) -> list[Started]:
        """Return what was started and not yet stopped, running or not, oldest first."""
        try:
            return [Started(**entry) for entry in json.loads(self._file.read_text())]
        except FileNotFoundError:
            return []

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Started:
        """Start a process in a session of its own, its output in ``logs/<name>.log``.

        :param name: what it is.
        :param command: program and arguments.
        :param env: its whole environment.
        :return: the process.
        :raises EmbeddedError: when the program cannot be started.
        """
        log = self.log(name)
        try:
            with log.open("ab") as out:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                    cwd=self.layout.state,
                    start_new_session=True,
                )
        except OSError as err:
            raise EmbeddedError(f"Cannot start {name} ({command[0]}): {err.strerror}.") from err
        _children[child.pid] = child
        with contextlib.suppress(*_GONE):
            started = Started(name, child.pid, psutil.Process(child.pid).create_time())
            self._write([*self.known(), started])
            return started
        raise EmbeddedError(f"{name} ended at once.\n{self.tail(name)}")

    def run(self, name: str, command: Sequence[str], env: Mapping[str, str], seconds: float) -> None:
        """Run a command to its end.

        :param name: what it is.
        :param command: program and arguments.
        :param env: its whole environment.
        :param seconds: how long it may take.
        :raises EmbeddedError: when it fails or takes too long; with the end of its log.
        """
        self.finish(self.start(name, command, env), seconds)

    def finish(self, started: Started, seconds: float) -> None:
        """Wait until a command that this object started has ended well, then forget it.

        :param started: the process.
        :param seconds: how long to wait.
        :raises EmbeddedError: when it fails or takes too long; with the end of its log.
        """
        try:
            code = _children[started.pid].wait(seconds)
        except subprocess.TimeoutExpired:
            raise EmbeddedError(f"{started.name} took more than {seconds:.0f} s.\n{self.tail(started.name)}") from None
        if code != 0:
            raise EmbeddedError(f"{started.name} failed with exit code {code}.\n{self.tail(started.name)}")
        self._write([entry for entry in self.known() if entry != started])

    def dead(self) -> list[Started]:
        """Return what was started, not stopped, and yet has ended."""
        _reap()
        return [entry for entry in self.known() if entry.process() is None]

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.layout.logs / f"{name}.log"

    def tail(self, name: str, lines: int = 25) -> str:
        """Return the end of a process's log.

        :param name: what it is.
        :param lines: how many lines at most.
        :return: the path and the lines, ready to print.
        """
        file = self.log(name)
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as err:
            return f"(no log {file}: {err.strerror})"
        return f"{file}:\n" + "\n".join(f"  {line}" for line in text.splitlines()[-lines:])

    def stop(self, order: Iterable[StopGroup] = ()) -> list[str]:
        """End everything: ask politely in the given order, wait, then kill what is left, to the last descendant.

        :param order: a group is asked when the group before it has ended, or had its time.
        :return: what had to be killed: names of started processes, and ids of their descendants.
        :raises EmbeddedError: when a process survives even that.
        """
        ours = self.everything()
        for group in order:
            roots = [process for entry in self.known() if entry.name in group.names and (process := entry.process())]
            asked = [process for process in roots if _signal(process, group.signal)]
            self._wait(asked, time.monotonic() + group.seconds)
            ours |= self.everything()
        names = {entry.pid: entry.name for entry in self.known()}
        killed: list[str] = []
        for _ in range(20):
            ours = {process for process in ours | self.everything() if _runs(process)}
            if not ours:
                self._file.unlink(missing_ok=True)
                return list(dict.fromkeys(killed))
            killed += [names.get(process.pid, f"process {process.pid}") for process in ours]
            for process in ours:
                _signal(process, signal.SIGKILL)
            self._wait(ours, time.monotonic() + 2)
        left = ", ".join(f"{process.pid} ({_name(process)})" for process in ours)
        raise EmbeddedError(f"These processes do not end, not even when killed: {left}.")

    def everything(self) -> set[psutil.Process]:
        """Find every running process of this profile: what we started, its descendants, and orphans of both."""
        known = self.known()
        found = {process for entry in known if (process := entry.process()) is not None}
        for process in tuple(found):
            with contextlib.suppress(*_GONE):
                found.update(process.children(recursive=True))
        sessions = {entry.pid: entry.process() is not None for entry in known}
        skip = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        found.update(p for p in psutil.process_iter() if p.pid not in skip and self._is_ours(p, sessions))
        return {process for process in found if process.pid not in skip}

    def _is_ours(self, process: psutil.Process, sessions: Mapping[int, bool]) -> bool:
        """Tell by session or by our variable; a process that renames itself loses its variables, not its session."""
        try:
            leader_runs = sessions.get(os.getsid(process.pid))
            if leader_runs:
                return True
            if process.environ().get(STATE_VARIABLE) == str(self.layout.state):
                return True
            # The leader has ended, so its id may have been given to a stranger: look where the process works, too.
            return leader_runs is False and Path(process.cwd()).is_relative_to(self.layout.state)
        except (*_GONE, psutil.AccessDenied, OSError):
            return False

    def _wait(self, processes: Iterable[psutil.Process], deadline: float) -> None:
        """Wait until they have ended, at most until the deadline (monotonic seconds)."""
        waiting = list(processes)
        while waiting and time.monotonic() < deadline:
            _reap()
            waiting = [process for process in waiting if _runs(process)]
            time.sleep(0.05 if waiting else 0)

    def _write(self, entries: Iterable[Started]) -> None:
        records = [{"name": e.name, "pid": e.pid, "created": e.created} for e in entries]
        write_private(self._file, json.dumps(records, indent=1))


def _reap() -> None:
    """Collect the exit codes of our own children, which would stay zombies otherwise."""
    for child in _children.values():
        child.poll()


def _signal(process: psutil.Process, number: int) -> bool:
    """Send a signal unless the process has ended; psutil checks that the id was not recycled."""
    try:
        process.send_signal(number)
    except _GONE:
        return False
    except psutil.AccessDenied as err:
        raise EmbeddedError(f"Process {process.pid} belongs to another user; stop it as that user.") from err
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except _GONE:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return "?"
