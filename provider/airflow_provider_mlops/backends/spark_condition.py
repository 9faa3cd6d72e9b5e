"""Row conditions on Spark: the rows that pandas and DuckDB take for those that meet a condition.

Great Expectations on Spark lets no row without a value meet ``!=`` or ``NOT_IN``, and refuses an empty set.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from airflow_provider_mlops.backends.duckdb_columns import Column
from airflow_provider_mlops.backends.duckdb_condition import condition
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_session import EXTRA, quoted

_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def rows_that_meet(frame: Any, columns: Mapping[str, Column], kwargs: Mapping[str, Any]) -> Any:
    """Return the rows that an expectation is about.

    :param frame: a Spark data frame of all rows.
    :param columns: its columns, by name.
    :param kwargs: the expectation's arguments, with a ``row_condition``.
    :return: a Spark data frame.
    :raises NotCompiled: as `duckdb_condition.condition` does.
    :raises NoColumn: when the condition names a column that the rows do not have.
    """
    condition(columns, kwargs)  # what it accepts is of a form that is known
    return frame.filter(_written(kwargs["row_condition"]))


def _written(wanted: Mapping[str, Any]) -> Any:
    """Write a condition that is true or false, never null."""
    if "conditions" in wanted:
        joined = operator.and_ if wanted["type"] == "and" else operator.or_
        return reduce(joined, map(_written, wanted["conditions"]))
    functions = load("pyspark.sql.functions", EXTRA)
    one = functions.col(quoted(wanted["column"]["name"]))
    if wanted["type"] == "nullity":
        return one.isNull() if wanted["is_null"] else one.isNotNull()
    kind, value = wanted["operator"], wanted["parameter"]
    if kind in _COMPARED:
        return functions.coalesce(_COMPARED[kind](one, functions.lit(value)), functions.lit(False))
    listed = value if isinstance(value, list) else [value]
    found = functions.coalesce(one.isin(listed), functions.lit(False)) if listed else functions.lit(False)
    return found if kind == "IN" else ~found
