"""Expectations about a column as a whole, and about the table, as SQL aggregates."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_mlops.backends.duckdb_columns import (
    DATE,
    DECIMAL,
    FLOAT,
    INT,
    NUMBERS,
    TIME,
    Column,
    NotCompiled,
    column,
    flag,
    limit,
    written,
)  # fmt: skip
from airflow_provider_mlops.backends.duckdb_plan import ROWS, Finding, Plan, Scan, only
from airflow_provider_mlops.core.expectation_figures import within

Columns = Mapping[str, Column]
Kwargs = Mapping[str, Any]
_LIMITS = ("min_value", "max_value", "strict_min", "strict_max")
_NEAR = 1e-4
"""What Great Expectations calls a quantile on its limit."""


def _mean(one: Column) -> str:
    return f"avg({_wide(one)})"


def _sum(one: Column) -> str:
    return f"sum({_wide(one)})"


def _stdev(one: Column) -> str:
    return f"stddev_samp(CAST({one.value} AS DOUBLE))"


def _wide(one: Column) -> str:
    return one.value if one.kind == INT else f"CAST({one.value} AS DOUBLE)"


def _number(write: Callable[[Column], str], empty: Any = None) -> Callable[[Columns, Kwargs], Plan]:
    """Make the planner of an expectation that holds one number of a column against limits."""

    def plan(columns: Columns, kwargs: Kwargs) -> Plan:
        only(kwargs, "column", *_LIMITS)
        one = column(columns, kwargs.get("column"), *NUMBERS)
        figure, limits = write(one), number_limits(kwargs)

        def finish(scan: Scan) -> Finding:
            value = scan[figure]
            return number_finding(empty if value is None else value, limits)

        return Plan((figure,), finish)

    return plan


def _extreme(name: str) -> Callable[[Columns, Kwargs], Plan]:
    def plan(columns: Columns, kwargs: Kwargs) -> Plan:
        only(kwargs, "column", *_LIMITS)
        one = column(columns, kwargs.get("column"), *NUMBERS, TIME, DATE)
        low, high = (limit(one, kwargs.get(key)) for key in ("min_value", "max_value"))
        if one.kind == DECIMAL:
            low, high = (None if edge is None else written(edge) for edge in (low, high))
        stricts = (flag(kwargs, "strict_min"), flag(kwargs, "strict_max"))
        figure = exact = f"{name}({one.value})"
        if one.kind == TIME and one.type.startswith("timestamp[ns"):
            # Python's times end at microseconds: these are compared as whole numbers.
            exact = f"epoch_ns({figure})"
            low, high = (None if edge is None else _nanoseconds(edge) for edge in (low, high))

        def finish(scan: Scan) -> Finding:
            value = scan[exact]
            compared = dt.datetime.combine(value, dt.time()) if one.kind == DATE and value is not None else value
            holds = within(compared, low, high, strict_low=stricts[0], strict_high=stricts[1])
            return Finding(holds, {"observed_value": _plain(scan[figure])})

        return Plan((figure, exact), finish)

    return plan


def _proportion_present(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", *_LIMITS)
    one, limits = column(columns, kwargs.get("column")), number_limits(kwargs)
    present = f"count({one.value})"

    def finish(scan: Scan) -> Finding:
        return number_finding(scan[present] / scan[ROWS] if scan[ROWS] else 0, limits)

    return Plan((ROWS, present), finish)


def _median(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", *_LIMITS)
    one, limits = column(columns, kwargs.get("column"), INT, FLOAT), number_limits(kwargs)
    present = f"count({one.value})"

    def finish(scan: Scan) -> Finding:
        n = scan[present]
        if n == 0:
            return number_finding(None, limits)
        low, high = scan.ranked(one, n, [(n - 1) // 2, n // 2])
        return number_finding((float(low) + float(high)) / 2, limits)

    return Plan((present,), finish)


def _quantiles(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", "quantile_ranges", "allow_relative_error")
    if kwargs.get("allow_relative_error"):
        raise NotCompiled
    one = column(columns, kwargs.get("column"), INT, FLOAT)
    quantiles, ranges = _quantile_ranges(kwargs.get("quantile_ranges"))
    present = f"count({one.value})"

    def finish(scan: Scan) -> Finding:
        n = scan[present]
        # pandas asks for percentiles, NumPy rounds the place half to even.
        ranks = [round((n - 1) * (quantile * 100.0 / 100.0)) for quantile in quantiles] if n else []
        values = scan.ranked(one, n, ranks) if n else [None] * len(quantiles)
        holds = all(_in_range(value, *bounds) for value, bounds in zip(values, ranges, strict=True))
        return Finding(holds, {"observed_value": {"quantiles": list(quantiles), "values": values}})

    return Plan((present,), finish)


def _row_count_between(_columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, *_LIMITS)
    limits = number_limits(kwargs, whole=True)
    return Plan((ROWS,), lambda scan: number_finding(scan[ROWS], limits))


def _row_count_equals(_columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "value")
    value = _whole(kwargs.get("value"))
    return Plan((ROWS,), lambda scan: Finding(scan[ROWS] == value, {"observed_value": scan[ROWS]}))


PLANS: Mapping[str, Callable[[Columns, Kwargs], Plan]] = {
    "expect_column_mean_to_be_between": _number(_mean),
    "expect_column_sum_to_be_between": _number(_sum, empty=0),
    "expect_column_stdev_to_be_between": _number(_stdev),
    "expect_column_median_to_be_between": _median,
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_min_to_be_between": _extreme("min"),
    "expect_column_max_to_be_between": _extreme("max"),
    "expect_column_proportion_of_non_null_values_to_be_between": _proportion_present,
    "expect_table_row_count_to_be_between": _row_count_between,
    "expect_table_row_count_to_equal": _row_count_equals,
}
"""What plans each type of expectation about a column's numbers."""


