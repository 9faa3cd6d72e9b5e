"""Intervals, tests, distances and corrections: numpy and ``scipy.special`` only."""

from airflow_provider_mlops.core.errors import MissingBackend

try:
    import scipy.special  # noqa: F401 - it needs numpy; without them every module here would fail, saying less
except ModuleNotFoundError as err:
    raise MissingBackend(
        f"{err.name!r} is not installed where this task runs: pip install 'airflow-provider-mlops[parquet]'"
    ) from err
