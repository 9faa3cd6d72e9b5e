"""Judging the Parquet files of a snapshot by a suite, and setting rows aside that break it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import great_expectations as gx
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.expectation import Judged, is_row_level

if TYPE_CHECKING:
    import pyarrow as pa

REASONS = "__broken_expectations__"
"""The column that names, per row set aside, the positions of the expectations that it breaks."""
AUTO, SPARK = "auto", "spark"


def judge(files: Sequence[Path], suite: Mapping[str, Any], *, seed: str, engine: str = AUTO) -> list[Judged]:
    """Judge all rows of some Parquet files by a suite.

    :param files: the Parquet files, of one schema; their order is the order of the rows.
    :param suite: as `core.suite.read_suite` returns it.
    :param seed: text that decides which rows a sample holds, where one is needed; the snapshot's id.
    :param engine: ``auto``, or ``spark``.
    :return: what was found, one for each expectation, in the suite's order.
    :raises BadInput: when Great Expectations does not know an expectation or refuses its arguments, it stands there
        twice, or the engine is unknown.
    """
    if engine != AUTO:
        raise BadInput(f"Engine {engine!r} is not known; it must be one of: {AUTO}.")
    del seed
    return gx.judge_frame(_rows(files).to_pandas(), suite)


def split_rows(
    files: Sequence[Path], suite: Mapping[str, Any], positions: Sequence[int]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Split rows into those that keep some expectations and those that break any, part by part, in row order.

    :param files: the Parquet files, of one schema; their order is the order of the rows.
    :param suite: as `core.suite.read_suite` returns it.
    :param positions: places (from 0) of the row-level expectations to split by; `is_row_level` tells which are. What
        share ``mostly`` allows does not matter here: each row that breaks one is set aside.
    :return: pairs of the rows kept and the rows set aside; the latter have one more column, `REASONS`: the list of the
        positions that the row breaks, in order.
    :raises BadInput: when a position is not that of a row-level expectation, or one cannot be judged.
    """
    for position in positions:
        if not 0 <= position < len(suite["expectations"]):
            raise BadInput(f"Suite {suite['name']!r} has no expectation {position + 1}.")
        kind = suite["expectations"][position]["type"]
        if not is_row_level(kind):
            raise BadInput(
                f"Suite {suite['name']!r}, expectation {position + 1}: {kind} does not name rows that break it, so "
                "that none can be set aside; give it the severity critical or warning."
            )
    return _split(_rows(files), suite, sorted(set(positions)))


def _rows(files: Sequence[Path]) -> pa.Table:
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    return pa.concat_tables([pq.read_table(file) for file in files])


def _split(table: pa.Table, suite: Mapping[str, Any], positions: Sequence[int]) -> Iterator[tuple[pa.Table, pa.Table]]:
    pa = load("pyarrow", "parquet")
    frame = table.to_pandas()
    broken: dict[int, list[int]] = {}
    for position in positions:
        for row in gx.broken_rows(frame, suite, position):
            broken.setdefault(row, []).append(position)
    apart = sorted(broken)
    kept = [row for row in range(table.num_rows) if row not in broken]
    reasons = pa.array([broken[row] for row in apart], pa.list_(pa.int32()))
    rows = [pa.array(numbers, pa.int64()) for numbers in (kept, apart)]
    yield table.take(rows[0]), table.take(rows[1]).append_column(REASONS, reasons)
