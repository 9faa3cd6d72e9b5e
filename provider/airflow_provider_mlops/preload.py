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
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

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
    "airflow_provider_mlops.backends.check_counts",
    "airflow_provider_mlops.backends.contract_file",
    "airflow_provider_mlops.backends.data_docs",
    "airflow_provider_mlops.backends.duckdb_judge",
    "airflow_provider_mlops.backends.environment",
    "airflow_provider_mlops.backends.great_expectations",
    "airflow_provider_mlops.backends.mlflow",
    "airflow_provider_mlops.backends.mlflow_models",
    "airflow_provider_mlops.backends.parquet",
    "airflow_provider_mlops.backends.permutation",
    "airflow_provider_mlops.backends.policy_file",
    "airflow_provider_mlops.backends.scikit_learn",
    "airflow_provider_mlops.backends.validation",
    "airflow_provider_mlops.hooks.artifacts",
    "airflow_provider_mlops.hooks.audit_summary",
    "airflow_provider_mlops.hooks.audit_training",
    "airflow_provider_mlops.hooks.card",
    "airflow_provider_mlops.hooks.evaluation",
    "airflow_provider_mlops.hooks.evaluation_page",
    "airflow_provider_mlops.hooks.explain",
    "airflow_provider_mlops.hooks.scoring",
    "airflow_provider_mlops.hooks.serving_check",
    "airflow_provider_mlops.hooks.tracking",
    "airflow_provider_mlops.hooks.training",
    "airflow_provider_mlops.statistics.data_checks",
    "airflow_provider_mlops.statistics.drift",
    "airflow_provider_mlops.statistics.gate",
    "airflow_provider_mlops.statistics.operating_threshold",
    "airflow_provider_mlops.task_groups.lifecycle",
)
"""What is imported by default: what the shipped operators use, dotted names, in this order."""

_log = logging.getLogger(__name__)


def preload(modules: Iterable[str] = HEAVY_MODULES, *, argv: Sequence[str] | None = None) -> tuple[str, ...]:
    """Import the heavy libraries when this process is a scheduler or a celery worker.

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
