"""Rows as database drivers give them, made into Arrow tables of one schema without holding more than a chunk.

Where a driver states no type it is found in the values, with care: a column must hold one kind of value, a column that
is null in all rows has no type, a decimal has no scale. Each of these is an error that says how to name the type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_mlops.backends.arrow_types import decimal_type
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

# Order matters: a bool is an int, a datetime is a date.
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "text"),
    (Decimal, "decimal"),
    ((bytes, bytearray, memoryview), "bytes"),
    (datetime, "datetime"),
    (date, "date"),
    (time, "time"),
    (timedelta, "duration"),
    ((UUID, dict, list), "text"),
)


def tables_of(
    chunks: Iterable[Sequence[Sequence[Any]]],
    names: Sequence[str],
    known: Mapping[str, pa.DataType],
    decimals: Mapping[str, tuple[int, int]] | None = None,
) -> Iterator[pa.Table]:
    """Turn chunks of rows into Arrow tables of one schema.

    Until a column has a value that tells its type, its type is ``null``; that is the only change of a schema.

    :param chunks: lists of rows, in order; a row has a value for each name.
    :param names: unique column names.
    :param known: Arrow type of the columns whose type is known.
    :param decimals: precision and scale by column, for those that turn out to hold decimals.
    :return: tables; without a chunk one of no rows, with the types that are known.
    :raises BadInput: naming column and row, when values are of several kinds, or a column gets no type.
    """
    columns = [_Column(name, known.get(name), (decimals or {}).get(name)) for name in names]
    given = False
    for chunk in chunks:
        given = True
        yield _table(chunk, columns)
    if not given:
        yield _no_rows(columns)
    for column in columns:
        column.must_have_type()


def _no_rows(columns: list[_Column]) -> pa.Table:
    pa = load("pyarrow", "parquet")
    fields = [(column.name, pa.null() if column.type is None else column.type) for column in columns]
    return pa.schema(fields).empty_table()


def _table(chunk: Sequence[Sequence[Any]], columns: list[_Column]) -> pa.Table:
    pa = load("pyarrow", "parquet")
    values = zip(*chunk, strict=True)
    arrays = [column.array(list(items)) for column, items in zip(columns, values, strict=True)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


class _Column:
    """A column that gets its type from the driver, the source's schema, or its first values."""

    def __init__(self, name: str, arrow: pa.DataType | None, digits: tuple[int, int] | None) -> None:
        self.name = name
        self.type = arrow
        self._digits = digits
        self._kind = ""
        self._rows = 0

    def array(self, values: list[Any]) -> pa.Array:
        pa = load("pyarrow", "parquet")
        kinds = {kind: None for kind in map(type, values) if kind is not type(None)}
        if self.type is None or self._kind:
            self._infer(values, list(kinds))
        try:
            found = pa.nulls(len(values)) if self.type is None else _array(values, self.type, list(kinds))
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as err:
            raise BadInput(
                f"Column {self.name!r}, rows {self._rows + 1:,} to {self._rows + len(values):,}: a value is no "
                f"{self.type}: {str(err)[:200]}. Cast it in the query, or name another type in schema."
            ) from None
        self._rows += len(values)
        return found

    def must_have_type(self) -> None:
        if self.type is None and self._rows:
            raise BadInput(
                f"Column {self.name!r} is null in all rows and the database states no type for it; "
                f'name it: schema={{"{self.name}": "float64"}}.'
            )

    def _infer(self, values: list[Any], types: list[type]) -> None:
        kinds = {_kind_of(kind, self.name) for kind in types}
        if "datetime" in kinds:
            kinds = (kinds - {"datetime"}) | {_datetime_kind(v) for v in values if isinstance(v, datetime)}
        others = kinds - {self._kind}
        if not kinds or (self._kind and not others):
            return
        if len(kinds) > 1 or self._kind:
            self._mixed(values, sorted(kinds | ({self._kind} - {""})))
        self._kind = kinds.pop()
        self.type = _type_of(self._kind, self.name, self._digits)

    def _mixed(self, values: list[Any], kinds: list[str]) -> None:
        first = self._kind or _value_kind(next(v for v in values if v is not None))
        number, value = next((n, v) for n, v in enumerate(values, 1) if v is not None and _value_kind(v) != first)
        raise BadInput(
            f"Column {self.name!r} mixes {' and '.join(kinds)}: row {self._rows + number:,} is the first that is no "
            f"{first} but {_value_kind(value)}. Cast it in the query, or name its type: "
            f'schema={{"{self.name}": "..."}}.'
        )


def _kind_of(kind: type, name: str) -> str:
    for types, word in _KINDS:
        if issubclass(kind, types):
            return word
    raise BadInput(f"Column {name!r} holds a {kind.__name__}, which has no Arrow type; cast it to text in the query.")


def _value_kind(value: Any) -> str:
    kind = _kind_of(type(value), "")
    return _datetime_kind(value) if kind == "datetime" else kind


def _datetime_kind(value: datetime) -> str:
    return "datetime" if value.tzinfo is None else "datetime with time zone"


def _type_of(kind: str, name: str, digits: tuple[int, int] | None) -> pa.DataType:
    pa = load("pyarrow", "parquet")
    if kind == "decimal":
        if digits is not None:
            return decimal_type(*digits, f"Column {name!r}")
        raise BadInput(
            f"Column {name!r} holds decimals and the database states no precision and scale; "
            f'name them: schema={{"{name}": "decimal128(18, 4)"}}, or cast in the query.'
        )
    return {
        "bool": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "bytes": pa.binary(),
        "datetime": pa.timestamp("us"),
        "datetime with time zone": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "duration": pa.duration("us"),
    }[kind]


def _array(values: list[Any], wanted: pa.DataType, types: list[type]) -> pa.Array:
    """Make an array of a type; text is parsed, a number is only taken for another one when it is equal."""
    pa, kinds = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    if kinds.is_string(wanted) or kinds.is_large_string(wanted):
        if any(issubclass(kind, UUID | dict | list) for kind in types):
            values = [_text(value) for value in values]
        return pa.array(values, wanted)
    if kinds.is_binary(wanted) and any(issubclass(kind, memoryview) for kind in types):
        return pa.array([value if value is None else bytes(value) for value in values], wanted)
    if types == [str]:
        return pa.array(values, pa.string()).cast(wanted)
    if kinds.is_boolean(wanted) and types == [int]:
        if not {value for value in values if value is not None} <= {0, 1}:
            raise ValueError("a number other than 0 and 1")
        return pa.array(values, pa.int64()).cast(wanted)
    if Decimal in types and not kinds.is_decimal(wanted):
        return pa.array(values).cast(wanted)
    return pa.array(values, wanted)


def _text(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value if value is None or isinstance(value, str) else str(value)
