"""Opening a source of any kind."""

from __future__ import annotations

from contextlib import AbstractContextManager

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.source import DvcSource, FilesSource, FunctionSource, Source, SqlSource
from airflow_provider_mlops.hooks.sources.reading import SPARK, Reading, Where


def open_source(source: Source, where: Where) -> AbstractContextManager[Reading]:
    """Open a source for reading.

    :param source: the source.
    :param where: the partition, and where the source's parts are found.
    :return: context manager that gives the reading.
    :raises BadInput: when the source is not what it must be.
    :raises TransientError: when it cannot be reached.
    """
    if where.engine == SPARK and isinstance(source, SqlSource | DvcSource):
        raise BadInput(
            f"engine='spark' cannot read a source of kind {source.kind!r}: Spark's JDBC reader binds no parameters, so "
            "that values would be pasted into the query, and what DVC tracks lies on this machine. Leave "
            "engine='auto', which streams both, or read it in a source function that yields sorted Spark data frames."
        )
    match source:
        case FunctionSource():
            from airflow_provider_mlops.hooks.sources.function import read_function

            return read_function(source, where)
        case SqlSource():
            from airflow_provider_mlops.hooks.sources.sql import read_sql

            return read_sql(source, where)
        case FilesSource():
            from airflow_provider_mlops.hooks.sources.files import read_files

            return read_files(source, where)
        case DvcSource():
            from airflow_provider_mlops.hooks.sources.dvc import read_dvc

            return read_dvc(source, where)
        case _:
            from airflow_provider_mlops.hooks.sources.window import read_window

            return read_window(source, where)
