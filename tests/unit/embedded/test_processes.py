"""Processes are started, remembered and ended, whatever happened in between."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from airflow_provider_mlops.embedded.config import EmbeddedError, Layout
from airflow_provider_mlops.embedded.environment import STATE_VARIABLE
from airflow_provider_mlops.embedded.processes import Processes, StopGroup

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]
# Starts a child in a session of its own, writes the child's id, and waits or ends.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
    start_new_session={own_session}, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
time.sleep({seconds})
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project folder of its own."""
    (tmp_path / "dags").mkdir()
    found = Layout.of(tmp_path)
    found.create()
    return found


@pytest.fixture
def env(layout: Layout) -> dict[str, str]:
    """The variables of the processes, with the mark."""
    return {**os.environ, STATE_VARIABLE: str(layout.state)}


@pytest.fixture
def processes(layout: Layout) -> Iterator[Processes]:
    """The processes of the project, all ended after the test."""
    found = Processes(layout)
    yield found
    found.stop()


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait up to a minute for a condition: the machine may have other work."""
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def runs(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start_parent(processes: Processes, env: dict[str, str], *, own_session: bool, seconds: float) -> int:
    """Start a process with a child, and return the child's id."""
    processes.start("parent", [sys.executable, "-c", PARENT.format(own_session=own_session, seconds=seconds)], env)
    assert eventually(lambda: processes.log("parent").read_text().endswith("\n"))
    return int(processes.log("parent").read_text())


def test_what_one_command_started_another_stops(layout: Layout, processes: Processes, env: dict[str, str]) -> None:
    """The state folder is the memory: the starter may be long gone."""
    started = processes.start("sleeper", SLEEP, env)

    later = Processes(layout)
    assert [entry.name for entry in later.known()] == ["sleeper"]
    killed = later.stop([StopGroup(frozenset({"sleeper"}))])

    assert not runs(started.pid)
    assert killed == []
    assert later.known() == []


def test_a_process_that_ignores_the_request_is_killed(processes: Processes, env: dict[str, str]) -> None:
    """The deadline holds, and the report says what had to be killed."""
    started = processes.start("stubborn", STUBBORN, env)
    assert eventually(lambda: "ready" in processes.log("stubborn").read_text())

    killed = processes.stop([StopGroup(frozenset({"stubborn"}), signal.SIGTERM, 0.2)])

    assert killed == ["stubborn"]
    assert not runs(started.pid)


@pytest.mark.parametrize("own_session", [False, True])
def test_children_end_with_their_parent(processes: Processes, env: dict[str, str], own_session: bool) -> None:
    """Also those that moved to a session of their own, as a BashOperator's do."""
    child = start_parent(processes, env, own_session=own_session, seconds=60)

    processes.stop([StopGroup(frozenset({"parent"}), signal.SIGTERM, 5)])

    assert not runs(child)


@pytest.mark.parametrize("own_session", [False, True])
def test_orphans_are_found(processes: Processes, env: dict[str, str], own_session: bool) -> None:
    """A parent that died leaves children behind: they are recognised by session or by the mark."""
    child = start_parent(processes, env, own_session=own_session, seconds=0)
    assert eventually(lambda: len(processes.dead()) == 1)
    assert runs(child)

    processes.stop()

    assert not runs(child)


def test_a_process_that_nobody_wrote_down_is_found(processes: Processes, env: dict[str, str]) -> None:
    """The starter may be killed between starting a process and remembering it."""
    stray = subprocess.Popen(SLEEP, env=env, start_new_session=True)
    try:
        processes.stop()
        assert eventually(lambda: stray.poll() is not None)
    finally:
        stray.kill()
        stray.wait()


def test_a_recycled_id_is_left_alone(layout: Layout, processes: Processes) -> None:
    """The memory names an id that now belongs to a stranger, known by its later start."""
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        created = psutil.Process(stranger.pid).create_time()
        record = [{"name": "scheduler", "pid": stranger.pid, "created": created - 100}]
        (layout.state / "processes.json").write_text(json.dumps(record))

        assert processes.everything() == set()
        processes.stop([StopGroup(frozenset({"scheduler"}))])

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_session_of_a_recycled_id_is_left_alone(layout: Layout, processes: Processes) -> None:
    """The leader of a stranger's session has ended; its members work elsewhere and carry no mark."""
    script = PARENT.format(own_session=False, seconds=0)
    leader = subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True, cwd="/"
    )
    member = int(leader.communicate()[0])
    try:
        record = [{"name": "scheduler", "pid": leader.pid, "created": time.time() - 100}]
        (layout.state / "processes.json").write_text(json.dumps(record))

        processes.stop()

        assert runs(member)
    finally:
        os.kill(member, signal.SIGKILL)


def test_a_finished_command_is_forgotten(processes: Processes, env: dict[str, str]) -> None:
    """Only what should run is remembered."""
    processes.run("once", [sys.executable, "-c", "pass"], env, seconds=30)

    assert processes.known() == []
    assert processes.dead() == []


def test_a_failed_command_shows_the_end_of_its_log(processes: Processes, env: dict[str, str]) -> None:
    """The error holds the exit code, the path of the log and its last lines."""
    with pytest.raises(EmbeddedError, match=r"once failed with exit code 3\.\n.*once\.log:\n  the cause"):
        processes.run("once", [sys.executable, "-c", "print('the cause'); raise SystemExit(3)"], env, seconds=30)


def test_a_slow_command_is_an_error(processes: Processes, env: dict[str, str]) -> None:
    """Nothing hangs."""
    with pytest.raises(EmbeddedError, match="once took more than 0 s"):
        processes.run("once", SLEEP, env, seconds=0.1)


def test_a_missing_program_is_an_error(processes: Processes, env: dict[str, str]) -> None:
    """The error names it."""
    with pytest.raises(EmbeddedError, match="Cannot start ghost"):
        processes.start("ghost", ["/no/such/program"], env)


def test_a_dead_process_is_noticed(processes: Processes, env: dict[str, str]) -> None:
    """The demo ends with an error when a component dies, instead of waiting for it."""
    processes.start("brief", [sys.executable, "-c", "import time; time.sleep(0.3)"], env)

    assert eventually(lambda: [entry.name for entry in processes.dead()] == ["brief"])
