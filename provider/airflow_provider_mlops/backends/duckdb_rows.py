"""Expectations about single values, pairs and records as SQL conditions of a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.backends.duckdb_columns import (
    BOOL,
    DATE,
    FLOAT,
    INT,
    NUMBERS,
    TEXT,
    TIME,
    Column,
    NotCompiled,
    between,
    column,
    flag,
    literals,
)  # fmt: skip
from airflow_provider_mlops.backends.duckdb_plan import RowRule, only
from airflow_provider_mlops.backends.duckdb_text import like, search

Columns = Mapping[str, Column]
Kwargs = Mapping[str, Any]
_LIMITS = ("min_value", "max_value", "strict_min", "strict_max")
_COMPARED = (INT, FLOAT)
"""Kinds of which two columns are compared with each other as numbers."""


def _not_null(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column", "mostly")
    one = column(columns, kwargs.get("column"))
    return RowRule((one,), "true", f"{one.value} IS NULL", counts_missing=False)


def _null(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column", "mostly")
    one = column(columns, kwargs.get("column"))
    return RowRule((one,), "true", f"{one.value} IS NOT NULL", counts_missing=False)


def _between(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column", "mostly", *_LIMITS)
    one = column(columns, kwargs.get("column"), *NUMBERS, TIME, DATE)
    return _about(one, f"NOT ({between(one, kwargs)})")


def _in_set(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column", "mostly", "value_set")
    one = column(columns, kwargs.get("column"))
    return _about(one, f"NOT ({member(one, kwargs.get('value_set'))})")


def _not_in_set(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column", "mostly", "value_set")
    one = column(columns, kwargs.get("column"))
    return _about(one, member(one, kwargs.get("value_set")))


def _lengths_between(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column", "mostly", *_LIMITS)
    one = column(columns, kwargs.get("column"), TEXT)
    if any(not isinstance(kwargs.get(key), int | None) for key in ("min_value", "max_value")):
        raise NotCompiled
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None and high is None:
        raise NotCompiled
    length = f"length({one.value})"
    parts = [
        f"{length} {sign}{'' if flag(kwargs, strict) else '='} {int(value)}"
        for value, sign, strict in ((low, ">", "strict_min"), (high, "<", "strict_max"))
        if value is not None
    ]
    return _about(one, f"NOT ({' AND '.join(parts)})")


def _length_equals(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column", "mostly", "value")
    one, value = column(columns, kwargs.get("column"), TEXT), kwargs.get("value")
    if not isinstance(value, int):
        raise NotCompiled
    return _about(one, f"length({one.value}) <> {int(value)}")


def _pattern(
    argument: str, write: Callable[[str, Any], str], *, wanted: bool, joined: bool = False
) -> Callable[[Columns, Kwargs], RowRule]:
    """Make the compiler of expectations about one pattern or a list of them."""

    def rule(columns: Columns, kwargs: Kwargs) -> RowRule:
        only(kwargs, "column", "mostly", argument, *(("match_on",) if joined and wanted else ()))
        one = column(columns, kwargs.get("column"), TEXT)
        patterns = kwargs.get(argument) if joined else [kwargs.get(argument)]
        match_on = kwargs.get("match_on", "any")
        if not isinstance(patterns, list) or not patterns or match_on not in {"any", "all"}:
            raise NotCompiled
        found = (" OR " if match_on == "any" else " AND ").join(f"({write(one.value, item)})" for item in patterns)
        return _about(one, f"NOT ({found})" if wanted else found)

    return rule


def _greater(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column_A", "column_B", "mostly", "or_equal", "ignore_row_if")
    first, second = _pair(columns, kwargs)
    return _records(
        (first, second), kwargs, f"{first.number} {'>=' if flag(kwargs, 'or_equal') else '>'} {second.number}"
    )


def _pair_equal(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column_A", "column_B", "mostly", "ignore_row_if")
    first, second = _pair(columns, kwargs, TEXT, BOOL)
    return _records((first, second), kwargs, f"{first.number} = {second.number}")


def _pair_in_set(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column_A", "column_B", "mostly", "value_pairs_set", "ignore_row_if")
    pair = tuple(column(columns, kwargs.get(key), INT, FLOAT, TEXT) for key in ("column_A", "column_B"))
    listed = kwargs.get("value_pairs_set")
    if not isinstance(listed, list) or any(not isinstance(item, list | tuple) or len(item) != 2 for item in listed):
        raise NotCompiled
    parts = [f"({_is(pair[0], first)} AND {_is(pair[1], second)})" for first, second in listed]
    return _records(pair, kwargs, " OR ".join(parts) or "false")


def _sum_equals(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column_list", "mostly", "sum_total", "ignore_row_if")
    several, total = _several(columns, kwargs, INT, FLOAT), kwargs.get("sum_total")
    if isinstance(total, bool) or not isinstance(total, int | float) or not math.isfinite(total):
        raise NotCompiled
    added = " + ".join(f"CAST({item.value} AS DOUBLE)" for item in several)
    return _records(several, kwargs, f"{added} = CAST('{float(total)!r}' AS DOUBLE)")


def _all_equal(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column_list", "mostly", "ignore_row_if")
    several = _several(columns, kwargs, INT, FLOAT, TEXT)
    same = [f"{several[0].number} IS NOT DISTINCT FROM {item.number}" for item in several[1:]]
    return _records(several, kwargs, " AND ".join(same))


def _all_different(columns: Columns, kwargs: Kwargs) -> RowRule:
    only(kwargs, "column_list", "mostly", "ignore_row_if")
    several = _several(columns, kwargs, INT, FLOAT, TEXT)
    pairs = [(a, b) for place, a in enumerate(several) for b in several[place + 1 :]]
    return _records(several, kwargs, " AND ".join(f"{a.number} IS DISTINCT FROM {b.number}" for a, b in pairs))


RULES: Mapping[str, Callable[[Columns, Kwargs], RowRule]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_value_lengths_to_be_between": _lengths_between,
    "expect_column_value_lengths_to_equal": _length_equals,
    "expect_column_values_to_match_regex": _pattern("regex", search, wanted=True),
    "expect_column_values_to_not_match_regex": _pattern("regex", search, wanted=False),
    "expect_column_values_to_match_regex_list": _pattern("regex_list", search, wanted=True, joined=True),
    "expect_column_values_to_not_match_regex_list": _pattern("regex_list", search, wanted=False, joined=True),
    "expect_column_values_to_match_like_pattern": _pattern("like_pattern", like, wanted=True),
    "expect_column_values_to_not_match_like_pattern": _pattern("like_pattern", like, wanted=False),
    "expect_column_values_to_match_like_pattern_list": _pattern("like_pattern_list", like, wanted=True, joined=True),
    "expect_column_values_to_not_match_like_pattern_list": _pattern(
        "like_pattern_list", like, wanted=False, joined=True
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": _pair_equal,
    "expect_column_pair_values_to_be_in_set": _pair_in_set,
    "expect_multicolumn_sum_to_equal": _sum_equals,
    "expect_multicolumn_values_to_be_equal": _all_equal,
    "expect_select_column_values_to_be_unique_within_record": _all_different,
}
"""What compiles each type of expectation about single rows."""


RECORD_RULES = frozenset(kind for kind in RULES if not kind.startswith("expect_column_value"))
"""Those of them that look at several columns of a row."""


def member(one: Column, values: Any) -> str:
    """Write that a value is in a set.

    :param one: the column.
    :param values: the set, a list.
    :return: SQL of a truth value; null where the value is.
    :raises NotCompiled: when it is not a list, or the column's values cannot be written.
    """
    if not isinstance(values, list) or not values:
        raise NotCompiled
    written = literals(one, values)
    if not written:
        return f"({one.value} IS NULL AND NULL)"
    if one.kind == TEXT:
        # A function is asked once for each text of a dictionary, and looks it up; IN compares, row by row.
        return f"map_contains(MAP([{', '.join(written)}], [{', '.join(['true'] * len(written))}]), {one.value})"
    return f"{one.number} IN ({', '.join(written)})"


def considered_records(columns: Sequence[Column], ignore: str) -> str:
    """Write which records are looked at.

    :param columns: the columns of a record.
    :param ignore: ``ignore_row_if`` of Great Expectations.
    :return: SQL of a truth value, never null.
    :raises NotCompiled: when it is not known.
    """
    present = [f"{item.value} IS NOT NULL" for item in columns]
    if ignore in {"both_values_are_missing", "all_values_are_missing"}:
        return f"({' OR '.join(present)})"
    if ignore in {"either_value_is_missing", "any_value_is_missing"}:
        return f"({' AND '.join(present)})"
    if ignore in {"neither", "never"}:
        return "true"
    raise NotCompiled


def several_columns(columns: Columns, kwargs: Kwargs) -> tuple[Sequence[Column], str]:
    """Read the columns of a record and which records are looked at.

    :param columns: the columns.
    :param kwargs: ``column_list`` and ``ignore_row_if``.
    :return: the columns, and the condition as SQL.
    :raises NotCompiled: when they are not two or more of one kind.
    """
    several = _several(columns, kwargs)
    return several, considered_records(several, _ignored(kwargs))


def _about(one: Column, breaks: str) -> RowRule:
    return RowRule((one,), f"{one.value} IS NOT NULL", breaks)


def _records(several: Sequence[Column], kwargs: Kwargs, keeps: str) -> RowRule:
    considered = considered_records(several, _ignored(kwargs))
    return RowRule(several, considered, f"{considered} AND NOT coalesce({keeps}, false)")


def _ignored(kwargs: Kwargs) -> str:
    pair = "column_A" in kwargs
    value = kwargs.get("ignore_row_if") or ("both_values_are_missing" if pair else "all_values_are_missing")
    known = {"both_values_are_missing", "either_value_is_missing", "neither"}
    if value not in (known if pair else {"all_values_are_missing", "any_value_is_missing", "never"}):
        raise NotCompiled
    return str(value)


def _pair(columns: Columns, kwargs: Kwargs, *more: str) -> tuple[Column, Column]:
    first, second = (column(columns, kwargs.get(key)) for key in ("column_A", "column_B"))
    numbers = first.kind in _COMPARED and second.kind in _COMPARED
    times = first.kind == second.kind == TIME and first.zoned == second.zoned
    if not numbers and not times and not (first.kind == second.kind and first.kind in (DATE, *more)):
        raise NotCompiled
    return first, second


def _several(columns: Columns, kwargs: Kwargs, *kinds: str) -> Sequence[Column]:
    names = kwargs.get("column_list")
    if not isinstance(names, list) or len(names) < 2 or len(set(map(str, names))) != len(names):
        raise NotCompiled
    several = [column(columns, name, *kinds) for name in names]
    # Values of two kinds would be turned into one before they are compared, which Python does not do.
    if kinds and len({TEXT if item.kind == TEXT else INT for item in several}) != 1:
        raise NotCompiled
    return several


def _is(one: Column, value: Any) -> str:
    if value is None:
        return f"{one.value} IS NULL"
    written = literals(one, [value])
    return f"coalesce({one.number} = {written[0]}, false)" if written else "false"
