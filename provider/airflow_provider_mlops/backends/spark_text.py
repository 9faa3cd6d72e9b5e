"""CSV and JSON lines read by Spark: its executors parse them with the same readers, so that a line means the same.

Spark finds the lines and hands them on as bytes; columns and types are learnt here, from the first file with rows, as
without Spark. Where an executor fails, the file is read here once more, to name the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from airflow_provider_mlops.backends import csv_files, json_lines
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_csv_split import in_partitions
from airflow_provider_mlops.backends.spark_session import EXTRA, spark_path, spark_session
from airflow_provider_mlops.core.errors import BadInput, TransientError

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_UNPACKED = (".zst", ".lz4")
_WIDE = ("utf-16", "utf-32", "utf16", "utf32")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that Spark reads, and this process where it must.

    :param name: how errors name it.
    :param path: local path or ``ObjectStoragePath``: every executor reads it under the same address.
    :param open: opens it here for reading bytes, unpacked, more than once.
    """

    name: str
    path: Any
    open: Callable[[], BinaryIO]


def spark_csv_tables(
    files: Sequence[TextFile], stated: Mapping[str, pa.DataType], options: Mapping[str, Any]
) -> Iterator[pa.Table]:
    """Read CSV files on Spark, one after the other; one in which a quoted value may span lines is one partition.

    :param files: the files, in order.
    :param stated: Arrow type by column, as the source states it.
    :param options: as of `csv_files.CsvFiles`.
    :return: tables of one schema.
    :raises BadInput: naming file, line and what is wrong.
    :raises TransientError: when Spark fails on a file that can be read.
    """
    if str(options.get("encoding", "")).lower().startswith(_WIDE):
        raise BadInput(f"engine='spark' reads no CSV in {options['encoding']}: leave engine='auto', or write UTF-8.")
    reader = csv_files.CsvFiles(stated, options)
    for file in files:
        _check_packing(file)
        if not reader.types:
            # Whatever is wrong with the columns, reading it here names; a header alone says no types.
            with closing(reader.tables(file.name, file.open)) as tables:
                first = next(tables, None)
            if not reader.types:
                yield from () if first is None else (first,)
                continue
        parts = partial(in_partitions, open_file=file.open, options=options)
        yield from _by_spark(file, _csv(file.name, reader.types, options), reader.tables, parts)


def spark_json_tables(files: Sequence[TextFile], stated: Mapping[str, pa.DataType]) -> Iterator[pa.Table]:
    """Read files of JSON lines on Spark, one after the other, each in partitions of whole lines.

    :param files: the files, in order.
    :param stated: Arrow type by column, as the source states it.
    :return: tables of one schema.
    :raises BadInput: naming file, line and what is wrong.
    :raises TransientError: when Spark fails on a file that can be read.
    """
    reader = json_lines.JsonLines(stated)
    for file in files:
        _check_packing(file)
        reader.learn(file.name, file.open)
        if reader.schema is not None:
            yield from _by_spark(file, _json(reader.schema), reader.tables, lambda lines: lines)


def _by_spark(
    file: TextFile,
    parse: Any,
    read_here: Callable[[str, Callable[[], BinaryIO]], Iterator[pa.Table]],
    in_parts: Callable[[Any], Any],
) -> Iterator[pa.Table]:
    pa, functions = load("pyarrow", "parquet"), load("pyspark.sql.functions", EXTRA)
    errors, gateway = load("pyspark.errors", EXTRA), load("py4j.protocol", EXTRA)
    try:
        lines = spark_session().read.option("lineSep", "\n").text(spark_path(file.path))
        places = functions.col("_metadata.file_block_start").alias("place")
        rows = lines.select(functions.col("value").cast("binary").alias("line"), places)
        # Partitions come in the order of the file; each says where it begins, so that another order is noticed.
        parts = in_parts(rows).mapInArrow(parse, "batch binary, place long")
        last = -1
        for row in parts.toLocalIterator(prefetchPartitions=True):
            if row[1] < last:
                raise TransientError(f"Spark gave the lines of {file.name} out of order; the task will try again.")
            last = row[1]
            with pa.ipc.open_stream(row[0]) as stream:
                yield from (pa.Table.from_batches([batch]) for batch in stream)
    except (errors.PySparkException, gateway.Py4JJavaError) as err:  # the latter where a partition is fetched
        _say_why(file, err, read_here, errors)
    if last < 0:  # an empty file has no partition; what it lacks, reading it here names
        yield from read_here(file.name, file.open)


def _say_why(file: TextFile, err: Exception, read_here: Any, errors: Any) -> NoReturn:
    """Read the file here, which raises what is wrong with it."""
    for _ in read_here(file.name, file.open):
        pass
    reason = (str(err).strip().splitlines() or [""])[0][:300]
    if isinstance(err, errors.AnalysisException):
        raise BadInput(f"Spark cannot read {file.name}: {reason}") from None
    raise TransientError(f"Spark failed on {file.name}, which can be read without it: {reason}") from None


def _check_packing(file: TextFile) -> None:
    if file.name.lower().endswith(_NOT_UNPACKED):
        raise BadInput(f"engine='spark' does not unpack {file.name}: leave engine='auto', or pack with gzip or bzip2.")


def _csv(name: str, types: Mapping[str, pa.DataType], options: Mapping[str, Any]) -> Any:
    """A function that Spark's executors run: they need this package without Airflow, and pyarrow."""

    def parse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        reader, lines = csv_files.CsvFiles({}, options), _Lines(batches)
        reader.types = dict(types)
        if (start := lines.start()) is not None:
            for table in reader.parsed(name, lines, header=start == 0):
                yield _as_stream(table, lines.place)

    return parse


def _json(schema: pa.Schema) -> Any:
    """A function that Spark's executors run, as `_csv` gives it."""

    def parse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        lines = _Lines(batches)
        for block in json_lines.blocks_of(lines):
            if block.strip():
                yield _as_stream(json_lines.parsed(block, schema), lines.place)

    return parse


def _as_stream(table: pa.Table, place: int) -> pa.RecordBatch:
    pa = load("pyarrow", "parquet")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    columns = [pa.array([sink.getvalue().to_pybytes()], pa.binary()), pa.array([place], pa.int64())]
    return pa.RecordBatch.from_arrays(columns, names=["batch", "place"])


class _Lines:
    """Lines that come in batches, read as the file that they are from.

    :param batches: batches of the columns ``line`` and ``place``.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._text = memoryview(b"")
        self._start: int | None = None
        self.place = 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Read as much as is asked for, less only at the end."""
        found = b""
        while (size < 0 or len(found) < size) and (self._text or self._fill()):
            count = len(self._text) if size < 0 else size - len(found)
            found, self._text = found + bytes(self._text[:count]), self._text[count:]
        return found

    def start(self) -> int | None:
        """Return where the first line stands, None when there is none."""
        self._fill()
        return self._start

    def close(self) -> None:
        """Do nothing: there is no file."""
        self.closed = True

    def _fill(self) -> bool:
        for batch in self._batches:
            for place in (batch.column(1)[0].as_py(), batch.column(1)[-1].as_py()) if batch.num_rows else ():
                if place < self.place:
                    raise ValueError("The lines of the file came out of order.")
                self.place = place
            if batch.num_rows:
                if self._start is None:
                    self._start = batch.column(1)[0].as_py()
                self._text = memoryview(b"\n".join([*batch.column(0).to_pylist(), b""]))
                return True
        return False