def number_limits(kwargs: Kwargs, *, whole: bool = False) -> dict[str, Any]:
    """Read the limits of a number.

    :param kwargs: ``min_value``, ``max_value``, ``strict_min``, ``strict_max``.
    :param whole: whether limits must be whole numbers.
    :return: arguments of `within`.
    :raises NotCompiled: when one is not a finite number.
    """
    found: dict[str, Any] = {}
    for key, name in (("min_value", "low"), ("max_value", "high")):
        value = kwargs.get(key)
        if value is not None and whole:
            value = _whole(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise NotCompiled
        if value is not None and not math.isfinite(value):
            raise NotCompiled
        found[name] = value
    return {**found, "strict_low": flag(kwargs, "strict_min"), "strict_high": flag(kwargs, "strict_max")}


def number_finding(value: Any, limits: Mapping[str, Any]) -> Finding:
    """Hold a number against limits.

    :param value: the number; None and NaN hold never.
    :param limits: arguments of `within`.
    :return: the finding.
    """
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return Finding(within(value, **limits), {"observed_value": None if missing else _plain(value)})


def _quantile_ranges(wanted: Any) -> tuple[list[float], list[tuple[float, float]]]:
    if not isinstance(wanted, Mapping) or set(wanted) != {"quantiles", "value_ranges"}:
        raise NotCompiled
    quantiles, ranges = list(wanted["quantiles"]), [tuple(item) for item in wanted["value_ranges"]]
    limits = [item for bounds in ranges for item in bounds if item is not None]
    if len(quantiles) != len(ranges) or not quantiles or any(len(bounds) != 2 for bounds in ranges):
        raise NotCompiled
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in [*quantiles, *limits]):
        raise NotCompiled
    if not all(0 <= quantile <= 1 for quantile in quantiles):
        raise NotCompiled
    return quantiles, [(-math.inf if low is None else low, math.inf if high is None else high) for low, high in ranges]


def _in_range(value: Any, low: float, high: float) -> bool:
    if value is None:
        return False
    near = any(math.isfinite(edge) and abs(value - edge) <= 1e-8 + _NEAR * abs(edge) for edge in (low, high))
    return near or low <= value <= high


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        raise NotCompiled
    return int(value)


def _nanoseconds(moment: dt.datetime) -> int:
    """Count from 1970; a time without a zone as if it were UTC, as the database does."""
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (zoned - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) * 1000


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC)
    return value
