"""Looking at the columns of a snapshot, one at a time: what a suite is proposed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.parquet_reader import decoded_batches
from airflow_provider_mlops.core.column_seen import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    MOST_SHAPES,
    MOST_VALUES,
    OTHER,
    TEXT,
    TIME,
    ColumnSeen,
    SnapshotSeen,
    shape_of,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

LONGEST_CODE = 16
"""Longer texts are no short codes."""


def see_files(manifest: Mapping[str, Any], files: Sequence[Path]) -> SnapshotSeen:
    """Look at every column of files that were proved already: of a snapshot, or of all members of a window.

    Memory holds one batch of one column, its different values while they are few, and eight bytes a row while all of
    its values differ: whether a column is a key is told exactly, save for two values of the same 64-bit hash, which
    would pass for one.

    :param manifest: what is stated of the rows of all files: ``snapshot_id``, ``rows``, ``columns``.
    :param files: the Parquet files, in row order.
    :return: what was seen.
    """
    rows, columns = int(manifest["rows"]), []
    for item in manifest["columns"]:
        seen = _Looking(item["name"], item["type"])
        for file in files:
            for batch in decoded_batches(file, [item["name"]]):
                seen.update(batch.column(0))
        columns.append(seen.result(rows))
    partition = ", ".join(map(str, manifest.get("partition_keys") or ())) or "?"
    return SnapshotSeen(manifest["snapshot_id"], partition, rows, columns)


class _Looking:
    """One column, batch by batch."""

    def __init__(self, name: str, logical: str) -> None:
        self.name, self.type = name, logical
        self.kind = OTHER
        self.nulls = 0
        self.low: Any = None
        self.high: Any = None
        self.infinite = False
        self.values: set[Any] | None = set()
        self.shapes: set[tuple[tuple[str, int], ...]] | None = set()
        self.hashes: list[npt.NDArray[np.uint64]] | None = []

    def update(self, column: pa.Array) -> None:
        pc, types = load("pyarrow.compute", "parquet"), load("pyarrow.types", "parquet")
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        self.kind = _kind(types, column.type)
        if self.kind == FLOAT and types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        self.nulls += column.null_count
        present = column.drop_null()
        if self.kind == OTHER or not len(present):
            return
        if self.kind in (INTEGER, FLOAT):
            self._extremes(present)
        self._distinct(present)

    def result(self, rows: int) -> ColumnSeen:
        return ColumnSeen(
            name=self.name,
            kind=self.kind,
            type=self.type,
            rows=rows,
            nulls=self.nulls,
            low=self.low,
            high=self.high,
            infinite=self.infinite,
            values=None if self.values is None or self.kind not in (INTEGER, TEXT, BOOLEAN) else _sorted(self.values),
            unique=self._unique(rows),
            shapes=None if self.shapes is None or self.kind != TEXT else tuple(sorted(self.shapes)),
        )

    def _extremes(self, present: pa.Array) -> None:
        pc = load("pyarrow.compute", "parquet")
        if self.kind == FLOAT:
            present = present.cast("float64")
            finite = pc.is_finite(present)
            self.infinite = self.infinite or not pc.all(finite).as_py()
            present = present.filter(finite)
            if not len(present):
                return
        found = pc.min_max(present)
        low, high = found["min"].as_py(), found["max"].as_py()
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def _distinct(self, present: pa.Array) -> None:
        pc = load("pyarrow.compute", "parquet")
        if self.values is None and self.hashes is None and self.shapes is None:
            return
        different = pc.unique(present)
        if self.values is not None and self.kind in (INTEGER, TEXT, BOOLEAN):
            self.values |= set(different.slice(0, MOST_VALUES + 1).to_pylist())
            self.values = self.values if len(self.values) <= MOST_VALUES else None
        if self.hashes is not None:
            self._hash(different, whole=len(different) == len(present))
        if self.shapes is not None and self.kind == TEXT:
            self._shape(different)

    def _hash(self, different: pa.Array, *, whole: bool) -> None:
        if not whole or self.kind not in (INTEGER, TEXT):
            self.hashes = None
            return
        pandas = load("pandas", "parquet")
        values = different.to_numpy(zero_copy_only=False)
        if self.hashes is not None:
            self.hashes.append(pandas.util.hash_array(values, categorize=False))

    def _shape(self, different: pa.Array) -> None:
        pc = load("pyarrow.compute", "parquet")
        longest = pc.max(pc.utf8_length(different)).as_py() or 0
        if longest > LONGEST_CODE:
            self.shapes = None
            return
        for text in different.to_pylist():
            if self.shapes is None:
                return
            self.shapes.add(shape_of(text))
            if len(self.shapes) > MOST_SHAPES:
                self.shapes = None

    def _unique(self, rows: int) -> bool:
        if not self.hashes:
            return False
        numpy = load("numpy", "parquet")
        hashes = numpy.sort(numpy.concatenate(self.hashes))
        return len(hashes) == rows - self.nulls and bool((hashes[1:] != hashes[:-1]).all())


def _kind(types: Any, arrow_type: pa.DataType) -> str:
    if types.is_boolean(arrow_type):
        return BOOLEAN
    if types.is_integer(arrow_type):
        return INTEGER
    if types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return FLOAT
    if types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        return TEXT
    return TIME if types.is_temporal(arrow_type) else OTHER


def _sorted(values: set[Any]) -> tuple[Any, ...]:
    return tuple(sorted(values))
