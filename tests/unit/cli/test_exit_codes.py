"""How a command begins and ends."""

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

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
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:////{tmp_path}/airflow.db",
    }
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=env, check=True, capture_output=True)
    added = [*airflow, "connections", "add", "made_in_the_ui", "--conn-type", "http", "--conn-host", "example.com"]
    subprocess.run(added, env=env, check=True, capture_output=True)
    shown = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert shown.stdout.splitlines()[-2:] == ["host example.com", "context None"]
