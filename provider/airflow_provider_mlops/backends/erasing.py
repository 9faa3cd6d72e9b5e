"""Finding rows by key in a snapshot, and writing the snapshot again without them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
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

_NOT_OF_PYTHON = (ValueError, OverflowError, KeyError)
"""A date that its calendar does not have, a name that stands twice in a record, a time zone that nobody knows here."""

_EXACT = 2**53
"""Up to here a float holds every whole number."""


def by_key(column: str, keys: Sequence[str]) -> Chosen:
    """Choose the rows whose column has one of some values.

    :param column: the column: text, whole numbers (also as floats), decimals, dates or times.
    :param keys: the values as text; one that is no value of the column's type chooses nothing.
    :return: a function of record batches, which raises `BadInput` where the column cannot be compared exactly.
    """
    wanted: dict[Any, pa.Array] = {}

    def chosen(batch: pa.RecordBatch) -> pa.BooleanArray:
        pc = load("pyarrow.compute", "parquet")
        values = _plain(batch.column(batch.schema.names.index(column)))
        if load("pyarrow.types", "parquet").is_null(values.type):  # without a value it is about nobody
            return pc.is_valid(values)
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
    if types.is_float32(kind) or types.is_float64(kind):
        wide = arrow.array(sorted(_whole(column, keys)), arrow.float64())
        narrow = wide.cast(kind, safe=False)
        return narrow.filter(load("pyarrow.compute", "parquet").equal(narrow.cast(arrow.float64()), wide))
    if not texts and not exact:
        raise BadInput(f"Column {column!r} has the type {kind}; a key column holds text, whole numbers or times.")
    with suppress(arrow.ArrowInvalid, arrow.ArrowNotImplementedError):
        return arrow.array(keys, arrow.string()).cast(kind)
    found = []  # some key is no value of this column: one by one
    for key in keys:
        try:
            found.append(arrow.array([key], arrow.string()).cast(kind)[0])
        except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError):
            continue  # no value of this column can be this key
    return arrow.array([value.as_py() for value in found], kind)


def _whole(column: str, keys: Sequence[str]) -> set[float]:
    """Read keys as whole numbers: pandas makes floats of them where some are missing."""
    found = set()
    for key in keys:
        with suppress(ValueError):  # no number can be this key
            number = float(key)
            if not re.fullmatch(r"-?[0-9]+", key) or abs(number) > _EXACT:
                raise BadInput(
                    f"Column {column!r} holds numbers with a point; only whole numbers are found in it exactly."
                )
            found.add(number)
    return found


def _plain(column: pa.Array) -> pa.Array:
    types = load("pyarrow.types", "parquet")
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _spellings(column: pa.Array) -> set[str]:
    """Write values as scores do, which keep a whole number as a float where its column had nulls."""
    values = [value for value in _values_of(_plain(column)) if value is not None]
    floats = {str(float(value)) for value in values if isinstance(value, int) and not isinstance(value, bool)}
    return {str(value) for value in values} | floats


def _texts(rows: pa.RecordBatch) -> list[str]:
    names = rows.schema.names
    columns = [_values_of(_plain(column)) for column in rows.columns]
    return [
        row_text((name, None if value is None else _text(value)) for name, value in zip(names, row, strict=True))
        for row in zip(*columns, strict=True)
    ]


def _values_of(column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except _NOT_OF_PYTHON:
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> Any:
    """Return a value as Python has it; a time beyond its calendar as a count of units, names that repeat as pairs."""
    with suppress(*_NOT_OF_PYTHON):
        return scalar.as_py()
    types = load("pyarrow.types", "parquet")
    if types.is_struct(scalar.type):
        return [[field.name, _value(scalar[place])] for place, field in enumerate(scalar.type)]
    if types.is_nested(scalar.type):
        return [_value(item) for item in scalar.values]
    return f"{scalar.value} ({scalar.type})"


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
