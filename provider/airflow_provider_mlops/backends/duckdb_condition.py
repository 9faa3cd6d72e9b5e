"""Row conditions of Great Expectations as SQL: which rows an expectation is about at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.backends.duckdb_columns import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    Column,
    NotCompiled,
    between,
    column,
    literals,
)  # fmt: skip
from airflow_provider_mlops.backends.duckdb_rows import member
from airflow_provider_mlops.core.row_condition import CONDITION

Columns = Mapping[str, Column]
_LIMITS: Mapping[str, tuple[str, bool]] = {
    "<": ("max_value", True),
    "<=": ("max_value", False),
    ">": ("min_value", True),
    ">=": ("min_value", False),
}


def condition(columns: Columns, kwargs: Mapping[str, Any]) -> str | None:
    """Write which rows an expectation is about.

    A value that is missing meets no comparison but ``!=`` and ``NOT_IN``, as in pandas.

    :param columns: the columns of the rows, by name.
    :param kwargs: the expectation's arguments.
    :return: SQL of a truth value, never null; None where it is about all rows.
    :raises NotCompiled: when the condition is a text, or has no SQL that is met by the same rows in pandas.
    :raises NoColumn: when it names a column that the rows do not have.
    """
    wanted = kwargs.get("row_condition")
    if kwargs.get("condition_parser") is not None:
        raise NotCompiled
    return None if wanted is None else _written(columns, wanted)


def unconditional(expectation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an expectation without its condition.

    :param expectation: its ``type`` and ``kwargs``.
    :return: the same about all rows.
    """
    kwargs = {name: value for name, value in expectation["kwargs"].items() if name not in CONDITION}
    return {**expectation, "kwargs": kwargs}


def _written(columns: Columns, wanted: Any) -> str:
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if not isinstance(kind, str) or kind not in _WRITERS:
        raise NotCompiled
    members, write = _WRITERS[kind]
    if set(wanted) != members:
        raise NotCompiled
    return write(columns, wanted)


def _nullity(columns: Columns, wanted: Mapping[str, Any]) -> str:
    if not isinstance(wanted["is_null"], bool):
        raise NotCompiled
    return f"{_named(columns, wanted).value} IS {'' if wanted['is_null'] else 'NOT '}NULL"


def _comparison(columns: Columns, wanted: Mapping[str, Any]) -> str:
    one, operator, value = _named(columns, wanted), str(wanted["operator"]), wanted["parameter"]
    # pandas rounds the value that a float of 32 bits is compared with; decimals and times it compares its own way.
    if one.kind not in {INT, FLOAT, TEXT, BOOL} or one.type == "float":
        raise NotCompiled
    if operator in _LIMITS and one.kind in {INT, FLOAT}:
        name, strict = _LIMITS[operator]
        return f"coalesce({between(one, {name: _like(one, value), f'strict_{name[:3]}': strict})}, false)"
    if operator in {"==", "!="}:
        return _in(one, [_like(one, value)], wanted=operator == "==")
    if operator in {"IN", "NOT_IN"} and isinstance(value, list) and one.kind != BOOL:
        return _in(one, [_like(one, item) for item in value], wanted=operator == "IN")
    raise NotCompiled


def _in(one: Column, values: Sequence[Any], *, wanted: bool) -> str:
    found = f"coalesce({member(one, values)}, false)" if literals(one, values) else "false"
    return found if wanted else f"NOT {found}"


def _like(one: Column, value: Any) -> Any:
    """Return a value that pandas compares with the column's as what it is; of two kinds it may compare anything."""
    if one.kind in {INT, FLOAT}:
        suits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    else:
        suits = isinstance(value, str if one.kind == TEXT else bool)
    if not suits:
        raise NotCompiled
    return value


def _named(columns: Columns, wanted: Mapping[str, Any]) -> Column:
    named = wanted["column"]
    if not isinstance(named, Mapping) or set(named) != {"name"}:
        raise NotCompiled
    return column(columns, named["name"])


def _joined(word: str) -> Callable[[Columns, Mapping[str, Any]], str]:
    def write(columns: Columns, wanted: Mapping[str, Any]) -> str:
        if not isinstance(wanted["conditions"], list) or not wanted["conditions"]:
            raise NotCompiled
        return f"({f' {word} '.join(_written(columns, part) for part in wanted['conditions'])})"

    return write


_WRITERS: Mapping[str, tuple[set[str], Callable[[Columns, Mapping[str, Any]], str]]] = {
    "comparison": ({"type", "column", "operator", "parameter"}, _comparison),
    "nullity": ({"type", "column", "is_null"}, _nullity),
    "and": ({"type", "conditions"}, _joined("AND")),
    "or": ({"type", "conditions"}, _joined("OR")),
}
