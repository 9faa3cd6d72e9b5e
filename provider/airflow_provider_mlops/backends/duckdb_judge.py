"""Judging a suite in SQL: one scan of the Parquet files for all expectations, and few questions of their own.

Expectations about the rows that meet a condition take a scan of their own, one for each condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.backends import duckdb_aggregates, duckdb_groups, duckdb_order, duckdb_rows, duckdb_schema
from airflow_provider_mlops.backends.duckdb_columns import Column, NoColumn, NotCompiled
from airflow_provider_mlops.backends.duckdb_condition import condition, unconditional
from airflow_provider_mlops.backends.duckdb_plan import Finding, Plan, Scan, mostly_of, row_plan
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.expectation import DUCKDB, MAX_SHOWN, Judged, shown

_PLANS: Mapping[str, Callable[[Mapping[str, Column], Mapping[str, Any]], Plan]] = {
    **duckdb_aggregates.PLANS,
    **duckdb_groups.PLANS,
    **duckdb_order.PLANS,
    **duckdb_schema.PLANS,
}
COMPILED = frozenset({*_PLANS, *duckdb_rows.RULES})
"""Types of expectations that are judged in SQL, where their arguments and columns allow it."""


def plan(columns: Mapping[str, Column], expectation: Mapping[str, Any]) -> Plan:
    """Plan one expectation.

    :param columns: the columns of the rows, by name.
    :param expectation: its ``type`` and ``kwargs``.
    :return: the plan.
    :raises NotCompiled: when SQL has no way to Great Expectations' verdict; it then judges itself.
    :raises NoColumn: when it names a column that the rows do not have.
    """
    kind, kwargs = expectation["type"], expectation["kwargs"]
    try:
        if kind in duckdb_rows.RULES:
            return row_plan(duckdb_rows.RULES[kind](columns, kwargs), mostly_of(kwargs))
        if kind in _PLANS:
            return _PLANS[kind](columns, kwargs)
    except OverflowError as err:  # a whole number that no float comes near
        raise NotCompiled from err
    raise NotCompiled


def plan_where(columns: Mapping[str, Column], expectation: Mapping[str, Any]) -> tuple[str | None, Plan]:
    """Plan one expectation about the rows that meet its condition.

    :param columns: the columns of the rows, by name.
    :param expectation: its ``type`` and ``kwargs``.
    :return: the condition as SQL, None for all rows; and the plan for the rows that meet it.
    :raises NotCompiled: as `plan` does; also when it is about the columns, and has a condition of rows.
    :raises NoColumn: when it names a column that the rows do not have.
    """
    where = condition(columns, expectation["kwargs"])
    if where is None:
        return None, plan(columns, expectation)
    if expectation["type"] in duckdb_schema.PLANS:
        raise NotCompiled
    return where, plan(columns, unconditional(expectation))


def judge_compiled(scan: Scan, suite: Mapping[str, Any]) -> dict[int, Judged]:
    """Judge what is compiled; what is not is left out.

    :param scan: the rows.
    :param suite: as `core.suite.read_suite` returns it.
    :return: what was found, by the expectation's position.
    """
    plans: dict[str | None, dict[int, Plan]] = {}
    found: dict[int, Judged] = {}
    for position, item in enumerate(suite["expectations"]):
        try:
            where, one = plan_where(scan.columns, item)
            plans.setdefault(where, {})[position] = one
        except NoColumn as err:
            found[position] = judged(position, item, None, error=str(err))
        except NotCompiled:
            continue
    for where, some in plans.items():
        met = Scan(scan.session, scan.columns, where) if where else scan
        _measure(met, some)
        for position, one in some.items():
            if (finding := _finished(met, one)) is not None:
                found[position] = judged(position, suite["expectations"][position], finding)
    return found


def _measure(scan: Scan, plans: Mapping[int, Plan]) -> None:
    """Find all figures in one scan; when one of them cannot be computed, find out which."""
    figures = list(dict.fromkeys(figure for one in plans.values() for figure in one.figures))
    if not figures:
        return
    try:
        scan.figures.update(zip(figures, _values(scan, figures), strict=True))
    except load("duckdb", "great-expectations").Error:
        for figure in figures:
            try:
                scan.figures[figure] = _values(scan, [figure])[0]
            except load("duckdb", "great-expectations").Error:
                continue


def _values(scan: Scan, figures: Sequence[str]) -> tuple[Any, ...]:
    return scan.session.row(f"SELECT {', '.join(figures)} FROM {scan.rows}")


def _finished(scan: Scan, one: Plan) -> Finding | None:
    """What DuckDB cannot compute (a sum beyond its numbers, a pattern that RE2 refuses) Great Expectations judges."""
    if any(figure not in scan.figures for figure in one.figures):
        return None
    try:
        return one.finish(scan)
    except (NotCompiled, OverflowError):
        return None
    except load("duckdb", "great-expectations").Error:
        return None


def judged(position: int, item: Mapping[str, Any], finding: Finding | None, error: str | None = None) -> Judged:
    """Say what was found about an expectation, bounded and JSON-safe.

    :param position: its place in the suite, from 0.
    :param item: its ``type`` and ``kwargs``.
    :param finding: what was found; None when it could not be judged.
    :param error: why it could not.
    :return: the finding of the suite's report.
    """
    return Judged(
        position=position,
        type=item["type"],
        kwargs=item["kwargs"],
        holds=finding.holds if finding else None,
        error=error,
        numbers={name: shown(value) for name, value in finding.numbers.items()} if finding else {},
        partial_unexpected=[shown(value) for value in finding.shown[:MAX_SHOWN]] if finding else (),
        engine=DUCKDB,
    )
