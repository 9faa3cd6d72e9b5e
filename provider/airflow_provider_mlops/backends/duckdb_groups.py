"""Expectations about equal values (uniqueness, distinct values, the most common one) as grouped questions in SQL.

Groups do not fit one scan beside the others, and may be as many as the rows: each is a scan of its own columns only,
and DuckDB spills what its memory does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.backends.duckdb_aggregates import number_finding, number_limits
from airflow_provider_mlops.backends.duckdb_columns import BOOL, NUMBERS, TEXT, Column, NotCompiled, column
from airflow_provider_mlops.backends.duckdb_plan import ROWS, Finding, Plan, RowRule, Scan, counted, mostly_of, only
from airflow_provider_mlops.backends.duckdb_rows import member, several_columns
from airflow_provider_mlops.core.expectation import MAX_SHOWN
from airflow_provider_mlops.core.expectation_figures import holds_mostly, map_numbers

Columns = Mapping[str, Column]
Kwargs = Mapping[str, Any]
_LIMITS = ("min_value", "max_value", "strict_min", "strict_max")


def repeated_keys(rows: str, keys: Sequence[Column], considered: str) -> str:
    """Write the question for the values that stand more than once.

    :param rows: SQL of the relation.
    :param keys: the columns that make a value.
    :param considered: condition of the rows that count.
    :return: SQL; its columns are ``k0``, ``k1``, ...
    """
    named = ", ".join(f"{key.value} AS k{place}" for place, key in enumerate(keys))
    grouped = ", ".join(f"k{place}" for place in range(len(keys)))
    return (
        f"SELECT {grouped} FROM (SELECT {named} FROM {rows} WHERE {considered}) GROUP BY {grouped} HAVING count(*) > 1"
    )


def _counts(scan: Scan, keys: Sequence[Column], considered: str) -> tuple[int, int]:
    """Count the distinct values, and the rows whose value stands more than once."""
    grouped = ", ".join(key.value for key in keys)
    distinct, repeated = scan.ask(
        "SELECT count(*), coalesce(sum(n) FILTER (WHERE n > 1), 0) FROM "
        f"(SELECT count(*) AS n FROM {scan.rows} WHERE {considered} GROUP BY {grouped})"
    )[0]
    return int(distinct), int(repeated)


def _unique(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", "mostly")
    one = column(columns, kwargs.get("column"))
    return _keys_plan((one,), f"{one.value} IS NOT NULL", mostly_of(kwargs))


def _compound_unique(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column_list", "mostly", "ignore_row_if")
    several, considered = several_columns(columns, kwargs)
    return _keys_plan(several, considered, mostly_of(kwargs))


def _keys_plan(keys: Sequence[Column], considered: str, mostly: float) -> Plan:
    count = counted(considered)

    def finish(scan: Scan) -> Finding:
        _, repeated = _counts(scan, keys, considered)
        shown: Sequence[Any] = ()
        if repeated:
            found = scan.ask(f"{repeated_keys(scan.rows, keys, considered)} ORDER BY ALL LIMIT {MAX_SHOWN}")
            shown = [row[0] if len(row) == 1 else list(row) for row in found]
        numbers = map_numbers(scan[ROWS], repeated, scan[count])
        return Finding(holds_mostly(scan[count], repeated, mostly), numbers, shown)

    return Plan((ROWS, count), finish, RowRule(keys, considered, "false"), keys)


def _unique_count(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", *_LIMITS)
    one, limits = column(columns, kwargs.get("column")), number_limits(kwargs, whole=True)

    def finish(scan: Scan) -> Finding:
        return number_finding(_counts(scan, (one,), f"{one.value} IS NOT NULL")[0], limits)

    return Plan((ROWS,), finish)


def _unique_proportion(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", *_LIMITS)
    one, limits = column(columns, kwargs.get("column")), number_limits(kwargs)
    present = f"count({one.value})"

    def finish(scan: Scan) -> Finding:
        distinct, _ = _counts(scan, (one,), f"{one.value} IS NOT NULL")
        return number_finding(distinct / scan[present] if scan[present] else 0, limits)

    return Plan((present,), finish)


def _distinct(*, inside: bool, complete: bool) -> Callable[[Columns, Kwargs], Plan]:
    """Make the planner of an expectation about the set of a column's values.

    :param inside: whether each value must be in the expected set.
    :param complete: whether each of the expected set must be there.
    """

    def plan(columns: Columns, kwargs: Kwargs) -> Plan:
        only(kwargs, "column", "value_set")
        one = column(columns, kwargs.get("column"), TEXT, BOOL, *NUMBERS)
        expected, isin = _expected(kwargs), member(one, kwargs.get("value_set"))

        def finish(scan: Scan) -> Finding:
            numbers: dict[str, Any] = {"observed_value": None}
            shown: Sequence[Any] = ()
            if inside:
                outside = f"SELECT DISTINCT {one.value} AS v FROM {scan.rows} WHERE NOT ({isin})"
                count, shown = scan.ask(f"SELECT count(v), min(v, {MAX_SHOWN}) FROM ({outside})")[0]
                numbers["unexpected_count"] = count
            if complete:
                there = scan.ask(f"SELECT DISTINCT {one.value} FROM {scan.rows} WHERE {isin}")
                numbers["missing_count"] = len(expected - {row[0] for row in there})
            holds = not numbers.get("unexpected_count") and not numbers.get("missing_count")
            return Finding(holds, numbers, shown or ())

        return Plan((ROWS,), finish)

    return plan


def _most_common(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", "value_set", "ties_okay")
    one = column(columns, kwargs.get("column"), TEXT, BOOL, *NUMBERS)
    isin, ties_okay = member(one, kwargs.get("value_set")), kwargs.get("ties_okay")
    _expected(kwargs)
    if ties_okay not in {None, True, False}:
        raise NotCompiled

    def finish(scan: Scan) -> Finding:
        count, expected, values = scan.ask(
            f"WITH g AS MATERIALIZED (SELECT {one.value} AS v, any_value({isin}) AS e, count(*) AS n FROM {scan.rows} "
            f"WHERE {one.value} IS NOT NULL GROUP BY v) "
            f"SELECT count(*), count(*) FILTER (WHERE e), min(v, {MAX_SHOWN}) FROM g WHERE n = (SELECT max(n) FROM g)"
        )[0]
        holds = expected > 0 if ties_okay else count == 1 and expected == 1
        return Finding(holds, {"observed_value": values or []})

    return Plan((ROWS,), finish)


PLANS: Mapping[str, Callable[[Columns, Kwargs], Plan]] = {
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound_unique,
    "expect_column_unique_value_count_to_be_between": _unique_count,
    "expect_column_proportion_of_unique_values_to_be_between": _unique_proportion,
    "expect_column_distinct_values_to_be_in_set": _distinct(inside=True, complete=False),
    "expect_column_distinct_values_to_contain_set": _distinct(inside=False, complete=True),
    "expect_column_distinct_values_to_equal_set": _distinct(inside=True, complete=True),
    "expect_column_most_common_value_to_be_in_set": _most_common,
}
"""What plans each type of expectation about equal values."""


def _expected(kwargs: Kwargs) -> set[Any]:
    values = kwargs.get("value_set")
    if not isinstance(values, list) or any(not isinstance(item, str | int | float | None) for item in values):
        raise NotCompiled
    return set(values)
