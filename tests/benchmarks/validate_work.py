"""The work that the figures of validation measure, each in a process of its own."""

import sys
from pathlib import Path
from typing import Any

NAMES = [f"t00-{word}" for word in range(3)], [f"t01-{word}" for word in range(10)]
EXPECTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 1_000_000_000}),
    ("expect_column_values_to_not_be_null", {"column": "n00", "mostly": 0.95}),
    ("expect_column_values_to_not_be_null", {"column": "n01"}),
    ("expect_column_values_to_not_be_null", {"column": "t00"}),
    ("expect_column_values_to_be_between", {"column": "n01", "min_value": -10, "max_value": 10}),
    ("expect_column_values_to_be_between", {"column": "n02", "min_value": -3, "max_value": 3, "mostly": 0.99}),
    ("expect_column_mean_to_be_between", {"column": "n03", "min_value": -0.1, "max_value": 0.1}),
    ("expect_column_stdev_to_be_between", {"column": "n04", "min_value": 0.9, "max_value": 1.1}),
    ("expect_column_min_to_be_between", {"column": "n05", "min_value": -10, "max_value": -3}),
    ("expect_column_max_to_be_between", {"column": "n06", "min_value": 3, "max_value": 10}),
    ("expect_column_values_to_be_in_set", {"column": "t00", "value_set": NAMES[0]}),
    ("expect_column_values_to_be_in_set", {"column": "t01", "value_set": NAMES[1]}),
    ("expect_column_values_to_match_regex", {"column": "t02", "regex": "^t02-[0-9]$"}),
    ("expect_column_value_lengths_to_be_between", {"column": "t03", "min_value": 5, "max_value": 6}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "n07", "column_B": "n08", "mostly": 0.4}),
]
SUITE = {"name": "wide", "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs in EXPECTATIONS]}
COLUMNS = sorted({
    kwargs[key] for _, kwargs in EXPECTATIONS for key in ("column", "column_A", "column_B") if key in kwargs
})  # fmt: skip


def ours(file: Path) -> list[bool | None]:
    """Judge the file."""
    from airflow_provider_mlops.backends.validation import judge

    return [item.holds for item in judge([file], SUITE, seed="bench")]


def theirs(file: Path) -> list[bool | None]:
    """Load the file into pandas, and let Great Expectations judge the frame."""
    import pandas as pd

    from airflow_provider_mlops.backends.great_expectations import judge_frame

    return [item.holds for item in judge_frame(pd.read_parquet(file), SUITE)]


def theirs_columns(file: Path) -> list[bool | None]:
    """Do the same, but load only the columns that the suite names."""
    import pandas as pd

    from airflow_provider_mlops.backends.great_expectations import judge_frame

    return [item.holds for item in judge_frame(pd.read_parquet(file, columns=COLUMNS), SUITE)]


def scan(file: Path) -> list[bool | None]:
    """Let DuckDB look at each value of the same columns: their sums, and the longest of texts.

    Counts and extremes would be answered from the statistics in the file, without reading it.
    """
    import duckdb

    listed = ", ".join(f"sum({name})" if name.startswith("n") else f"max(strlen({name}))" for name in COLUMNS)
    duckdb.connect(config={"threads": "2"}).execute(f"SELECT {listed} FROM read_parquet(?)", [str(file)]).fetchall()
    return []


if __name__ == "__main__":
    found = globals()[sys.argv[1]](Path(sys.argv[2]))
    assert all(item is True for item in found), found
