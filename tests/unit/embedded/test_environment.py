"""The variables of the embedded processes."""

import json
import subprocess
from pathlib import Path

import pytest

from airflow_provider_mlops.embedded.config import Layout
from airflow_provider_mlops.embedded.environment import STATE_VARIABLE, environment, write_settings
from airflow_provider_mlops.embedded.ports import Ports
from airflow_provider_mlops.embedded.private import Secrets

PORTS = Ports(18080, 15000, 15432)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project folder of its own."""
    (tmp_path / "dags").mkdir()
    found = Layout.of(tmp_path)
    found.create()
    return found


def test_a_developers_own_airflow_does_not_leak_in(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration is dropped; connections, which Dags may need, are kept."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CORE__DAG_FILE_PROCESSOR", "x")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "x")
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "http://example.org")

    env = environment(layout, PORTS, Secrets.load_or_create(layout))

    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert env["AIRFLOW_HOME"] == str(layout.airflow_home)
    assert {"AIRFLOW__CORE__DAG_FILE_PROCESSOR", "MLFLOW_TRACKING_TOKEN", "PGHOST"}.isdisjoint(env)
    assert env["AIRFLOW_CONN_MINE"] == "http://example.org"


def test_every_place_to_write_lies_in_the_state_folder(layout: Layout) -> None:
    """Nothing is written outside the checkout."""
    env = environment(layout, PORTS, Secrets.load_or_create(layout))

    for name in (
        "HOME",
        "TMPDIR",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "MPLCONFIGDIR",
        "NUMBA_CACHE_DIR",
        "AIRFLOW_HOME",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
        "AIRFLOW__MLOPS__STORAGE_ROOT",
    ):
        assert Path(env[name]).is_relative_to(layout.state), name


def test_dags_find_mlflow_by_its_connection(layout: Layout) -> None:
    """The default connection points at the embedded server."""
    env = environment(layout, PORTS, Secrets.load_or_create(layout))

    assert json.loads(env["AIRFLOW_CONN_MLFLOW_DEFAULT"]) == {"conn_type": "mlflow", "host": "http://127.0.0.1:15000"}


def test_the_links_of_tasks_lead_to_the_pages(layout: Layout) -> None:
    """Without the server of the pages they lead nowhere, and are not shown."""
    secrets = Secrets.load_or_create(layout)

    assert environment(layout, PORTS, secrets)["AIRFLOW__MLOPS__REPORTS_URL"] == ""
    served = environment(layout, Ports(18080, 15000, 15432, 15001), secrets)
    assert served["AIRFLOW__MLOPS__REPORTS_URL"] == "http://127.0.0.1:15001"


def test_the_checkout_is_the_bundle(layout: Layout) -> None:
    """Dags can import the folder `include` beside them."""
    env = environment(layout, PORTS, Secrets.load_or_create(layout))
    (bundle,) = json.loads(env["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])

    assert bundle["kwargs"] == {"path": str(layout.project)}


def test_extra_variables_win_except_for_the_mark(layout: Layout) -> None:
    """Tests may configure Airflow, but may not hide its processes."""
    extra = {"AIRFLOW__CORE__PARALLELISM": "2", STATE_VARIABLE: "other"}

    env = environment(layout, PORTS, Secrets.load_or_create(layout), extra)

    assert env["AIRFLOW__CORE__PARALLELISM"] == "2"
    assert env[STATE_VARIABLE] == str(layout.state)


def test_the_shell_file_sets_the_variables_but_not_the_mark(layout: Layout) -> None:
    """`make down` ends what carries the mark, which must not be a person's editor."""
    secrets = Secrets.load_or_create(layout)
    write_settings(layout, environment(layout, PORTS, secrets))

    script = f'. {layout.state}/env.sh; echo "$AIRFLOW__API__PORT|$AIRFLOW__CORE__FERNET_KEY|${STATE_VARIABLE}|"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/bin"})

    assert shown.stdout.strip() == f"18080|{secrets.fernet_key}||"
    assert (layout.state / "env.sh").stat().st_mode & 0o777 == 0o600


def test_the_scheduler_preloads(layout: Layout) -> None:
    """Airflow's local settings call the shipped module."""
    write_settings(layout, environment(layout, PORTS, Secrets.load_or_create(layout)))
    settings = layout.airflow_home / "config" / "airflow_local_settings.py"

    assert settings.read_text() == "from airflow_provider_mlops.preload import preload\npreload()\n"
