"""Rows of a Spark data frame as Arrow record batches, in order, one partition at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

EXTRA = "spark"


def is_spark_frame(frame: Any) -> bool:
    """Tell whether something is a Spark data frame, without loading Spark.

    :param frame: anything.
    :return: whether it is one, of classic Spark or Spark Connect.
    """
    kind = type(frame)
    return kind.__name__ == "DataFrame" and kind.__module__.startswith("pyspark.sql")


def spark_batches(frame: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a sorted Spark data frame: the executors read and sort, this process holds a partition.

    :param frame: data frame that ends in an ``orderBy``; by a key that no two rows share, the order is always the same.
    :return: record batches of one schema, in row order; times with a zone are in UTC.
    :raises BadInput: when the frame is not sorted, so that each run could give the rows in another order.
    """
    if not _is_sorted(frame):
        raise BadInput(
            "The Spark data frame of the source has no order: end it in .orderBy(...) with a key that no two rows "
            "share. Row order is part of a snapshot's identity."
        )
    yield from ordered_batches(frame)


def ordered_batches(frame: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Spark data frame whose order the caller has seen to.

    :param frame: the data frame.
    :return: record batches of one schema, in row order; times with a zone are in UTC.
    """
    pa = load("pyarrow", "parquet")
    for row in frame.mapInArrow(_serialiser(), "batch binary").toLocalIterator(prefetchPartitions=True):
        with pa.ipc.open_stream(row[0]) as stream:
            for batch in stream:
                yield _in_utc(batch)


def _serialiser() -> Any:
    """A function that Spark ships to its executors by value: they need Arrow, not this package."""

    def serialise(batches: Any) -> Any:
        import pyarrow as pa

        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()], pa.binary())], ["batch"])

    return serialise


def _is_sorted(frame: Any) -> bool:
    try:
        return not frame._jdf.queryExecution().optimizedPlan().outputOrdering().isEmpty()  # noqa: SLF001 - PySpark has no other way to ask
    except AttributeError as err:
        raise BadInput(
            "A data frame of Spark Connect does not tell how it is sorted; give the source one of a classic session."
        ) from err


def _in_utc(batch: pa.RecordBatch) -> pa.RecordBatch:
    pa = load("pyarrow", "parquet")
    columns = [
        column.cast(pa.timestamp(column.type.unit, "UTC"))
        if pa.types.is_timestamp(column.type) and column.type.tz
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
