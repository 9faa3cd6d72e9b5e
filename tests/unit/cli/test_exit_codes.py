"""How a command begins and ends."""

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from airflow.models.connection import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken


@pytest.mark.parametrize(("error", "code"), [(EvidenceBroken("edited"), 1), (BadInput("misspelt"), 2)])
def test_our_errors_are_one_line_and_a_code(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback."""

    @exit_codes
    def fails(args: Namespace) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        fails(Namespace())
    assert ended.value.code == code
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file or directory", "/no/where"), "/no/where: No such file or directory."),
        (AirflowNotFoundException("The conn_id `x` isn't defined"), "The conn_id `x` isn't defined"),
        (OperationalError("SELECT 1", {}, Exception("no server")), "OperationalError"),
    ],
)
def test_what_cannot_be_had_is_one_line_and_a_code(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, a connection, a database: the frames would hide which."""

    @exit_codes
    def fails(args: Namespace) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        fails(Namespace())
    assert ended.value.code == 2
    assert line in capsys.readouterr().err


def test_an_error_of_ours_keeps_its_frames() -> None:
    """It is to be reported, not to be read over."""

    @exit_codes
    def fails(args: Namespace) -> None:
        raise KeyError("manifest_hash")

    with pytest.raises(KeyError):
        fails(Namespace())


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """As of ``| head``: no traceback, and nothing at the end of the process."""
    code = """\
from argparse import Namespace
from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.output import write_json

@exit_codes
def shows(args):
    write_json(["x" * 1000] * 10000)

shows(Namespace())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.read(10)
        shown.stdout.close()
        assert b"Traceback" not in shown.stderr.read()


def test_connections_of_the_database_are_found(tmp_path: Path) -> None:
    """A connection that was made in the UI is found by a command, as by Airflow's own; what was set before is again."""
    code = """\
import os
from argparse import Namespace
from airflow_provider_mlops.cli.exit_codes import exit_codes

@exit_codes
def show(args):
    from airflow.sdk import BaseHook
    print("host", BaseHook.get_connection("made_in_the_ui").host)

show(Namespace())
print("context", os.environ.get("_AIRFLOW_PROCESS_CONTEXT"))
"""
    database = f"sqlite:///{tmp_path}/airflow.db"
    engine = create_engine(database)
    Connection.metadata.create_all(engine, tables=[Connection.__table__])
    with Session(engine) as session:
        session.add(Connection("made_in_the_ui", conn_type="http", host="example.com"))
        session.commit()
    engine.dispose()
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}
    shown = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert shown.stdout.splitlines()[-2:] == ["host example.com", "context None"]
