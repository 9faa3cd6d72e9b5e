"""What DuckDB and Great Expectations on pandas find about the same rows, and whether it is the same."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_mlops.backends.duckdb_columns import columns_of
from airflow_provider_mlops.backends.duckdb_judge import judge_compiled
from airflow_provider_mlops.backends.duckdb_plan import Scan
from airflow_provider_mlops.backends.duckdb_session import session
from airflow_provider_mlops.backends.great_expectations import judge_frame
from airflow_provider_mlops.core.expectation import Judged
from tests.support.expectations import Case

CACHED_WRONGLY = "quantile"
"""Of two expectations about quantiles of a column, Great Expectations judges both by the quantiles of the first."""


def suite_of(cases: Sequence[Case]) -> dict[str, Any]:
    """A suite of cases."""
    return {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs in cases]}


def in_duckdb(table: pa.Table, cases: Sequence[Case], folder: Path) -> dict[int, Judged]:
    """What DuckDB finds, in two files of several row groups."""
    half = table.num_rows // 2
    files = [folder / "first.parquet", folder / "second.parquet"]
    for file, part in zip(files, (table.slice(0, half), table.slice(half)), strict=True):
        pq.write_table(part, file, row_group_size=4)
    with session(files) as opened:
        return judge_compiled(Scan(opened, columns_of(files)), suite_of(cases))


def in_pandas(table: pa.Table, cases: Sequence[Case]) -> list[Judged]:
    """What Great Expectations finds; what it mixes up is asked one by one."""
    size = 1 if cases and CACHED_WRONGLY in cases[0][0] else 25  # it takes the square of a suite's length
    found: list[Judged] = []
    for first in range(0, len(cases), size):
        part = judge_frame(table.to_pandas(), suite_of(cases[first : first + size]))
        found += [replace(item, position=first + item.position) for item in part]
    return found


def assert_same(ours: dict[int, Judged], theirs: Sequence[Judged]) -> None:
    """Verdict, error and every figure that Great Expectations has; what is not compiled is left to it anyway."""
    for item in theirs:
        if item.position not in ours:
            continue
        found = ours[item.position]
        words = f"{item.type} {item.kwargs}: {found.holds} {dict(found.numbers)}, not {item.holds} {dict(item.numbers)}"
        assert found.holds is item.holds, f"{words} {item.error}"
        for name, value in item.numbers.items():
            # pandas adds floats of 32 bits up in 32 bits.
            close = 1e-6 if item.kwargs.get("column") == "g" else 1e-12
            assert _near(value, found.numbers.get(name), close), words


def _near(value: Any, other: Any, close: float) -> bool:
    if isinstance(value, float) and isinstance(other, int | float):
        return math.isclose(value, other, rel_tol=close, abs_tol=1e-12)
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_near(value[key], other[key], close) for key in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(_near(*pair, close) for pair in zip(value, other, strict=True))
    return bool(value == other) or (value == "NaT" and other is None)  # no time at all, in pandas' words
