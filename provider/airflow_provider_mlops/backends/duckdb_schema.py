"""Expectations about the names and types of columns; types are those that pandas gives the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_mlops.backends.duckdb_aggregates import number_finding, number_limits
from airflow_provider_mlops.backends.duckdb_columns import BOOL, FLOAT, INT, TEXT, TIME, Column, NotCompiled, column
from airflow_provider_mlops.backends.duckdb_plan import ROWS, Finding, Plan, Scan, mostly_of, only, settled
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.expectation_figures import holds_mostly, map_numbers

Columns = Mapping[str, Column]
Kwargs = Mapping[str, Any]
_TEXT_TYPES = frozenset({"str", "str_"})
_OBJECT_TYPES = frozenset({"object", "object_", "O"})


def _exists(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", "column_index")
    name, place = kwargs.get("column"), kwargs.get("column_index")
    if isinstance(place, bool) or not isinstance(place, int | None):
        raise NotCompiled
    names = list(columns)
    found = -len(names) <= place < len(names) and names[place] == name if place else name in columns
    return settled(Finding(found, {}))


def _count(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "min_value", "max_value")
    limits = number_limits(kwargs, whole=True)
    return settled(number_finding(len(columns), limits))


def _count_equals(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "value")
    value = kwargs.get("value")
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotCompiled
    return settled(Finding(len(columns) == value, {"observed_value": len(columns)}))


def _match_set(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column_set", "exact_match")
    wanted, exact = _names(kwargs.get("column_set")), kwargs.get("exact_match", True)
    if exact not in {True, False}:
        raise NotCompiled
    there = set(columns)
    holds = there == set(wanted) if exact else set(wanted) <= there
    return settled(Finding(holds, {"observed_value": sorted(there)}))


def _match_list(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column_list")
    wanted, there = _names(kwargs.get("column_list")), list(columns)
    return settled(Finding(there == wanted, {"observed_value": there}))


def _of_type(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", "mostly", "type_")
    one, wanted = column(columns, kwargs.get("column"), INT, FLOAT, BOOL, TEXT, TIME), kwargs.get("type_")
    if not isinstance(wanted, str):
        raise NotCompiled
    return _type_plan(one, [wanted], mostly_of(kwargs))


def _in_type_list(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", "mostly", "type_list")
    one, wanted = column(columns, kwargs.get("column"), INT, FLOAT, BOOL, TEXT, TIME), kwargs.get("type_list")
    return _type_plan(one, _names(wanted), mostly_of(kwargs))


def _type_plan(one: Column, wanted: list[str], mostly: float) -> Plan:
    """A column of numbers or times has one type; a column of objects is asked value by value, as pandas is."""
    numpy = load("numpy", "parquet")
    types = [_dtype(numpy, name) for name in wanted]
    present = f"count({one.value})"

    def finish(scan: Scan) -> Finding:
        actual = _pandas_type(numpy, one, missing=scan[ROWS] - scan[present])
        if actual is None:
            if set(wanted) & _OBJECT_TYPES:
                return Finding(True, {"observed_value": "object_"})
            if one.kind != TEXT:
                raise NotCompiled
            matched = bool(set(wanted) & _TEXT_TYPES)
            unexpected = 0 if matched else scan[present]
            numbers = map_numbers(scan[ROWS], unexpected, scan[present])
            return Finding(holds_mostly(scan[present], unexpected, mostly), numbers)
        return Finding(actual in types, {"observed_value": actual.__name__})

    return Plan((ROWS, present), finish)


def _dtype(numpy: Any, name: str) -> Any:
    try:
        return numpy.dtype(name).type
    except TypeError as err:
        raise NotCompiled from err  # names of pandas' own types


def _pandas_type(numpy: Any, one: Column, *, missing: int) -> Any:
    """NumPy's type of the column in pandas; None for a column of objects."""
    if one.kind == INT:
        return numpy.float64 if missing else numpy.dtype(one.type).type
    if one.kind == FLOAT:
        return numpy.float32 if one.type == "float" else numpy.float64
    if one.kind == BOOL:
        return None if missing else numpy.bool_
    if one.kind == TIME and not one.zoned:
        return numpy.datetime64
    if one.kind == TIME:
        raise NotCompiled
    return None


def _names(value: Any) -> list[str]:
    if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
        raise NotCompiled
    return list(value)


PLANS: Mapping[str, Callable[[Columns, Kwargs], Plan]] = {
    "expect_column_to_exist": _exists,
    "expect_table_column_count_to_be_between": _count,
    "expect_table_column_count_to_equal": _count_equals,
    "expect_table_columns_to_match_set": _match_set,
    "expect_table_columns_to_match_ordered_list": _match_list,
    "expect_column_values_to_be_of_type": _of_type,
    "expect_column_values_to_be_in_type_list": _in_type_list,
}
"""What plans each type of expectation about the schema."""
