"""The preload module imports in workers, and nowhere else."""

import logging
import os
import subprocess
import sys
from pathlib import Path

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


def test_libraries_that_look_at_the_main_module_are_imported(tmp_path: Path) -> None:
    """Under ``python -m airflow`` it is empty at that moment, which makes PySpark end the process."""
    (tmp_path / "doctest_or_not.py").write_text(
        "import sys\nmain = sys.modules['__main__']\n"
        "if main.__spec__ is None and not hasattr(main, '__file__'):\n    sys.exit(0)\n"
    )
    code = (
        "import sys; from airflow_provider_mlops.preload import preload; main = sys.modules['__main__'];"
        "print(preload(['doctest_or_not'], argv=['airflow', 'scheduler']), hasattr(main, '__file__'))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)

    assert shown.stdout.splitlines()[-1] == "('doctest_or_not',) False"


def test_a_library_that_exits_does_not_stop_the_scheduler(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An exit in an import is no exit of the scheduler."""
    folder = tmp_path_factory.mktemp("libraries")
    (folder / "exits_on_import.py").write_text("raise SystemExit(0)")
    monkeypatch.syspath_prepend(str(folder))

    with caplog.at_level(logging.WARNING):
        assert preload(["exits_on_import"], argv=["airflow", "scheduler"]) == ()
    assert "exits_on_import" in caplog.text


def test_modules_of_the_provider_are_imported_and_load_no_library() -> None:
    """Each task would otherwise import dozens of them; a library that is not named stays the task's own matter."""
    code = (
        "import sys, threading; from airflow_provider_mlops.preload import preload;"
        "preload(['json'], argv=['airflow', 'scheduler']);"
        "import airflow_provider_mlops.hooks as hooks, pkgutil;"
        "ours = {m.name for m in pkgutil.iter_modules(hooks.__path__, hooks.__name__ + '.')};"
        "heavy = ('alibi_detect', 'duckdb', 'evidently', 'great_expectations', 'mlflow', 'optuna', 'pyspark', 'shap');"
        "loaded = [name for name in heavy if name in sys.modules];"
        "print(len(ours) > 50, ours - set(sys.modules), loaded, threading.active_count())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.splitlines()[-1] == "True set() [] 1"


def test_importing_the_module_is_light() -> None:
    """Airflow's local settings are read by every command."""
    code = "import sys, airflow_provider_mlops.preload; print(*(m for m in ('numpy', 'airflow') if m in sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == ""
