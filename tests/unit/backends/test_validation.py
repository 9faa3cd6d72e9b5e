"""Judging Parquet files by a suite, and setting rows aside."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends.validation import REASONS, judge, split_rows
from airflow_provider_mlops.core.errors import BadInput

TABLE = pa.table({"x": [1.0, 2.0, None, 9.0, 2.0], "t": ["a", "b", "b", None, "c"]})


def suite(*expectations: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A suite of expectations, each a type and its arguments."""
    return {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs in expectations]}


def written(folder: Path, table: pa.Table, parts: int = 2) -> list[Path]:
    """Write a table as some Parquet files."""
    size = -(-table.num_rows // parts) or 1
    files = [folder / f"part-{number}.parquet" for number in range(parts)]
    for number, file in enumerate(files):
        pq.write_table(table.slice(number * size, size), file)
    return files


BETWEEN = ("expect_column_values_to_be_between", {"column": "x", "min_value": 0, "max_value": 5})
UNIQUE = ("expect_column_values_to_be_unique", {"column": "x"})
NOT_NULL = ("expect_column_values_to_not_be_null", {"column": "t"})
MEAN = ("expect_column_mean_to_be_between", {"column": "x", "min_value": 3.5, "max_value": 3.5})


def test_findings_stand_in_the_order_of_the_suite(tmp_path: Path) -> None:
    """One finding for each expectation, with the figures of all files together."""
    found = judge(written(tmp_path, TABLE), suite(BETWEEN, UNIQUE, NOT_NULL, MEAN), seed="s")
    assert [item.position for item in found] == [0, 1, 2, 3]
    assert [item.holds for item in found] == [False, False, False, True]
    assert found[0].numbers["unexpected_count"] == 1
    assert found[0].numbers["missing_count"] == 1
    assert found[0].partial_unexpected == [9.0]
    assert found[3].numbers["observed_value"] == 3.5
    assert {item.sample_rows for item in found} == {None}


def test_missing_column_is_an_error_of_that_expectation(tmp_path: Path) -> None:
    """It is not judged, and says why; the others are judged."""
    found = judge(
        written(tmp_path, TABLE), suite(BETWEEN, ("expect_column_values_to_be_null", {"column": "z"})), seed="s"
    )
    assert [item.holds for item in found] == [False, None]
    assert found[1].error


def test_unknown_engine(tmp_path: Path) -> None:
    """An engine that there is not is named."""
    with pytest.raises(BadInput, match="Engine 'magic'"):
        judge(written(tmp_path, TABLE), suite(BETWEEN), seed="s", engine="magic")


def test_rows_are_split_in_order(tmp_path: Path) -> None:
    """Each row goes to one side; those set aside name the expectations that they break."""
    pairs = list(split_rows(written(tmp_path, TABLE), suite(BETWEEN, MEAN, UNIQUE, NOT_NULL), [3, 0, 2]))
    kept, apart = (pa.concat_tables([pair[side] for pair in pairs]) for side in (0, 1))
    assert kept.to_pydict() == {"x": [1.0, None], "t": ["a", "b"]}
    assert apart.to_pydict() == {"x": [2.0, 9.0, 2.0], "t": ["b", None, "c"], REASONS: [[2], [0, 3], [2]]}


@pytest.mark.parametrize(
    ("position", "words"),
    [(1, "expectation 2: expect_column_mean_to_be_between does not name rows"), (7, "no expectation 8")],
)
def test_only_row_level_expectations_split(tmp_path: Path, position: int, words: str) -> None:
    """A mean says nothing about a single row."""
    with pytest.raises(BadInput, match=words):
        split_rows(written(tmp_path, TABLE), suite(BETWEEN, MEAN), [0, position])
