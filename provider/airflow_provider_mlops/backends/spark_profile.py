"""Profiles by Spark, where a dataset outgrows one machine: each partition is counted where it lies, the counts merged.

The same code counts here and there, so that the file is the same: every count to the unit, moments to rounding. The
executors need this package (without Airflow), NumPy, SciPy and pyarrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import parquet_profile
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_session import quoted, read_files, spark_session
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.backends.parquet_column import ParquetColumns
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec


def profile_files(columns: ParquetColumns, spec: ProfileSpec) -> Profile:
    """Count the columns of files by a specification, in Spark.

    :param columns: the files, with all of their rows; Spark must be able to read them where they lie.
    :param spec: what to count.
    :return: the profile, as `backends.parquet_profile.profile_files` makes it.
    :raises BadInput: when rows are cut by time, which needs their order.
    """
    from airflow_provider_mlops.statistics.profile import Profile, merged
    from airflow_provider_mlops.statistics.profiling import empty_profile

    if columns.cut:
        raise BadInput("Spark profiles whole files; rows that are cut by time are profiled without it.")
    session, wanted, parts = spark_session(), {*spec.columns, *spec.slices}, [empty_profile(spec)]
    for schema, paths in columns.by_schema():
        frame = read_files(session, paths)
        names = [name for name in schema.names if name in wanted] or schema.names[:1]
        # Spark hands columns to Python by their bare names, which fails for a name with a dot: numbers stand for them.
        numbered = frame.select([quoted(name) for name in names]).toDF(*map(str, range(len(names))))
        counted = numbered.mapInArrow(
            _counter(spec.to_dict(), [schema.field(name) for name in names]), "profile string"
        )
        parts.extend(Profile.from_dict(json.loads(row[0])) for row in counted.toLocalIterator())
    return merged(parts)


class BatchColumns:
    """The columns of one batch of rows, as those of a file.

    :param batch: the rows.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self.rows = int(batch.num_rows)

    def schemas(self) -> list[pa.Schema]:
        """Return the schema of the batch."""
        return [self._batch.schema]

    def rows_of(self, position: int) -> int:
        """Return how many rows the batch has.

        :param position: 0.
        """
        return self.rows

    def pieces(self, position: int, names: Sequence[str]) -> Iterator[list[pa.Array]]:
        """Give the columns at once.

        :param position: 0.
        :param names: the columns.
        """
        yield [self._batch.column(name) for name in names]


def _counter(content: dict[str, Any], fields: Sequence[pa.Field]) -> Any:
    """A function that counts the batches of a partition, with the types of the files, and gives one profile."""

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from airflow_provider_mlops.core.canonical import canonical_json
        from airflow_provider_mlops.statistics.profile import merged
        from airflow_provider_mlops.statistics.profile_spec import ProfileSpec

        spec, pa = ProfileSpec.from_dict(content), load("pyarrow", "parquet")
        found = [parquet_profile.profile_files(BatchColumns(_as_stored(batch, fields)), spec) for batch in batches]
        texts = [canonical_json(merged(found).to_dict())] if found else []
        yield pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], ["profile"])

    return count


def _as_stored(batch: pa.RecordBatch, fields: Sequence[pa.Field]) -> pa.RecordBatch:
    """Give columns the names and types of the files: Spark has others, and a time is another text in another unit."""
    pa = load("pyarrow", "parquet")
    arrays = []
    for array, field in zip(batch.columns, fields, strict=True):
        wanted = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_null(wanted):
            arrays.append(pa.nulls(len(array)))
        elif array.type == wanted or pa.types.is_nested(wanted):
            arrays.append(array)
        else:
            arrays.append(array.cast(wanted, safe=False))
    return pa.RecordBatch.from_arrays(arrays, names=[field.name for field in fields])
