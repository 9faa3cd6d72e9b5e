"""Expectations about values beside each other (in order, far from the mean) as questions of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_mlops.backends.duckdb_columns import FLOAT, INT, TIME, Column, NotCompiled, column, flag
from airflow_provider_mlops.backends.duckdb_plan import ROWS, Finding, Plan, Scan, mostly_of, only
from airflow_provider_mlops.core.expectation import MAX_SHOWN
from airflow_provider_mlops.core.expectation_figures import holds_mostly, map_numbers

Columns = Mapping[str, Column]
Kwargs = Mapping[str, Any]


def _in_order(*, rising: bool) -> Callable[[Columns, Kwargs], Plan]:
    def plan(columns: Columns, kwargs: Kwargs) -> Plan:
        only(kwargs, "column", "mostly", "strictly")
        one = column(columns, kwargs.get("column"), INT, FLOAT, TIME)
        sign = ("<" if rising else ">") + ("=" if flag(kwargs, "strictly") else "")
        mostly, present = mostly_of(kwargs), f"count({one.value})"
        if one.type.startswith("uint"):
            raise NotCompiled  # pandas takes differences, which wrap around

        def finish(scan: Scan) -> Finding:
            before = (
                f"SELECT v, lag(v) OVER () AS p FROM (SELECT {one.value} AS v FROM {scan.rows}) WHERE v IS NOT NULL"
            )
            return _broken(scan, f"SELECT v FROM ({before}) WHERE v {sign} p", scan[present], mostly)

        return Plan((ROWS, present), finish)

    return plan


def _z_scores(columns: Columns, kwargs: Kwargs) -> Plan:
    only(kwargs, "column", "mostly", "threshold", "double_sided")
    one, threshold = column(columns, kwargs.get("column"), INT, FLOAT), kwargs.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise NotCompiled
    both, mostly = flag(kwargs, "double_sided"), mostly_of(kwargs)
    present, wide = f"count({one.value})", f"CAST({one.value} AS DOUBLE)"
    mean, stdev = f"avg({one.value if one.kind == INT else wide})", f"stddev_samp({wide})"

    def finish(scan: Scan) -> Finding:
        spread = scan[stdev]
        if not spread or spread != spread:  # noqa: PLR0124 - NaN
            return _broken(scan, None, scan[present], mostly)
        score = f"(({wide} - CAST('{scan[mean]!r}' AS DOUBLE)) / CAST('{spread!r}' AS DOUBLE))"
        far = f"abs({score}) >= {abs(float(threshold))!r}" if both else f"{score} >= {float(threshold)!r}"
        return _broken(scan, f"SELECT {one.value} AS v FROM {scan.rows} WHERE {far}", scan[present], mostly)

    return Plan((ROWS, present, mean, stdev), finish)


def _broken(scan: Scan, statement: str | None, considered: int, mostly: float) -> Finding:
    unexpected = 0
    shown: list[Any] = []
    if statement is not None:
        unexpected = scan.ask(f"SELECT count(*) FROM ({statement})")[0][0]
    if unexpected:
        shown = [row[0] for row in scan.ask(f"{statement} LIMIT {MAX_SHOWN}")]
    numbers = map_numbers(scan[ROWS], unexpected, considered)
    return Finding(holds_mostly(considered, unexpected, mostly), numbers, shown)


PLANS: Mapping[str, Callable[[Columns, Kwargs], Plan]] = {
    "expect_column_values_to_be_increasing": _in_order(rising=True),
    "expect_column_values_to_be_decreasing": _in_order(rising=False),
    "expect_column_value_z_scores_to_be_less_than": _z_scores,
}
"""What plans each of these types."""
