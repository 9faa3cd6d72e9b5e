"""Rows for Great Expectations in bounded memory: part by part, or a seeded sample; typed as pandas types them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.batch_layout import laid_out
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.expectation_sample import sample_key

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PART_ROWS = 100_000
_MIXERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_STEP = 0x9E3779B97F4A7C15


def parts(files: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Read rows part by part, in order.

    :param files: the Parquet files.
    :param columns: the columns to read; None for all.
    :return: tables of at most 100,000 rows; of no rows at all one empty table.
    """
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    schema: Any = None
    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=PART_ROWS, columns=columns):
                schema = schema or batch.schema
                yield pa.Table.from_batches([laid_out(batch, schema)])
    if schema is None:
        yield pq.read_table(files[0], columns=columns)


def sample(files: Sequence[Path], columns: Sequence[str] | None, rows: int, size: int, seed: str) -> pa.Table:
    """Draw a sample: the rows whose numbers have the smallest hashes, in row order.

    :param files: the Parquet files.
    :param columns: the columns to read; None for all.
    :param rows: number of all rows.
    :param size: rows to draw, at most all.
    :param seed: text that decides which.
    :return: the sample.
    """
    pa = load("pyarrow", "parquet")
    drawn = sampled_rows(rows, size, seed)
    taken, first = [], 0
    for part in parts(files, columns):
        inside = drawn[(drawn >= first) & (drawn < first + part.num_rows)] - first
        taken.append(part.take(inside))
        first += part.num_rows
    return pa.concat_tables(taken)


def sampled_rows(rows: int, size: int, seed: str) -> Any:
    """Return the numbers of the rows that a sample holds.

    The hash is SplitMix64 of the row number from a key that the seed gives: each set of rows is as likely as another,
    and it is the same on every machine.

    :param rows: number of all rows.
    :param size: rows to draw.
    :param seed: text that decides which.
    :return: array of int64, in order.
    """
    numpy = load("numpy", "parquet")
    key = numpy.uint64(sample_key(seed))
    best = numpy.empty(0, dtype=numpy.uint64), numpy.empty(0, dtype=numpy.int64)
    for first in range(0, rows, PART_ROWS * 10):
        numbers = numpy.arange(first, min(first + PART_ROWS * 10, rows), dtype=numpy.int64)
        hashes = _mixed(numpy, numbers.astype(numpy.uint64) * numpy.uint64(_STEP) + key)
        hashes, numbers = numpy.concatenate([best[0], hashes]), numpy.concatenate([best[1], numbers])
        if len(hashes) > size:
            kept = numpy.argpartition(hashes, size - 1)[:size]
            hashes, numbers = hashes[kept], numbers[kept]
        best = hashes, numbers
    return numpy.sort(best[1])


def as_frame(table: pa.Table, with_missing: Sequence[str]) -> pd.DataFrame:
    """Return rows as the frame that they are a part of: a column that misses a value anywhere has that type here too.

    :param table: some of the rows.
    :param with_missing: names of the columns that miss a value somewhere.
    :return: the frame, with a fresh index.
    """
    types = load("pyarrow.types", "parquet")
    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema:
        if field.name in with_missing and types.is_integer(field.type):
            frame[field.name] = frame[field.name].astype("float64")
        elif field.name in with_missing and types.is_boolean(field.type):
            frame[field.name] = frame[field.name].astype("object")
    return frame


def _mixed(numpy: Any, values: Any) -> Any:
    for shift, mixer in zip((30, 27), _MIXERS, strict=True):
        values = (values ^ (values >> numpy.uint64(shift))) * numpy.uint64(mixer)
    return values ^ (values >> numpy.uint64(31))
