"""One command at a time, and one that works can be ended by another."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_provider_mlops.embedded import EmbeddedAirflow, EmbeddedError

HOLDER = """
import sys, time
from airflow_provider_mlops.embedded import EmbeddedAirflow
airflow = EmbeddedAirflow(sys.argv[1])
with airflow.lock():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder of its own."""
    (tmp_path / "dags").mkdir()
    return tmp_path


def hold(project: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the lock."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(project)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_command_is_refused_while_one_works(project: Path) -> None:
    """Two starts at once would fight for the state folder; the error names the process."""
    holder = hold(project)
    try:
        with pytest.raises(EmbeddedError, match=f"process {holder.pid}"), EmbeddedAirflow(project).lock():
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_killed_command_leaves_no_lock(project: Path) -> None:
    """The lock goes with its process, even after SIGKILL."""
    holder = hold(project)
    holder.kill()
    holder.communicate()

    with EmbeddedAirflow(project).lock():
        pass


def test_down_ends_the_command_that_works(project: Path) -> None:
    """`make down` in a second terminal ends a `make demo` in the first."""
    holder = hold(project)

    EmbeddedAirflow(project).interrupt_holder()

    holder.communicate(timeout=60)
    with EmbeddedAirflow(project).lock():
        pass


def test_a_stale_lock_file_ends_nobody(project: Path) -> None:
    """The id in the file belongs to another process by now: its start time differs."""
    airflow = EmbeddedAirflow(project)
    airflow.layout.lock.parent.mkdir(parents=True)
    airflow.layout.lock.write_text(f"[{os.getpid()}, {time.time() - 1000}]")

    airflow.interrupt_holder()

    with airflow.lock():
        pass


def test_asking_for_ports_before_a_start_is_an_error(project: Path) -> None:
    """The message says how to start."""
    with pytest.raises(EmbeddedError, match="make up"):
        _ = EmbeddedAirflow(project).ports


def test_wiping_nothing_is_fine(project: Path) -> None:
    """The first demo finds no state."""
    EmbeddedAirflow(project).wipe()


def test_running_processes_keep_their_state(project: Path) -> None:
    """Deleting the data folder under a running database would be a mess."""
    airflow = EmbeddedAirflow(project)
    airflow.layout.create()
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    airflow.processes.start("sleeper", command, dict(os.environ))
    try:
        with pytest.raises(EmbeddedError, match="make down"):
            airflow.wipe()
    finally:
        airflow.stop()
    airflow.wipe()

    assert not airflow.layout.state.exists()
