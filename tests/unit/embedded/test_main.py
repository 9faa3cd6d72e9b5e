"""The command line answers mistakes with one clear line."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_mlops.embedded.__main__ import main


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The command line sets signal handlers; give the test runner its own back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder of its own."""
    (tmp_path / "dags").mkdir()
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["upp"], ["up", "--port", "1"], ["up", "--airflow-port", "x"]])
def test_a_typo_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what would have been right."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_wrong_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback; the way out is in the line."""
    assert main(["status", "--project", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"{tmp_path} has no folder 'dags'. Run this in the checkout, or name it with --project.\n"
    )


def test_nothing_runs_before_the_first_start(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status and down are harmless then."""
    assert main(["status", "--project", str(project)]) == 0
    assert main(["down", "--project", str(project)]) == 0
    assert capsys.readouterr().out == "Nothing is running.\nNothing was running.\n"


def test_a_bad_port_starts_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The check comes before anything is started."""
    assert main(["up", "--project", str(project), "--airflow-port", "70000"]) == 1
    assert "--airflow-port 70000 is not a port" in capsys.readouterr().err
