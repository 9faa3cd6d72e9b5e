"""Arrow types by the names that people write, and one unit for every time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

PLAIN = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "string",
    "binary",
    "date32",
)
_DECIMAL = re.compile(r"decimal(?:128|256)?\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:,\s*tz=([\w/+:-]+))?\]")
_TIME = re.compile(r"time(?:32|64)?\[(s|ms|us|ns)\]")


def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type that a name stands for.

    :param name: ``int64``, ``string``, ``decimal128(12, 2)``, ``timestamp[us, tz=UTC]``, ``time64[us]``, ...
    :return: the type.
    :raises BadInput: when there is no such type.
    """
    pa = load("pyarrow", "parquet")
    if name in PLAIN:
        return getattr(pa, {"bool": "bool_"}.get(name, name))()
    if found := _DECIMAL.fullmatch(name):
        return decimal_type(int(found[1]), int(found[2]), name)
    if found := _TIMESTAMP.fullmatch(name):
        return pa.timestamp(found[1], found[2])
    if found := _TIME.fullmatch(name):
        return (pa.time32 if found[1] in ("s", "ms") else pa.time64)(found[1])
    raise BadInput(
        f"Type {name!r} is unknown; known are {', '.join(PLAIN)}, decimal128(12, 2), timestamp[us], "
        "timestamp[us, tz=UTC] and time64[us]."
    )


def decimal_type(precision: int, scale: int, what: str) -> pa.DataType:
    """Return a decimal type that holds a precision and scale.

    :param precision: digits in all, 1 to 76.
    :param scale: digits after the point, 0 to the precision.
    :param what: names the column or type in the error.
    :return: ``decimal128``, or ``decimal256`` above 38 digits.
    :raises BadInput: when no such type exists.
    """
    pa = load("pyarrow", "parquet")
    if not (1 <= precision <= 76 and 0 <= scale <= precision):
        raise BadInput(f"{what}: a decimal of {precision} digits, {scale} after the point, cannot be stored.")
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def arrow_types(schema: Mapping[str, str]) -> dict[str, pa.DataType]:
    """Return the Arrow types of a schema that a source states.

    :param schema: type name by column.
    :return: type by column.
    :raises BadInput: naming the column whose type is unknown.
    """
    found = {}
    for column, name in schema.items():
        try:
            found[column] = arrow_type(name)
        except BadInput as err:
            raise BadInput(f"schema of column {column!r}: {err}") from None
    return found


def check_columns(names: Iterable[str], schema: Mapping[str, object], what: str) -> list[str]:
    """Check that column names are unique, and that a stated schema names none that is missing.

    :param names: the columns that the source gives, in order.
    :param schema: what the source states by column.
    :param what: names the source in the error, e.g. ``The query``.
    :return: the names.
    :raises BadInput: naming the columns.
    """
    names = list(names)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{what} gives the column {', '.join(map(repr, twice[:5]))} more than once; rename one.")
    if missing := [name for name in schema if name not in names]:
        raise BadInput(
            f"{what} has no column {', '.join(map(repr, missing[:5]))}, which schema names; it has: {_some(names)}."
        )
    return names


def one_unit(arrow: pa.DataType) -> pa.DataType:
    """Return an inferred type with times in microseconds: a fraction of a second in one file is no other type.

    :param arrow: a type that a library inferred.
    """
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    if types.is_timestamp(arrow):
        return pa.timestamp("us", arrow.tz)
    return pa.time64("us") if types.is_time(arrow) else arrow


def name_column(message: str, names: list[str]) -> str:
    """Say the name of a column where Arrow's CSV reader says its number.

    :param message: Arrow's message.
    :param names: the columns, in order.
    """
    for place in range(len(names) - 1, -1, -1):
        message = message.replace(f"In CSV column #{place}:", f"Column {names[place]!r}:")
    return message


def _some(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
