"""Judging a suite on Spark, on all rows, with the findings of the other engines.

What Great Expectations judges otherwise on Spark than on pandas is counted in Spark SQL, by the plans of DuckDB.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends import great_expectations as gx
from airflow_provider_mlops.backends.duckdb_columns import BOOL, Column, NoColumn, NotCompiled, columns_of, literal
from airflow_provider_mlops.backends.duckdb_condition import unconditional
from airflow_provider_mlops.backends.duckdb_judge import judged, plan
from airflow_provider_mlops.backends.duckdb_plan import Plan
from airflow_provider_mlops.backends.duckdb_rows import RECORD_RULES
from airflow_provider_mlops.backends.duckdb_schema import PLANS
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_condition import rows_that_meet
from airflow_provider_mlops.backends.spark_ranks import values_at
from airflow_provider_mlops.backends.spark_session import EXTRA, read_files, spark_session, spark_sql
from airflow_provider_mlops.backends.spark_types import TYPES, judge_type
from airflow_provider_mlops.core.expectation import SPARK, Judged

_NAMING = ("column", "column_A", "column_B")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIGURES = frozenset(
    f"expect_column_{name}_to_be_between" for name in ("max", "median", "min", "quantile_values", "sum")
)
"""Of these GX on Spark holds all values in one memory, fails on times with a zone, or has no sum of no value."""
_ALL_THERE = ("expect_column_distinct_values_to_contain_set", "expect_column_distinct_values_to_equal_set")
_COUNTED = frozenset({*PLANS, *RECORD_RULES, *_FIGURES})
"""Types that are counted in Spark SQL; of records GX on Spark passes those that miss a value."""


def judge_on_spark(files: Sequence[Path], suite: Mapping[str, Any]) -> list[Judged]:
    """Judge all rows of some Parquet files by a suite, on Spark.

    Names and types of columns are those of the files, not Spark's: a suite means the same on every engine.

    :param files: the Parquet files, of one schema.
    :param suite: as `core.suite.read_suite` returns it.
    :return: what was found, one for each expectation, in the suite's order.
    :raises BadInput: when Great Expectations does not know an expectation or refuses its arguments.
    """
    frame = read_files(spark_session(), files).cache()
    columns = columns_of(files)
    found: dict[int, Judged] = {}
    try:
        for places in _by_condition(suite):
            some = [suite["expectations"][place] for place in places]
            try:
                rows, asked = _met(frame, columns, some)
            except NoColumn as err:
                judgements = [judged(0, item, None, error=str(err)) for item in some]
            else:
                judgements = _judged_rows(rows, files, columns, {**suite, "expectations": asked})
            for place, item, one in zip(places, some, judgements, strict=True):
                found[place] = replace(one, position=place, kwargs=item["kwargs"], engine=SPARK)
    finally:
        frame.unpersist()
    return [found[position] for position in sorted(found)]


def _by_condition(suite: Mapping[str, Any]) -> list[list[int]]:
    """Return the places of the expectations about the same rows."""
    places: dict[str, list[int]] = {}
    for place, item in enumerate(suite["expectations"]):
        wanted = None if item["type"] in PLANS else item["kwargs"].get("row_condition")
        places.setdefault(json.dumps(wanted, sort_keys=True, default=str), []).append(place)
    return list(places.values())


def _met(
    frame: Any, columns: Mapping[str, Column], some: Sequence[Mapping[str, Any]]
) -> tuple[Any, Sequence[Mapping[str, Any]]]:
    """Return the rows that some expectations of one condition are about, and what is asked of these."""
    if some[0]["type"] in PLANS or some[0]["kwargs"].get("row_condition") is None:
        return frame, some
    try:
        return rows_that_meet(frame, columns, some[0]["kwargs"]), [unconditional(item) for item in some]
    except NotCompiled:
        return frame, some


def _judged_rows(
    frame: Any, files: Sequence[Path], columns: Mapping[str, Column], suite: Mapping[str, Any]
) -> list[Judged]:
    found = _counted(frame, columns, suite)
    for position, item in enumerate(suite["expectations"]):
        if position not in found:
            by_type = item["type"] in TYPES
            found[position] = judge_type(frame, files, item) if by_type else _by_gx(frame, columns, suite, item)
    return [found[position] for position in sorted(found)]


def _by_gx(frame: Any, columns: Mapping[str, Column], suite: Mapping[str, Any], item: Mapping[str, Any]) -> Judged:
    possible = _possible(columns, item)
    rows, asked = _addressed(frame, columns, possible)
    one = gx.judge_spark(rows, {**suite, "expectations": [asked]})[0]
    impossible = len(item["kwargs"].get("value_set") or ()) - len(possible["kwargs"].get("value_set") or ())
    # What a column cannot hold is not there.
    return replace(one, holds=False) if one.holds and impossible and item["type"] in _ALL_THERE else one


def _possible(columns: Mapping[str, Column], item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take values that a column cannot hold out of a set: Spark would fail to cast them, or cast the column."""
    kwargs = item["kwargs"]
    column, values = columns.get(kwargs.get("column", "")), kwargs.get("value_set")
    if column is None or not isinstance(values, list):
        return item
    kept = []
    for value in values:
        with suppress(NotCompiled):
            literal(column, value)
            kept.append(bool(value) if column.kind == BOOL else value)
    return {**item, "kwargs": {**kwargs, "value_set": kept}} if kept else item


