"""Spark, where rows outgrow one machine: a session, and Parquet files read as the other engines read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load

EXTRA = "spark"
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_CONFIG = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    # Spark has no nanoseconds; they are read as numbers, and cut to microseconds below.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # To Parquet and to a suite "a" and "A" are two columns.
    "spark.sql.caseSensitive": "true",
}
_AT_RUN_TIME = ("spark.sql.session.timeZone", "spark.sql.legacy.parquet.nanosAsLong", "spark.sql.caseSensitive")


def spark_session() -> Any:
    """Return the session of this process, or start one; where it runs, ``spark.master`` of its configuration says.

    :return: a ``pyspark.sql.SparkSession``.
    """
    builder = load("pyspark.sql", EXTRA).SparkSession.builder.appName("airflow-provider-mlops")
    for key, value in _CONFIG.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    for key in _AT_RUN_TIME:
        session.conf.set(key, _CONFIG[key])
    return session


def read_files(session: Any, files: Sequence[Path]) -> Any:
    """Read Parquet files: NaN is missing, as it is to pandas, and times have microseconds.

    :param session: the Spark session.
    :param files: the files, of one schema.
    :return: a Spark data frame.
    """
    functions, types = load("pyspark.sql.functions", EXTRA), load("pyarrow.types", "parquet")
    schema = load("pyarrow.parquet", "parquet").read_schema(files[0])
    frame = session.read.parquet(*[spark_path(file) for file in files])
    columns = []
    for field in schema:
        column = functions.col(quoted(field.name))
        if types.is_timestamp(field.type) and field.type.unit == "ns":
            micros = functions.timestamp_micros(functions.expr(f"{quoted(field.name)} div 1000"))
            column = micros if field.type.tz else micros.cast("timestamp_ntz")
        elif types.is_floating(field.type):
            column = functions.when(~functions.isnan(column), column)
        columns.append(column.alias(field.name))
    return frame.select(columns)


def quoted(name: str) -> str:
    """Quote the name of a column for Spark SQL.

    :param name: the name.
    """
    return f"`{name.replace('`', '``')}`"


def spark_sql(statement: str) -> str:
    """Return SQL of DuckDB with its texts as Spark reads them: to Spark a backslash in a text begins an escape.

    :param statement: SQL in which every quotation mark of a text is doubled.
    :return: SQL in which such texts, and those with a backslash, stand as the bytes that they are.
    """
    return _TEXT.sub(lambda found: _bytes(found[1]), statement)


def _bytes(content: str) -> str:
    if "\\" not in content and "'" not in content:
        return f"'{content}'"
    return f"CAST(X'{content.replace(chr(39) * 2, chr(39)).encode().hex()}' AS STRING)"


def spark_path(file: Any) -> str:
    """Return how Spark addresses a file; ``*`` or ``{`` in its name are no pattern.

    :param file: a local path, or an ``ObjectStoragePath``; Spark reads S3 through Hadoop's ``s3a``.
    """
    if isinstance(file, Path):
        address = file.resolve().as_posix()
    else:
        scheme, _, rest = str(file).partition("://")
        address = f"{'s3a' if scheme == 's3' else scheme}://{rest.rpartition('@')[2] if '@' in rest else rest}"
    return "".join(f"\\{sign}" if sign in "*?[]{}\\" else sign for sign in address)
