"""The environment of the embedded processes: configuration of Airflow and MLflow as variables."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_mlops.embedded.config import LOOPBACK, Layout
from airflow_provider_mlops.embedded.ports import Ports
from airflow_provider_mlops.embedded.private import Secrets, write_private

STATE_VARIABLE = "AIRFLOW_PROVIDER_MLOPS_EMBEDDED"
"""Set to the state folder in every process that is started, so that a stray one can be recognised."""

# A developer's own Airflow, MLflow or PostgreSQL must not leak in; connections and variables may.
_FOREIGN = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG", "MLFLOW_", "PG", "XDG_")
_LOCAL_SETTINGS = "from airflow_provider_mlops.preload import preload\npreload()\n"


def environment(
    layout: Layout, ports: Ports, secrets: Secrets, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Make the variables of every process.

    :param layout: paths.
    :param ports: ports.
    :param secrets: secrets.
    :param extra: variables that override or add.
    :return: the whole environment.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {
        **inherited,
        **_machine(layout),
        **_airflow(layout, ports, secrets),
        **_mlflow(layout, ports),
        **(extra or {}),
        STATE_VARIABLE: str(layout.state),
    }


def write_settings(layout: Layout, env: Mapping[str, str]) -> None:
    """Write what Airflow reads from files, and ``env.sh``: sourced, it makes ``airflow ...`` talk to this Airflow.

    :param layout: paths.
    :param env: as `environment` returns it.
    """
    (layout.airflow_home / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS, encoding="utf-8")
    # Without the variable that marks our processes: `down` must not end what people start from their shell.
    ours = {name: value for name, value in env.items() if os.environ.get(name) != value and name != STATE_VARIABLE}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(ours.items())]
    write_private(layout.state / "env.sh", "".join(lines))


def _machine(layout: Layout) -> dict[str, str]:
    """Keep every cache in the state folder, threads few and telemetry off."""
    bin_folder = str(Path(sys.executable).parent)
    no_proxy = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "", LOOPBACK, "localhost"]
    hosts = ",".join(host for host in no_proxy if host)
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB_MAXIMUM")
    return {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(layout.home),
        "TMPDIR": str(layout.tmp),
        "XDG_CACHE_HOME": str(layout.home / ".cache"),
        "XDG_CONFIG_HOME": str(layout.home / ".config"),
        "XDG_DATA_HOME": str(layout.home / ".local" / "share"),
        "MPLCONFIGDIR": str(layout.home / "matplotlib"),
        "NUMBA_CACHE_DIR": str(layout.home / "numba"),
        "NO_PROXY": hosts,
        "no_proxy": hosts,
        "PGPASSFILE": str(layout.state / "pgpass"),
        **{f"{name}_NUM_THREADS": "1" for name in threads},
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "DO_NOT_TRACK": "true",
        "GX_ANALYTICS_ENABLED": "false",
        "SCARF_ANALYTICS": "false",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _mlflow(layout: Layout, ports: Ports) -> dict[str, str]:
    """Configure the MLflow server, and the connection that Dags use."""
    return {
        "MLFLOW_BACKEND_STORE_URI": ports.database_url("mlflow"),
        "MLFLOW_ARTIFACTS_DESTINATION": layout.artifacts.as_uri(),
        "MLFLOW_TRACKING_URI": ports.mlflow_url,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "AIRFLOW_CONN_MLFLOW_DEFAULT": json.dumps({"conn_type": "mlflow", "host": ports.mlflow_url}),
    }


def _airflow(layout: Layout, ports: Ports, secrets: Secrets) -> dict[str, str]:
    """Configure Airflow."""
    bundle = {
        "name": "checkout",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(layout.project)},
    }
    options: dict[str, dict[str, object]] = {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": 4,
            "load_examples": False,
            "dags_folder": layout.project / "dags",
            "dags_are_paused_at_creation": True,
            "fernet_key": secrets.fernet_key,
            "test_connection": "Enabled",
            "execution_api_server_url": f"{ports.airflow_url}/execution/",
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": "admin:admin,reviewer:op",
            "simple_auth_manager_passwords_file": layout.state / "passwords.json",
        },
        "database": {"sql_alchemy_conn": ports.database_url("airflow")},
        "api": {
            "host": LOOPBACK,
            "port": ports.airflow,
            "base_url": ports.airflow_url,
            "workers": 1,
            "secret_key": secrets.api_secret,
        },
        "api_auth": {"jwt_secret": secrets.jwt_secret},
        "dag_processor": {
            "dag_bundle_config_list": json.dumps([bundle]),
            "dag_bundle_storage_path": layout.state / "dag_bundles",
            "refresh_interval": 10,
            # A file that was changed is parsed at the next look all the same; the others cost 7 % of a core at 30 s.
            "min_file_process_interval": 120,
        },
        # Looking ten times a second costs 15 % of a core that the tasks could use, four times 7 %; 1 s by default.
        "scheduler": {"scheduler_idle_sleep_time": 0.25, "enable_health_check": False},
        "logging": {
            "base_log_folder": layout.airflow_home / "logs",
            "namespace_levels": "great_expectations=WARNING alembic=WARNING",
            "colored_console_log": False,
        },
        # A supervisor notices its task's end within this time (seconds) and holds its slot until then; 5 by default.
        "workers": {"min_heartbeat_interval": 1},
        "usage_data_collection": {"enabled": False},
        "mlops": {"storage_root": layout.storage, "reports_url": ports.pages_url},
    }
    flat = {f"AIRFLOW__{section}__{key}".upper(): str(v) for section, o in options.items() for key, v in o.items()}
    return {"AIRFLOW_HOME": str(layout.airflow_home), **flat}
