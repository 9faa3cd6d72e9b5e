"""Columns of Parquet files as SQL: what a value is, and how it is compared with a value of a suite."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends import duckdb_session
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.near import did_you_mean

INT, FLOAT, BOOL, TEXT, TIME, DATE, DECIMAL, OTHER = (
    "integer", "float", "boolean", "text", "time", "date", "decimal", "other"
)  # fmt: skip
ROUNDED = "rounded"
"""Times that this DuckDB reads to the microsecond only: before 2.0, those of nanoseconds with a zone."""
NUMBERS = (INT, FLOAT, DECIMAL)
_INT64 = 1 << 63
_EXACT = Context(prec=60)


class NotCompiled(BadInput):
    """Raised when an expectation, on these columns, has no SQL that gives Great Expectations' verdict."""


class NoColumn(BadInput):
    """Raised when an expectation names a column that the rows do not have."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    :param name: its name.
    :param position: its place, from 0; in SQL it is ``c<position>``.
    :param kind: what its values are: ``integer``, ``float``, ``text``, ...
    :param type: its Arrow type, as text.
    :param scale: digits after the point of a decimal.
    :param zoned: whether its times have a zone.
    """

    name: str
    position: int
    kind: str
    type: str
    scale: int = 0
    zoned: bool = False

    @property
    def value(self) -> str:
        """SQL of the value; no value is NaN."""
        return f"c{self.position}"

    @property
    def read(self) -> str:
        """SQL that reads the value: NaN is missing, as it is to pandas."""
        if self.kind != FLOAT:
            return self.value
        return f"nullif({self.value}, CAST('NaN' AS {'FLOAT' if self.type == 'float' else 'DOUBLE'}))"

    @property
    def number(self) -> str:
        """SQL of the value as it is compared: a float of 32 bits as one of 64."""
        return f"CAST({self.value} AS DOUBLE)" if self.type == "float" else self.value


def columns_of(files: Sequence[Path]) -> dict[str, Column]:
    """Return the columns of some Parquet files of one schema, by name.

    :param files: the files, at least one.
    :return: the columns, in order.
    """
    schema = load("pyarrow.parquet", "parquet").read_schema(files[0])
    return {field.name: _column(field, position) for position, field in enumerate(schema)}


def column(columns: Mapping[str, Column], name: Any, *kinds: str) -> Column:
    """Find a column.

    :param columns: the columns.
    :param name: its name.
    :param kinds: kinds that it must have; none for any.
    :return: the column.
    :raises NoColumn: when there is none of that name.
    :raises NotCompiled: when it is of another kind, or the name is no text or empty.
    """
    if not isinstance(name, str) or not name:
        raise NotCompiled
    if name not in columns:
        listed = ", ".join(list(columns)[:20])
        raise NoColumn(f"There is no column {name!r}; the rows have: {listed}.{did_you_mean(name, columns.keys())}")
    if columns[name].kind == ROUNDED or (kinds and columns[name].kind not in kinds):
        raise NotCompiled
    return columns[name]


def literal(column: Column, value: Any) -> str:
    """Write a value of a suite as SQL, so that a column's value equals it just when it does in Python.

    :param column: the column that it is compared with.
    :param value: the value.
    :return: SQL.
    :raises NotCompiled: when no value of the column can equal it, or none is written that way.
    """
    if column.kind == TEXT and isinstance(value, str) and "\x00" not in value:
        return duckdb_session.text(value)
    if column.kind == BOOL and isinstance(value, int | float) and value in {0, 1}:
        return "true" if value else "false"
    if column.kind in NUMBERS and isinstance(value, int | float) and math.isfinite(value):
        return _number(column, value)
    raise NotCompiled


def _number(column: Column, value: float) -> str:
    if column.kind == FLOAT:
        return f"CAST('{float(value)!r}' AS DOUBLE)"
    exact = written(value)
    if _at_scale(column, exact, ROUND_FLOOR) != exact:
        raise NotCompiled
    return _exactly(column, exact)


def literals(column: Column, values: Sequence[Any]) -> list[str]:
    """Write those values of a set that the column can hold at all.

    :param column: the column.
    :param values: values of a suite; what is of another type equals no value of the column.
    :return: SQL of each; without doubles.
    :raises NotCompiled: when the column's values cannot be written.
    """
    if column.kind not in {TEXT, BOOL, *NUMBERS}:
        raise NotCompiled
    found: dict[str, None] = {}
    for value in values:
        if isinstance(value, str) and "\x00" in value:
            raise NotCompiled
        try:
            found[literal(column, value)] = None
        except NotCompiled:
            continue
    return list(found)


