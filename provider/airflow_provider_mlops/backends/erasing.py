"""Finding rows by key in a snapshot, and writing the snapshot again without them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.parquet import SnapshotReader, write_snapshot
from airflow_provider_mlops.core.erasure import row_text
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import facts_of, time_column_of

if TYPE_CHECKING:
    import pyarrow as pa

Chosen = Callable[["pa.RecordBatch"], "pa.BooleanArray"]
"""Says of each row of a batch whether it is to be erased; never null."""


def by_key(column: str, keys: Sequence[str]) -> Chosen:
    """Choose the rows whose column has one of some values.

    :param column: the column: text, whole numbers, decimals, dates or times.
    :param keys: the values as text; one that is no value of the column's type chooses nothing.
    :return: a function of record batches.
    """
    wanted: dict[Any, pa.Array] = {}

    def chosen(batch: pa.RecordBatch) -> pa.BooleanArray:
        pc = load("pyarrow.compute", "parquet")
        values = _plain(batch.column(batch.schema.names.index(column)))
        if values.type not in wanted:
            wanted[values.type] = _values(column, keys, values.type)
        return pc.fill_null(pc.is_in(values, value_set=wanted[values.type]), False)

    return chosen


def not_among(column: str, left: Iterable[str]) -> Chosen:
    """Choose the rows whose text is not among those that are left.

    :param column: the column, of text.
    :param left: the texts that stay.
    :return: a function of record batches.
    """
    arrow, pc = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet")
    stays = arrow.array(sorted(left), arrow.string())

    def chosen(batch: pa.RecordBatch) -> pa.BooleanArray:
        values = _plain(batch.column(batch.schema.names.index(column))).cast(arrow.string())
        return pc.invert(pc.is_in(values, value_set=stays))

    return chosen


def texts_of(reader: SnapshotReader, column: str) -> set[str]:
    """Return the different values of a column, as scores write them.

    :param reader: the snapshot.
    :param column: the column.
    :raises EvidenceBroken: when the snapshot was changed.
    """
    found: set[str] = set()
    for batch in reader.batches([column]):
        found |= _spellings(batch.column(0))
    return found


def count_rows(reader: SnapshotReader, columns: Sequence[str], chosen: Chosen) -> tuple[int, dict[str, set[str]]]:
    """Count the chosen rows of a snapshot, and collect what some of its columns say in them.

    :param reader: the snapshot.
    :param columns: the columns that `chosen` needs, and those to collect.
    :param chosen: says which rows are meant.
    :return: how many there are, and by column the different values in them as text.
    :raises EvidenceBroken: when the snapshot was changed.
    """
    found, told = 0, {name: set[str]() for name in columns}
    for batch in reader.batches(columns):
        rows = batch.filter(chosen(batch))
        found += rows.num_rows
        for name in columns:
            told[name] |= _spellings(rows.column(rows.schema.names.index(name)))
    return found, told


def rewrite(
    reader: SnapshotReader, staged: Path, chosen: Chosen, *, facts: Mapping[str, Any]
) -> tuple[str | None, int, list[str]]:
    """Write a snapshot again without the chosen rows, each batch proved against the old id on the way.

    :param reader: the snapshot.
    :param staged: an empty folder; stays empty of a manifest when no row is left.
    :param chosen: says which rows to leave out.
    :param facts: facts for the new manifest, beside those of the old one.
    :return: the new id, None when no row is left; how many rows are left; the canonical text of each erased row.
    :raises EvidenceBroken: when the snapshot was changed.
    """
    erased: list[str] = []
    rows_left = 0

    def left() -> Iterator[pa.Table]:
        nonlocal rows_left
        arrow, pc = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet")
        for batch in reader.batches():
            mask = chosen(batch)
            erased.extend(_texts(batch.filter(mask)))
            rest = batch.filter(pc.invert(mask))
            rows_left += rest.num_rows
            if rest.num_rows:
                yield arrow.Table.from_batches([rest])

    rest = left()
    first = next(rest, None)
    if first is None:
        return None, 0, erased
    old = reader.manifest

    def whole() -> Iterator[pa.Table]:
        yield first
        yield from rest

    manifest = write_snapshot(whole(), staged, {**facts_of(old), **facts}, time_column_of(old))
    return str(manifest["snapshot_id"]), rows_left, erased


def _values(column: str, keys: Sequence[str], kind: pa.DataType) -> pa.Array:
    arrow, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    texts = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    exact = types.is_integer(kind) or types.is_decimal(kind) or types.is_temporal(kind)
    if not texts and not exact:
        raise BadInput(f"Column {column!r} has the type {kind}; a key column holds text, whole numbers or times.")
    found = []
    for key in keys:
        try:
            found.append(arrow.array([key], arrow.string()).cast(kind)[0])
        except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError):
            continue  # no value of this column can be this key
    return arrow.array([value.as_py() for value in found], kind)


def _plain(column: pa.Array) -> pa.Array:
    types = load("pyarrow.types", "parquet")
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _spellings(column: pa.Array) -> set[str]:
    """Write values as scores do, which keep a whole number as a float where its column had nulls."""
    values = [value for value in _plain(column).to_pylist() if value is not None]
    floats = {str(float(value)) for value in values if isinstance(value, int) and not isinstance(value, bool)}
    return {str(value) for value in values} | floats


def _texts(rows: pa.RecordBatch) -> list[str]:
    names = rows.schema.names
    columns = [_plain(column).to_pylist() for column in rows.columns]
    return [
        row_text((name, None if value is None else _text(value)) for name, value in zip(names, row, strict=True))
        for row in zip(*columns, strict=True)
    ]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=_text, sort_keys=True)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
