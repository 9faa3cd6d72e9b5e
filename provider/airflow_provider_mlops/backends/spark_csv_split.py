"""CSV split between its lines, as Spark splits files: only where no value can span two of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_session import EXTRA

if TYPE_CHECKING:
    import pyarrow as pa

_ENCODINGS = ("utf8", "utf-8", "ascii", "latin1", "latin-1", "iso-8859-1", "cp1252", "windows-1252")
"""Those in which the byte of a quote is never a part of another sign."""
_MARK = b"\xef\xbb\xbf"


def in_partitions(lines: Any, open_file: Callable[[], BinaryIO], options: Mapping[str, Any]) -> Any:
    """Leave the lines of a file in the partitions in which Spark reads them, where each is whole rows by itself.

    A line that begins outside of quotes and is a list of whole values ends outside of quotes, so that the next one
    begins outside of them, too: what holds for each line holds for the file. Where it does not, or is not known, all
    lines come in one partition.

    :param lines: Spark data frame of the file's lines; ``line`` holds their bytes.
    :param open_file: opens the file for reading bytes.
    :param options: as of `csv_files.CsvFiles`.
    :return: the lines; those without a sign are no rows, and left out where partitions are left.
    """
    if _is_one_partition(lines):
        return lines
    quote, delimiter = options.get("quote", '"'), options.get("delimiter", ",")
    if str(options.get("encoding", "utf8")).lower() not in _ENCODINGS or not f"{quote}{delimiter}".isascii():
        return lines.coalesce(1)
    with open_file() as file:
        # Who reads the start of the file reads the header: it must be the first line.
        if file.read(len(_MARK) + 1).removeprefix(_MARK)[:1] in (b"", b"\n", b"\r"):
            return lines.coalesce(1)
    if quote and lines.mapInArrow(_others(quote, delimiter), "other binary").limit(1).count():
        return lines.coalesce(1)
    return lines.where("line NOT IN (X'', X'0D')")


def _is_one_partition(lines: Any) -> bool:
    """A small file need not be read once more to find that out."""
    try:
        return int(lines.rdd.getNumPartitions()) == 1
    except (AttributeError, load("pyspark.errors", EXTRA).PySparkException):
        return False  # Spark Connect does not tell


def whole_values(quote: str, delimiter: str) -> str:
    """Write what a line of whole values is, as a regular expression of RE2.

    :param quote: the quote, one sign.
    :param delimiter: the delimiter, one sign.
    """
    q, d = re.escape(quote), re.escape(delimiter)
    value = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{q}{d}\\r]*)"
    return f"^{value}(?:{d}{value})*\\r?$"


def _others(quote: str, delimiter: str) -> Any:
    """A function that Spark's executors run: it gives the lines that are not."""
    pattern = whole_values(quote, delimiter)

    def others(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        arrow, compute = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet")
        for batch in batches:
            lines = batch.column(0)
            quoted = lines.filter(compute.match_substring(lines, quote))
            found = quoted.filter(compute.invert(compute.match_substring_regex(quoted, pattern)))
            if len(found):
                yield arrow.RecordBatch.from_arrays([found.slice(0, 1).cast(arrow.binary())], names=["other"])
                return

    return others
