"""Finding rows by key in a snapshot, and writing it again without them."""

import datetime as dt
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.erasing import by_key, count_rows, rewrite
from airflow_provider_mlops.backends.parquet import SnapshotReader, read_manifest, read_snapshot, write_snapshot
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken


def stored(folder: Path, table: pa.Table, **facts: Any) -> SnapshotReader:
    """Write a snapshot and open it."""
    folder.mkdir(exist_ok=True)
    return SnapshotReader(folder, write_snapshot([table], folder, facts)["snapshot_id"])


@pytest.mark.parametrize(
    ("values", "key"),
    [
        (pa.array(["a", "b", None, "a"]), "a"),
        (pa.array(["", "b", None, ""]), ""),
        (pa.array(["ä", "a", None, "ä"]), "ä"),
        (pa.array([7, 8, None, 7]), "7"),
        (pa.array([7, 8, None, 7], pa.uint8()), "7"),
        (pa.array([7.0, 8.0, None, 7.0]), "7"),
        (pa.array([2.0**53, float("nan"), None, 2.0**53]), str(2**53)),
        (pa.array([decimal.Decimal("7.50"), decimal.Decimal("8.00"), None, decimal.Decimal("7.50")]), "7.5"),
        (pa.array([dt.date(2013, 1, 7), dt.date(2013, 1, 8), None, dt.date(2013, 1, 7)]), "2013-01-07"),
        (pa.array(["a", "b", None, "a"]).dictionary_encode(), "a"),
        (pa.array(["a", "b", None, "a"], pa.large_string()), "a"),
    ],
)
def test_rows_are_found_by_the_value_of_their_key(tmp_path: Path, values: pa.Array, key: str) -> None:
    """Of each type a key may have; nulls are nobody's."""
    reader = stored(tmp_path / "s", pa.table({"key": values, "n": [1, 2, 3, 4]}))
    found, told = count_rows(reader, ["key", "n"], by_key("key", [key, "no such"]))

    assert found == 2
    assert told["n"] == {"1", "4", "1.0", "4.0"}


@pytest.mark.parametrize("values", [[True, False], [[1], [2]]])
def test_other_types_are_no_keys(tmp_path: Path, values: list[Any]) -> None:
    """What has no one spelling is refused."""
    reader = stored(tmp_path / "s", pa.table({"key": values}))
    with pytest.raises(BadInput, match="a key column holds text, whole numbers or times"):
        count_rows(reader, ["key"], by_key("key", ["1"]))


def test_a_whole_number_that_the_column_cannot_hold_matches_nothing(tmp_path: Path) -> None:
    """It is not rounded to the number of somebody else."""
    reader = stored(tmp_path / "s", pa.table({"key": pa.array([2.0**24, 7.0], pa.float32())}))

    assert count_rows(reader, ["key"], by_key("key", [str(2**24 + 1)]))[0] == 0
    assert count_rows(reader, ["key"], by_key("key", [str(2**24 + 1), "7"]))[0] == 1


@pytest.mark.parametrize("key", ["1.5", str(2**53 + 2), "inf", "nan"])
def test_numbers_with_a_point_are_no_keys(tmp_path: Path, key: str) -> None:
    """They are not compared for being equal; whole ones are, which pandas makes floats of beside missing ones."""
    reader = stored(tmp_path / "s", pa.table({"key": [1.0, 1.5]}))
    with pytest.raises(BadInput, match="Column 'key' holds numbers with a point; only whole numbers"):
        count_rows(reader, ["key"], by_key("key", [key]))


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pa.array([2**62, 0], pa.timestamp("us")), f"{2**62} (timestamp[us])"),
        (pa.array([10_000_000, 0], pa.date32()), "10000000 (date32[day])"),
        (pa.array([2**62, 0], pa.timestamp("us", "No/Where")), f"{2**62} (timestamp[us, tz=No/Where])"),
        (pa.array([[2**62], []], pa.list_(pa.timestamp("us"))), f'["{2**62} (timestamp[us])"]'),
        (
            pa.StructArray.from_arrays([pa.array([1, 2]), pa.array(["x", None])], names=["a", "a"]),
            '[["a", 1], ["a", "x"]]',
        ),
    ],
)
def test_rows_that_python_cannot_hold_are_erased_too(tmp_path: Path, column: pa.Array, told: str) -> None:
    """A snapshot keeps times beyond any calendar and records whose names repeat; who must go, goes with them."""
    reader = stored(tmp_path / "old", pa.table({"key": ["a", "b"], "value": column}))
    (tmp_path / "new").mkdir()
    _, left, (erased,) = rewrite(reader, tmp_path / "new", by_key("key", ["a"]), facts={})

    assert left == 1
    assert json.loads(erased) == [["key", "a"], ["value", told]]


@pytest.mark.parametrize("key", ["x", "7.5", "99999999999999999999", ""])
def test_what_is_no_value_of_the_column_matches_nothing(tmp_path: Path, key: str) -> None:
    """It is no error either: another snapshot may have the column as text."""
    reader = stored(tmp_path / "s", pa.table({"key": [7, 8]}))

    assert count_rows(reader, ["key"], by_key("key", [key]))[0] == 0


@pytest.mark.parametrize("column", [pa.nulls(2), pa.array([None, float("nan")])])
def test_a_partition_where_nobody_is_named(tmp_path: Path, column: pa.Array) -> None:
    """A key column without a value has no type, or that of floats where pandas wrote it."""
    reader = stored(tmp_path / "s", pa.table({"key": column, "n": [1, 2]}))

    assert count_rows(reader, ["key"], by_key("key", ["a", "7"]))[0] == 0


def test_the_rest_stays_in_order(tmp_path: Path) -> None:
    """With the facts of the old manifest; the id is that of the rest; the erased rows are told by every value."""
    table = pa.table({"key": ["a", "b", "a", "c"], "n": [1, None, 3, 4]})
    reader = stored(tmp_path / "old", table, dataset="d", partition_keys=["2013-01"])
    (tmp_path / "new").mkdir()
    new, left, erased = rewrite(reader, tmp_path / "new", by_key("key", ["a"]), facts={"rewritten_from": "x"})
    manifest = read_manifest(tmp_path / "new")

    assert (manifest["snapshot_id"], left) == (new, 2)
    assert read_snapshot(tmp_path / "new", str(new)).to_pydict() == {"key": ["b", "c"], "n": [None, 4]}
    assert (manifest["dataset"], manifest["rewritten_from"]) == ("d", "x")
    assert erased == ['[["key","a"],["n","1"]]', '[["key","a"],["n","3"]]']
    assert new == stored(tmp_path / "same", pa.table({"key": ["b", "c"], "n": pa.array([None, 4])})).snapshot_id


def test_no_row_left_is_no_snapshot(tmp_path: Path) -> None:
    """Nothing is written."""
    reader = stored(tmp_path / "old", pa.table({"key": ["a", "a"]}))
    (tmp_path / "new").mkdir()

    assert rewrite(reader, tmp_path / "new", by_key("key", ["a"]), facts={})[:2] == (None, 0)
    assert list((tmp_path / "new").iterdir()) == []


def test_changed_rows_are_not_rewritten(tmp_path: Path) -> None:
    """A snapshot that is not the recorded one must be looked at, not laundered."""
    reader = stored(tmp_path / "old", pa.table({"key": ["a", "b"]}))
    path = next(tmp_path.glob("old/*.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "new").mkdir()
    with pytest.raises(EvidenceBroken, match="was changed"):
        rewrite(reader, tmp_path / "new", by_key("key", ["a"]), facts={})
