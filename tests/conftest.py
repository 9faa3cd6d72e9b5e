"""Fixtures of all tests: a lab with storage, ledger and MLflow of its own, at any stage of the lifecycle."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).parents[1]

# Airflow and the libraries read these when they are imported.
os.environ.setdefault("AIRFLOW_HOME", str(ROOT / "build" / "airflow"))
os.environ.pop("COLUMNS", None)  # tables are as wide as in a pipe, whatever the terminal
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["AIRFLOW_HOME"] += f"-{worker}"  # workers that start at once would write the same configuration
    # A worker's main module has no file; PySpark takes such a one for a doctest and ends the process.
    vars(sys.modules["__main__"]).setdefault("__file__", str(Path(pytest.__file__).with_name("__main__.py")))
os.environ |= {"GX_ANALYTICS_ENABLED": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}

from tests.support.lab import Lab, Stages  # noqa: E402
from tests.support.server import MlflowServer  # noqa: E402

if TYPE_CHECKING:
    from tests.support.faults import TaskProcesses
    from tests.support.sources import PostgresServer

MakeLab = Callable[[str], Lab]


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """Labs at each stage of the lifecycle, made on first use and copied for each test."""
    return Stages(tmp_path_factory.mktemp("stages"))


@pytest.fixture
def make_lab(stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeLab:
    """Return a function that opens a lab of this test's own at a stage."""

    def make(stage: str) -> Lab:
        lab = stages.copy(stage, tmp_path / "lab")
        lab.enter(monkeypatch)
        return lab

    return make


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory, stages: Stages) -> Iterator[MlflowServer]:
    """A real `mlflow server` on loopback HTTP, for the whole session."""
    with MlflowServer(tmp_path_factory.mktemp("mlflow-server"), database=stages.database()) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["PostgresServer"]:
    """A real PostgreSQL on loopback, for the whole session."""
    from tests.support.sources import PostgresServer

    with PostgresServer(tmp_path_factory.mktemp("postgres") / "server") as server:
        yield server


@pytest.fixture(scope="session")
def local_spark() -> Iterator[None]:
    """A small Spark in this process, for the whole session."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.driver.memory", "1g")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .getOrCreate()
        )
        yield
        session.stop()


@pytest.fixture
def served_lab(make_lab: MakeLab, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with three accepted partitions whose MLflow is the real server; its model's name is its own."""
    lab = make_lab("accepted")
    lab.serve(mlflow_server.uri)
    lab.enter(monkeypatch)
    return lab


@pytest.fixture(scope="module", autouse=True)
def _object_stores_of_this_module() -> Iterator[None]:
    """Forget the file systems of object stores, which know the address of the module's own server."""
    yield
    if (airflow := sys.modules.get("airflow.sdk.io.store")) is not None:
        airflow._STORE_CACHE.clear()
    if (s3fs := sys.modules.get("s3fs")) is not None:
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="session")
def task_processes() -> "TaskProcesses":
    """Processes that run a step of a lab, and may be killed."""
    from tests.support.faults import TaskProcesses

    with pytest.MonkeyPatch.context() as monkeypatch:
        # The server that forks them finds the tests' modules by its working directory.
        monkeypatch.chdir(ROOT)
        return TaskProcesses()
