"""Counts of DuckDB are those of pandas, on awkward rows and names."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends.check_counts import RowSet, open_rows, spans_of
from airflow_provider_mlops.core.errors import BadInput

ODD = 'a "b"; DROP {rows} ?'


def frame(start: str, rows: int) -> pd.DataFrame:
    """Make rows with an odd column, a missing key and a label that is not a number."""
    return pd.DataFrame(
        {
            ODD: [f"ä{number % 7}" for number in range(rows)],
            "id": [None, *range(1, rows)],
            "time": pd.date_range(start, periods=rows, freq="D", unit="us", tz="UTC"),
            "y": [np.nan, *([0.0, 1.0] * rows)][:rows],
        }
    )


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[RowSet, RowSet]]:
    """Open training rows of January and test rows, the same file, cut at the 21st."""
    path = tmp_path / "x.parquet"
    frame("2020-01-01", 30).to_parquet(path)
    cut = ("time", int(pd.Timestamp("2020-01-21", tz="UTC").value // 1_000))
    with open_rows([path], [path], tmp_path, cut=cut) as found:
        yield found


def test_rows_are_cut_by_time(sides: tuple[RowSet, RowSet]) -> None:
    """Training rows are before the moment, test rows from it on."""
    train, test = sides
    assert (train.rows(), test.rows()) == (20, 10)
    assert test.span("time", "test").first == int(pd.Timestamp("2020-01-21", tz="UTC").value // 1_000)


def test_counts(sides: tuple[RowSet, RowSet]) -> None:
    """Different rows, groups, missing and shared keys, labels."""
    train, test = sides

    assert (train.distinct(None), train.distinct([ODD])) == (20, 7)
    assert test.shared_with(train, [ODD]) == 10
    assert test.shared_with(train, ["id"]) == 0
    assert train.without(["id", ODD]) == 1
    assert sum(train.groups(ODD).values()) == 20
    labels = train.labels("y", "id", classes=True)
    assert (labels.rows, labels.missing, labels.counts) == (20, 1, {0.0: 10, 1.0: 9})
    assert (labels.repeated_ids, labels.missing_ids) == (0, 0)


def test_missing_columns_are_named(sides: tuple[RowSet, RowSet]) -> None:
    """With the columns that are there, and the one that was meant."""
    with pytest.raises(BadInput, match=r"Column 'time_' is not among the columns: a.*Did you mean time"):
        sides[0].distinct(["time_"])


def test_a_text_is_no_time(sides: tuple[RowSet, RowSet]) -> None:
    """What cannot be counted is an error that can be mended, not one of DuckDB."""
    with pytest.raises(BadInput, match="holds no times, but values of the type VARCHAR"):
        sides[0].span(ODD, "train")


def test_a_key_is_no_group(tmp_path: Path) -> None:
    """More than 1,000 values are no groups."""
    path = tmp_path / "x.parquet"
    frame("2020-01-01", 1_100).to_parquet(path)
    with open_rows([path], [path], tmp_path) as (train, _), pytest.raises(BadInput, match="more than 1,000 values"):
        train.groups("id")


def test_spans_of_partitions(tmp_path: Path) -> None:
    """In order, and only what comes before the cut."""
    for key in ("2020-01", "2020-02"):
        frame(f"{key}-01", 10).to_parquet(tmp_path / f"{key}.parquet")
    partitions = {key: [tmp_path / f"{key}.parquet"] for key in ("2020-01", "2020-02")}
    whole, cut = (
        spans_of(partitions, "time", before)
        for before in (None, int(pd.Timestamp("2020-02-03", tz="UTC").value // 1_000))
    )

    assert [span.name for span in whole] == ["2020-01", "2020-02"]
    assert cut[1].last == int(pd.Timestamp("2020-02-02", tz="UTC").value // 1_000)


@pytest.fixture
def awkward(tmp_path: Path) -> Iterator[tuple[RowSet, RowSet]]:
    """Open rows with NaN on both sides; the statistics of the files pass it over."""
    nan = float("nan")
    for name, key in (("train", [1.0, nan, None]), ("test", [1.0, nan, 3.0])):
        rows = {"key": key, "single": pa.array(key, pa.float32()), "list": [[1], [], None]}
        pq.write_table(pa.table(rows), tmp_path / name)
    with open_rows([tmp_path / "train"], [tmp_path / "test"], tmp_path) as found:
        yield found


@pytest.mark.parametrize("column", ["key", "single"])
def test_nan_is_missing(awkward: tuple[RowSet, RowSet], column: str) -> None:
    """It names no row, is no label and no group of its own, as it is missing to a suite."""
    train, test = awkward

    assert (train.without([column]), test.without([column])) == (2, 1)
    assert test.shared_with(train, [column]) == 1
    assert train.distinct([column]) == 2
    assert train.groups(column) == {None: 2, 1.0: 1}
    labels = train.labels(column, column, classes=True)
    assert (labels.counts, labels.missing, labels.missing_ids) == ({1.0: 1}, 2, 0)


def test_a_list_is_no_group(awkward: tuple[RowSet, RowSet]) -> None:
    """It is an error that can be mended."""
    with pytest.raises(BadInput, match="'list' holds lists or records: these are no groups"):
        awkward[0].groups("list")


def test_no_row_and_one(tmp_path: Path) -> None:
    """Counts of nothing are none, and its times are not known."""
    for name, rows in (("train", 0), ("test", 1)):
        frame("2020-01-01", 1).iloc[:rows].to_parquet(tmp_path / name)
    with open_rows([tmp_path / "train"], [tmp_path / "test"], tmp_path) as (train, test):
        assert (train.rows(), train.distinct(None), train.without(["id"]), train.groups(ODD)) == (0, 0, 0, {})
        assert test.shared_with(train, [ODD]) == 0
        assert train.span("time", "train").last is None
        assert (test.rows(), test.distinct(None), test.without(["id"])) == (1, 1, 1)
        first = test.span("time", "test")
        assert first.first == first.last


def test_names_that_differ_in_case_alone(tmp_path: Path) -> None:
    """Each is counted by its own name, whichever comes first in the training and in the test rows."""
    for name, columns in (("train", ["a", "A", "A_1"]), ("test", ["A_1", "A", "a"])):
        rows = {"a": [1, 1, None], "A": [1, 2, 3], "A_1": [7, None, None]}
        pq.write_table(pa.table({column: rows[column] for column in columns}), tmp_path / name)
    with open_rows([tmp_path / "train"], [tmp_path / "test"], tmp_path) as (train, test):
        for side in (train, test):
            assert [side.distinct([name]) for name in ("a", "A", "A_1")] == [2, 3, 2]
            assert [side.without([name]) for name in ("a", "A", "A_1")] == [1, 0, 2]
        assert [test.shared_with(train, [name]) for name in ("a", "A", "A_1")] == [2, 3, 1]
        assert test.groups("A") == {1: 1, 2: 1, 3: 1}
        with pytest.raises(BadInput, match="Column 'A_1_1' is not among the columns: a, A, A_1"):
            train.groups("A_1_1")


def test_names_that_cannot_be_told_apart(tmp_path: Path) -> None:
    """DuckDB would count one file's ``a`` as the other's ``A``."""
    for name, columns in (("one", ["a", "A"]), ("two", ["A", "a"])):
        pq.write_table(pa.table([[1], [2]], names=columns), tmp_path / name)
    with (
        pytest.raises(BadInput, match="a, A some differ in case alone, and not all partitions have them in this order"),
        open_rows([tmp_path / "one", tmp_path / "two"], [tmp_path / "one"], tmp_path),
    ):
        pass
