"""The types of columns, on Spark as pandas has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends import great_expectations as gx
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_session import EXTRA, quoted
from airflow_provider_mlops.core.expectation import Judged
from airflow_provider_mlops.core.expectation_figures import map_numbers

TYPES = frozenset({"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"})


def judge_type(frame: Any, files: Sequence[Path], item: Mapping[str, Any]) -> Judged:
    """Judge the type of a column's values by one value and one that is missing: all others are like these.

    :param frame: the rows, as `spark_session.read_files` reads them.
    :param files: the Parquet files, of one schema.
    :param item: one of `TYPES`, about a column that there is.
    :return: the finding, of all rows.
    :raises BadInput: when Great Expectations refuses its arguments.
    """
    pa, functions = load("pyarrow", "parquet"), load("pyspark.sql.functions", EXTRA)
    field = load("pyarrow.parquet", "parquet").read_schema(files[0]).field(item["kwargs"]["column"])
    value = functions.col(quoted(field.name))
    rows, there = frame.select(functions.count("*"), functions.count(value)).first()
    present, missing = (frame.select(value).where(some).limit(1) for some in (value.isNotNull(), value.isNull()))
    two = present.unionAll(missing).toArrow().cast(pa.schema([field]))
    found = gx.judge_frame(two.to_pandas(), {"name": "types", "expectations": [item]})[0]
    if (broken := found.numbers.get("unexpected_count")) is None:
        return found
    return replace(found, numbers=map_numbers(rows, there if broken else 0, there))
