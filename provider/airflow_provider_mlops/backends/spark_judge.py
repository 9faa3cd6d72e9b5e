"""Judging a suite on Spark: Great Expectations on all rows, with the findings that the other engines give."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends import great_expectations as gx
from airflow_provider_mlops.backends.duckdb_columns import Column, NoColumn, NotCompiled, columns_of, literal
from airflow_provider_mlops.backends.duckdb_judge import judged, plan
from airflow_provider_mlops.backends.duckdb_plan import Plan
from airflow_provider_mlops.backends.duckdb_rows import RECORD_RULES
from airflow_provider_mlops.backends.duckdb_schema import PLANS
from airflow_provider_mlops.backends.spark_session import read_files, spark_session
from airflow_provider_mlops.core.expectation import SPARK, Judged

_NAMING = ("column", "column_A", "column_B")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def judge_on_spark(files: Sequence[Path], suite: Mapping[str, Any]) -> list[Judged]:
    """Judge all rows of some Parquet files by a suite, on Spark.

    Names and types of columns are those of the files, not Spark's: a suite means the same on every engine.

    :param files: the Parquet files, of one schema.
    :param suite: as `core.suite.read_suite` returns it.
    :return: what was found, one for each expectation, in the suite's order.
    :raises BadInput: when Great Expectations does not know an expectation or refuses its arguments.
    """
    frame = read_files(spark_session(), files).cache()
    try:
        columns = columns_of(files)
        found = _counted(frame, columns, suite)
        for position, item in enumerate(suite["expectations"]):
            if position not in found:
                rows, asked = _addressed(frame, columns, _possible(columns, item))
                one = gx.judge_spark(rows, {**suite, "expectations": [asked]})[0]
                found[position] = replace(one, position=position, kwargs=item["kwargs"], engine=SPARK)
    finally:
        frame.unpersist()
    return [found[position] for position in sorted(found)]


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
            kept.append(value)
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
        return [tuple(row) for row in self.session.sql(statement).collect()]


def _counted(frame: Any, columns: Mapping[str, Column], suite: Mapping[str, Any]) -> dict[int, Judged]:
    """Judge what is about columns themselves, and about records, where GX on Spark passes a row that misses a value."""
    found: dict[int, Judged] = {}
    plans: dict[int, Plan] = {}
    for position, item in enumerate(suite["expectations"]):
        if item["type"] not in PLANS and item["type"] not in RECORD_RULES:
            continue
        try:
            plans[position] = plan(columns, item)
        except NoColumn as err:
            found[position] = replace(judged(position, item, None, error=str(err)), engine=SPARK)
        except NotCompiled:
            continue
    view = f"mlops_rows_{uuid.uuid4().hex}"
    named = frame.toDF(*(f"c{column.position}" for column in columns.values()))
    named.createOrReplaceTempView(view)
    scan = _SparkScan(frame.sparkSession, view, columns)
    try:
        figures = list(dict.fromkeys(figure for one in plans.values() for figure in one.figures))
        if figures:
            scan.figures.update(zip(figures, named.selectExpr(*figures).first(), strict=True))
        for position, one in plans.items():
            with suppress(NotCompiled):
                finding = one.finish(scan)
                found[position] = replace(judged(position, suite["expectations"][position], finding), engine=SPARK)
    finally:
        frame.sparkSession.catalog.dropTempView(view)
    return found