def _addressed(frame: Any, columns: Mapping[str, Column], item: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Call columns by their place where a name has signs that Great Expectations hands to Spark unquoted."""
    kwargs = item["kwargs"]
    names = [kwargs[key] for key in _NAMING if key in kwargs] + list(kwargs.get("column_list", ()))
    odd = [name for name in names if name in columns and not _PLAIN.fullmatch(name)]
    if not odd or kwargs.get("row_condition") is not None:  # a condition names columns in words of its own
        return frame, item
    places = {name: f"c{column.position}" for name, column in columns.items()}
    moved = {key: places.get(kwargs[key], kwargs[key]) for key in _NAMING if key in kwargs}
    if "column_list" in kwargs:
        moved["column_list"] = [places.get(name, name) for name in kwargs["column_list"]]
    return frame.toDF(*places.values()), {**item, "kwargs": {**kwargs, **moved}}


@dataclass(slots=True)
class _SparkScan:
    """The rows in Spark, asked as DuckDB is: a plan's SQL is plain enough for both."""

    session: Any
    rows: str
    columns: Mapping[str, Column]
    figures: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, figure: str) -> Any:
        return self.figures[figure]

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.sql(spark_sql(statement)).collect()]

    def ranked(self, one: Column, n: int, ranks: Sequence[int]) -> list[Any]:
        return values_at(self.session.table(self.rows).selectExpr(f"{one.value} AS v"), n, ranks)


def _counted(frame: Any, columns: Mapping[str, Column], suite: Mapping[str, Any]) -> dict[int, Judged]:
    """Judge what is counted in Spark SQL; what it cannot compute is left out, for Great Expectations to judge."""
    found: dict[int, Judged] = {}
    plans: dict[int, Plan] = {}
    for position, item in enumerate(suite["expectations"]):
        if item["type"] not in _COUNTED:
            continue
        try:
            plans[position] = plan(_in_micros(columns) if item["type"] in _FIGURES else columns, item)
        except NoColumn as err:
            found[position] = judged(position, item, None, error=str(err))
        except NotCompiled:
            continue
    view = f"mlops_rows_{uuid.uuid4().hex}"
    named = frame.toDF(*(f"c{column.position}" for column in columns.values()))
    named.createOrReplaceTempView(view)
    scan = _SparkScan(frame.sparkSession, view, columns)
    try:
        _measure(scan, named, list(dict.fromkeys(figure for one in plans.values() for figure in one.figures)))
        for position, one in plans.items():
            if any(figure not in scan.figures for figure in one.figures):
                continue
            with suppress(NotCompiled):
                finding = one.finish(scan)
                found[position] = judged(position, suite["expectations"][position], finding)
    finally:
        frame.sparkSession.catalog.dropTempView(view)
    return found


def _measure(scan: _SparkScan, rows: Any, figures: Sequence[str]) -> None:
    """Find all figures in one job; when one of them cannot be computed (a sum that is too large), find out which."""
    errors, gateway = load("pyspark.errors", EXTRA), load("py4j.protocol", EXTRA)
    refused = (errors.PySparkException, gateway.Py4JJavaError, OverflowError, ValueError)
    for some in (figures, *([figure] for figure in figures)):
        with suppress(*refused):
            if asked := [figure for figure in some if figure not in scan.figures]:
                scan.figures.update(zip(asked, _row(rows, asked), strict=True))


def _row(rows: Any, figures: Sequence[str]) -> tuple[Any, ...]:
    found = rows.selectExpr(*map(spark_sql, figures))
    # Spark gives times with a zone as those of this machine, without one.
    return tuple(
        value.astimezone(dt.UTC) if field.dataType.typeName() == "timestamp" and value is not None else value
        for field, value in zip(found.schema, found.first(), strict=True)
    )


def _in_micros(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Call times what Spark has: it knows microseconds."""
    return {name: replace(one, type=one.type.replace("timestamp[ns", "timestamp[us")) for name, one in columns.items()}
