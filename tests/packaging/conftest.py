"""The built wheel, installed beside the locked libraries, and Airflow's command line there."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# One process for several commands: most of a command's time is importing Airflow.
RUN_COMMANDS = """
import contextlib, io, json, sys
from airflow.cli import cli_parser

answers = []
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        try:
            args = cli_parser.get_parser().parse_args(command)
            args.func(args)
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
    answers.append({"code": code, "shown": shown.getvalue()})
print("ANSWERS" + json.dumps(answers))
"""


@dataclass(frozen=True)
class Answer:
    """What a command of Airflow did."""

    code: int
    shown: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table that it showed."""
        return json.loads(self.shown)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Airflow:
    """An interpreter with Airflow, and a home of its own."""

    python: Path
    home: Path

    def run(self, code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run Python code where neither the checkout nor its settings are seen."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
        return subprocess.run(
            [self.python, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            env={**kept, "AIRFLOW_HOME": str(self.home), "COLUMNS": "1000", **env},
        )

    def commands(self, *commands: str, **env: str) -> tuple[list[Answer], str]:
        """Run commands of Airflow; also return what was logged meanwhile."""
        done = self.run(RUN_COMMANDS, json.dumps([command.split() for command in commands]), **env)
        logged, _, answers = done.stdout.partition("ANSWERS")
        assert answers, f"{done.stdout}\n{done.stderr}"
        return [Answer(**answer) for answer in json.loads(answers)], logged + done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make build` makes it, with the build backend of the lock."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """A new environment that holds the wheel and sees the locked libraries, but not the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    uv = [Path(sys.executable).parent / "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run([*uv, "--python", python, wheel], check=True, capture_output=True)
    # A folder that a .pth file names does not get its own .pth files read: the editable install stays out.
    site_packages = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    (site_packages / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    home = folder / "home"
    home.mkdir()
    return Airflow(python, home)
