"""Files of rows in one of three formats, read in order as tables of one schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
_SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file that can be opened, more than once.

    :param name: how errors name it.
    :param open: opens it for reading bytes.
    """

    name: str
    open: Callable[[], BinaryIO]


def format_of(name: str) -> str:
    """Return the format that a file's name tells.

    :param name: name of the file, also of a compressed one (``.csv.gz``).
    :raises BadInput: when it tells none.
    """
    for suffix in _COMPRESSIONS:
        name = name.removesuffix(suffix)
    for suffix, found in _SUFFIXES.items():
        if name.lower().endswith(suffix):
            return found
    raise BadInput(f"The format of {name!r} cannot be told by its name; set format to one of: parquet, csv, jsonl.")


def tables_of_files(
    files: Sequence[RowFile], format: str, schema: Mapping[str, str], options: Mapping[str, Any]
) -> Iterator[pa.Table]:
    """Read files one after the other.

    :param files: the files, in order.
    :param format: ``parquet``, ``csv`` or ``jsonl``.
    :param schema: type name by column.
    :param options: options of the format.
    :return: tables of one schema.
    :raises BadInput: naming the file, where it is not what it must be.
    """
    from airflow_provider_mlops.backends.arrow_types import arrow_types

    stated = arrow_types(schema)
    if format == "csv":
        from airflow_provider_mlops.backends.csv_files import CsvFiles

        read: Callable[[str, Callable[[], BinaryIO]], Iterator[pa.Table]] = CsvFiles(stated, options).tables
    elif options:
        raise BadInput(f"A source of format {format!r} takes no options; it has: {', '.join(options)}.")
    elif format == "jsonl":
        from airflow_provider_mlops.backends.json_lines import JsonLines

        read = JsonLines(stated).tables
    else:
        from airflow_provider_mlops.backends.parquet_files import ParquetFiles

        read = ParquetFiles(stated).tables
    for file in files:
        yield from read(file.name, file.open if format == "parquet" else _unpacked(file))


def spark_tables_of_files(
    files: Sequence[RowFile], paths: Sequence[Any], format: str, schema: Mapping[str, str], options: Mapping[str, Any]
) -> Iterator[pa.Table]:
    """Read files one after the other on Spark.

    :param files: the files, in order, as this process opens them.
    :param paths: where they lie: local paths or ``ObjectStoragePath``, which every executor reads.
    :param format: ``parquet``, ``csv`` or ``jsonl``.
    :param schema: type name by column.
    :param options: options of the format.
    :return: tables of one schema: the rows that reading without Spark gives.
    :raises BadInput: naming the file, where it is not what it must be.
    :raises TransientError: when Spark fails on a file that can be read.
    """
    from airflow_provider_mlops.backends.arrow_types import arrow_types
    from airflow_provider_mlops.backends.spark_parquet import spark_tables
    from airflow_provider_mlops.backends.spark_text import TextFile, spark_csv_tables, spark_json_tables

    stated = arrow_types(schema)
    if options and format != "csv":
        raise BadInput(f"A source of format {format!r} takes no options; it has: {', '.join(options)}.")
    if format == "parquet":
        return spark_tables(paths, stated)
    texts = [TextFile(file.name, path, _unpacked(file)) for file, path in zip(files, paths, strict=True)]
    return spark_csv_tables(texts, stated, options) if format == "csv" else spark_json_tables(texts, stated)


def _unpacked(file: RowFile) -> Callable[[], BinaryIO]:
    codec = next((codec for suffix, codec in _COMPRESSIONS.items() if file.name.endswith(suffix)), None)
    if codec is None:
        return file.open

    def opened() -> Any:
        pa = load("pyarrow", "parquet")

        class Unpacked(pa.CompressedInputStream):  # type: ignore[misc,name-defined]  # of a module that is loaded on use
            """The unpacked bytes; what cannot be unpacked is named."""

            def read(self, *size: Any) -> bytes:
                try:
                    return bytes(super().read(*size))
                except OSError as err:
                    if err.errno is not None:  # of the disk or the store below
                        raise
                    raise BadInput(f"{file.name} is no whole {codec} file: {str(err)[:200]}.") from None

        return Unpacked(pa.PythonFile(file.open(), mode="r"), codec)

    return opened
