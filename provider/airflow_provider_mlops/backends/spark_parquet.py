"""Parquet files read by Spark: their rows, in their order, with the types that the files state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.arrow_types import check_columns
from airflow_provider_mlops.backends.batch_layout import difference_of
from airflow_provider_mlops.backends.canonical_types import stored_type
from airflow_provider_mlops.backends.content_digest import check_names, shown
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_rows import EXTRA, ordered_batches
from airflow_provider_mlops.backends.spark_session import quoted, spark_path, spark_session
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

_ROW = "__mlops_row_of_file__"


def spark_tables(files: Sequence[Any], stated: Mapping[str, pa.DataType]) -> Iterator[pa.Table]:
    """Read Parquet files on Spark, one after the other, each in the order of its rows.

    The executors read and sort; this process holds a partition. Values and types are those that reading without Spark
    gives, so that the snapshot has the same id.

    :param files: local paths or ``ObjectStoragePath``, in row order; every executor reads them under the same address.
    :param stated: Arrow type by column that the rows are cast to, as the source states it.
    :return: tables of one schema; where no file has a row an empty one.
    :raises BadInput: when a file is no Parquet file, has other columns than the first, or a type that Spark lacks.
    """
    first: pa.Schema | None = None
    given = False
    for file in files:
        schema = _schema(file)
        check_names(schema.names)
        check_columns(schema.names, stated, str(file))
        first = first or schema
        if difference := difference_of(first, schema):
            raise BadInput(f"{file} has not the columns of {files[0]}: {difference} there.")
        for table in _tables(file, schema, stated):
            given = True
            yield table
    if first is not None and not given:
        fields = [(field.name, stated.get(field.name, field.type)) for field in first]
        yield load("pyarrow", "parquet").schema(fields).empty_table()


def _tables(file: Any, schema: pa.Schema, stated: Mapping[str, pa.DataType]) -> Iterator[pa.Table]:
    pa, functions = load("pyarrow", "parquet"), load("pyspark.sql.functions", EXTRA)
    errors = load("pyspark.errors", EXTRA)
    try:
        frame = spark_session().read.parquet(spark_path(file))
        columns = [functions.col(quoted(field.name)).alias(f"c{place}") for place, field in enumerate(schema)]
        rows = frame.select(*columns, functions.col("_metadata.row_index").alias(_ROW))
        for batch in ordered_batches(rows.orderBy(_ROW).drop(_ROW)):
            arrays = [_column(array, field, stated) for array, field in zip(batch.columns, schema, strict=True)]
            yield pa.Table.from_arrays(arrays, names=schema.names)
    except errors.PySparkException as err:
        reason = (str(err).strip().splitlines() or [""])[0][:300]
        raise BadInput(f"Spark cannot read {file}: {reason}") from None


def _column(array: pa.Array, field: pa.Field, stated: Mapping[str, pa.DataType]) -> pa.Array:
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    kind = stored_type(field.type)
    if types.is_dictionary(kind):
        kind = kind.value_type
    try:
        if types.is_timestamp(kind) and kind.unit == "ns" and types.is_integer(array.type):
            array = array.view(kind)  # the session reads nanoseconds as whole numbers
        elif types.is_decimal(array.type) and types.is_integer(kind):
            array = array.cast(pa.decimal128(array.type.precision, 0)).cast(kind)
        elif not array.type.equals(kind):
            array = array.cast(kind)
        wanted = stated.get(field.name)
        return array if wanted is None or array.type.equals(wanted) else array.cast(wanted)
    except (pa.ArrowException, ValueError) as err:
        raise BadInput(
            f"Column {shown(field.name)} is {field.type}, which Spark gives as {array.type}: {str(err)[:200]}. "
            "Take the files without engine='spark'."
        ) from None


def _schema(file: Any) -> pa.Schema:
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    try:
        if isinstance(file, Path):
            return pq.read_schema(file).remove_metadata()
        with file.open("rb") as opened:
            return pq.read_schema(opened).remove_metadata()
    except FileNotFoundError:
        raise BadInput(f"{file} does not exist (any more).") from None
    except (pa.ArrowException, OSError, ValueError) as err:
        raise BadInput(f"{file} is not a Parquet file that can be read: {err}") from None
