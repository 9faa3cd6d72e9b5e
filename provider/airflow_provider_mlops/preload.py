"""Load the heavy libraries once per worker, so that tasks do not pay for importing them.

Airflow runs every task in a fresh fork of its worker. What the worker has imported, the task has for nothing; what it
has not, every single task imports again: seconds each. To use it, put these two lines into
``$AIRFLOW_HOME/config/airflow_local_settings.py``::

    from airflow_provider_mlops.preload import preload
    preload()

It acts only in ``airflow scheduler`` (whose LocalExecutor forks the tasks) and ``airflow celery worker``; everywhere
else it does nothing. It imports and runs nothing: no thread is started, no connection is opened. Libraries that are not
installed are skipped. Set ``OMP_NUM_THREADS=1`` and ``OPENBLAS_NUM_THREADS=1``, or NumPy starts its threads on import.

It relies on the start method ``fork``, the default of Python 3.11 to 3.13 on Linux. On Python 3.14 set
``AIRFLOW__CORE__MP_START_METHOD=fork``.
"""

import gc
import importlib
import logging
import os
import pkgutil
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_mlops.core.errors import MissingBackend

HEAVY_MODULES = (
    "numpy",
    "scipy.special",
    "scipy.stats",
    "pandas",
    "pyarrow.parquet",
    "pyarrow.dataset",
    "pyarrow.compute",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "skops.io",
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.artifact.mlflow_artifacts_repo",
    "mlflow.tracking",
    "mlflow.tracking.request_header.registry",
    "duckdb",
    "great_expectations",
    "jsonschema",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "yaml",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.lineage",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.common.io.assets.file",
    "airflow_provider_mlops.task_groups.lifecycle",
)
"""What is imported by default: what the shipped operators use, dotted names, in this order."""

_OWN_PACKAGES = ("core", "statistics", "backends", "hooks", "operators")

_log = logging.getLogger(__name__)


def preload(modules: Iterable[str] = HEAVY_MODULES, *, argv: Sequence[str] | None = None) -> tuple[str, ...]:
    """Import the heavy libraries when this process is a scheduler or a celery worker.

    The modules of this provider are imported too: they load no other library by that.

    :param modules: dotted names to import; add your own, e.g. ``(*HEAVY_MODULES, "xgboost")``.
    :param argv: the command line of the process; ``sys.argv`` when None.
    :return: the names that were imported; empty in any other process.
    """
    command = list(sys.argv if argv is None else argv)[1:2]
    if command not in (["scheduler"], ["celery"]):
        return ()
    # pyarrow's other allocators run a thread of their own, which a fork does not take along.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    started = time.monotonic()
    with warnings.catch_warnings(), _main_with_a_file():
        # skops looks at every attribute of every module, so Airflow warns of each deprecated one: 1,600 lines.
        warnings.simplefilter("ignore")
        imported = tuple(name for name in modules if _import(name))
        for name in _own_modules():
            _import(name)
    # Every fork would otherwise walk these objects in each garbage collection, and copy their pages by doing so.
    gc.collect()
    gc.freeze()
    _log.info("Preloaded %d libraries in %.1f s", len(imported), time.monotonic() - started)
    return imported


@contextmanager
def _main_with_a_file() -> Iterator[None]:
    """Let the main module look like one that runs.

    Under ``python -m airflow`` it is still empty while Airflow reads its local settings. PySpark, which Great
    Expectations imports where it is installed, takes an empty one for a doctest and ends the process.
    """
    main = vars(sys.modules["__main__"])
    unnamed = main.get("__spec__") is None and "__file__" not in main
    if unnamed:
        main["__file__"] = __file__
    try:
        yield
    finally:
        if unnamed:
            del main["__file__"]


def _own_modules() -> Iterator[str]:
    """Name the modules that the operators of this provider rest on."""
    for package in _OWN_PACKAGES:
        folder = Path(__file__).with_name(package)
        for found in pkgutil.walk_packages([str(folder)], f"{__package__}.{package}."):
            yield found.name


def _import(name: str) -> bool:
    """Import one module; a broken or missing one must not keep the scheduler from starting."""
    try:
        importlib.import_module(name)
    except (ImportError, MissingBackend) as err:
        _log.debug("Not preloaded: %s (%s)", name, err)
        return False
    except (Exception, SystemExit):  # noqa: BLE001 - an optional library that fails to import fails again, in the task that needs it
        _log.warning("Not preloaded: %s", name, exc_info=True)
        return False
    return True
