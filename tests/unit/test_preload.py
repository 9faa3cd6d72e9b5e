"""The preload module imports in workers, and nowhere else."""

import logging
import subprocess
import sys

import pytest

from airflow_provider_mlops.preload import preload


@pytest.mark.parametrize("argv", [["airflow", "scheduler"], ["airflow", "celery", "worker"]])
def test_workers_preload(argv: list[str]) -> None:
    """The LocalExecutor forks from the scheduler, Celery from its worker."""
    assert preload(["json", "csv"], argv=argv) == ("json", "csv")


@pytest.mark.parametrize("argv", [["airflow", "api-server"], ["airflow"], ["pytest", "scheduler.py"], []])
def test_other_processes_do_not(argv: list[str]) -> None:
    """They would only pay for it."""
    assert preload(["json"], argv=argv) == ()


def test_a_missing_library_is_skipped() -> None:
    """Which libraries are installed is the user's choice."""
    assert preload(["no_such_library", "json"], argv=["airflow", "scheduler"]) == ("json",)


def test_a_broken_library_does_not_stop_the_scheduler(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named in the log, and fails again in the task that needs it."""
    folder = tmp_path_factory.mktemp("libraries")
    (folder / "broken_on_import.py").write_text("raise RuntimeError('broken')")
    monkeypatch.syspath_prepend(str(folder))

    with caplog.at_level(logging.WARNING):
        assert preload(["broken_on_import"], argv=["airflow", "scheduler"]) == ()
    assert "broken_on_import" in caplog.text


def test_importing_the_module_is_light() -> None:
    """Airflow's local settings are read by every command."""
    code = "import sys, airflow_provider_mlops.preload; print(*(m for m in ('numpy', 'airflow') if m in sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == ""