def between(column: Column, limits: Mapping[str, Any]) -> str:
    """Write that a value lies between limits.

    :param column: the column.
    :param limits: ``min_value``, ``max_value`` (None or left out for none), ``strict_min``, ``strict_max``.
    :return: SQL of a truth value; null where the value is.
    :raises NotCompiled: when the column's values cannot be held against these limits.
    """
    low, high = (limit(column, limits.get(key)) for key in ("min_value", "max_value"))
    parts = []
    if low is not None:
        parts.append(_bound(column, low, ">", strict=flag(limits, "strict_min")))
    if high is not None:
        parts.append(_bound(column, high, "<", strict=flag(limits, "strict_max")))
    if not parts or (low is not None and high is not None and low > high):
        raise NotCompiled  # Great Expectations says what is wrong
    return " AND ".join(parts)


def limit(column: Column, value: Any) -> Any:
    """Read a limit as Great Expectations does: a number, or a text with a day or a time.

    :param column: the column whose values it limits.
    :param value: the limit of a suite, None for none.
    :return: a finite number, or a time; None for none.
    :raises NotCompiled: when it is neither, or does not suit the column.
    """
    if value is None:
        return None
    if column.kind in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise NotCompiled
        return value
    if column.kind in {TIME, DATE}:
        return time_limit(value, zoned=column.zoned)
    raise NotCompiled


def time_limit(value: Any, *, zoned: bool) -> dt.datetime:
    """Read a limit of times.

    :param value: a day or time: ISO 8601, or any text that dateutil reads.
    :param zoned: whether it must have a zone, or must have none.
    :return: the time; a day is its midnight.
    :raises NotCompiled: when it is not one.
    """
    if isinstance(value, str):
        try:
            value = load("dateutil.parser", "parquet").parse(value)
        except (ValueError, OverflowError) as err:
            raise NotCompiled from err
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    if not isinstance(value, dt.datetime) or (value.tzinfo is not None) != zoned:
        raise NotCompiled
    return value


def written(value: float) -> Decimal:
    """Return a number of a suite as it is written there: 0.1 is a tenth, not the float nearest to it.

    :param value: the number.
    :return: its digits.
    """
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(int(value))


def flag(kwargs: Mapping[str, Any], key: str) -> bool:
    """Read a truth value among arguments.

    :param kwargs: the arguments.
    :param key: which.
    :return: the value; False when it is left out or None.
    :raises NotCompiled: when it is something else.
    """
    value = kwargs.get(key)
    if value not in {None, True, False} or isinstance(value, float):
        raise NotCompiled
    return bool(value)


def _bound(column: Column, value: Any, sign: str, *, strict: bool) -> str:
    if column.kind in {TIME, DATE}:
        kind = "TIMESTAMPTZ" if column.zoned else "TIMESTAMP"
        return f"{column.value} {sign}{'' if strict else '='} {kind} '{value.isoformat(sep=' ')}'"
    if column.kind == FLOAT:
        return f"{column.number} {sign}{'' if strict else '='} CAST('{float(value)!r}' AS DOUBLE)"
    up = sign == ">"
    # The next value inside the limit, so that whole numbers and decimals are compared as such.
    exact = written(value)
    inner = _at_scale(column, exact, ROUND_CEILING if up else ROUND_FLOOR)
    if strict and inner == exact:
        step = Decimal(1).scaleb(-column.scale)
        inner = _EXACT.add(inner, step) if up else _EXACT.subtract(inner, step)
    return f"{column.value} {sign}= {_exactly(column, inner)}"


def _at_scale(column: Column, exact: Decimal, rounding: str) -> Decimal:
    try:
        return exact.quantize(Decimal(1).scaleb(-column.scale), rounding=rounding, context=_EXACT)
    except InvalidOperation as err:
        raise NotCompiled from err


def _exactly(column: Column, value: Decimal) -> str:
    if column.kind == INT:
        if not -_INT64 <= value < 2 * _INT64:
            raise NotCompiled
        return str(int(value))
    return f"CAST('{value:f}' AS DECIMAL(38, {column.scale}))"


def _column(field: Any, position: int) -> Column:
    types, kind = load("pyarrow.types", "parquet"), field.type
    if types.is_dictionary(kind):
        kind = kind.value_type
    name = OTHER
    for candidate, tests in (
        (INT, (types.is_integer,)),
        (FLOAT, (types.is_float32, types.is_float64)),
        (BOOL, (types.is_boolean,)),
        (TEXT, (types.is_string, types.is_large_string, types.is_string_view)),
        (TIME, (types.is_timestamp,)),
        (DATE, (types.is_date32,)),
        (DECIMAL, (types.is_decimal128,)),
    ):
        if any(test(kind) for test in tests):
            name = candidate
    scale = kind.scale if name == DECIMAL else 0
    zoned = name == TIME and kind.tz is not None
    if zoned and kind.unit == "ns" and int(load("duckdb", duckdb_session.EXTRA).__version__.partition(".")[0]) < 2:
        name = ROUNDED
    return Column(field.name, position, name, str(kind), scale, zoned)
