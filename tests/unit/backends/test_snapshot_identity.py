"""One id for the same rows, whoever wrote them and however they were split."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_mlops.backends.parquet import read_snapshot, write_snapshot, write_snapshot_files
from airflow_provider_mlops.backends.row_blocks import Limits

SMALL = Limits(block_rows=7, block_bytes=2_000, part_rows=20, part_bytes=4_000)

COLUMNS = {
    "i": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "f": (pa.float64(), st.floats()),
    "t": (pa.string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
    "b": (pa.bool_(), st.booleans()),
    "d": (pa.decimal128(12, 3), st.decimals(-(10**8), 10**8, places=3)),
    "u": (pa.timestamp("us", tz="UTC"), st.integers(-(2**50), 2**50)),
    "n": (pa.timestamp("ns"), st.integers(-(2**62), 2**62)),
    "l": (pa.list_(pa.float32()), st.lists(st.none() | st.floats(width=32), max_size=3)),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Draw a table of all kinds of columns."""
    rows = draw(st.integers(1, 60))
    return pa.table(
        {
            name: pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind)
            for name, (kind, values) in COLUMNS.items()
        }
    )


def cut(table: pa.Table, sizes: list[int]) -> Iterator[pa.Table]:
    """Cut a table into pieces of these sizes, again and again."""
    start, turn = 0, 0
    while start < table.num_rows:
        yield table.slice(start, sizes[turn % len(sizes)])
        start += sizes[turn % len(sizes)]
        turn += 1


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples."""
    return tmp_path_factory.mktemp("identity")


def fresh(base: Path) -> Path:
    """Make an empty folder."""
    folder = base / str(len(list(base.iterdir())))
    folder.mkdir()
    return folder


@given(table=tables(), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4), group=st.integers(1, 50))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_split_and_writer_do_not_count(base: Path, table: pa.Table, sizes: list[int], group: int) -> None:
    """Frames, part files, row groups, encodings and library leave the id as it is, and the rows come back."""
    whole = fresh(base)
    expected = write_snapshot([table], whole, {})["snapshot_id"]
    pieces = fresh(base)
    assert write_snapshot(cut(table, sizes), pieces, {}, limits=SMALL)["snapshot_id"] == expected
    assert read_snapshot(pieces, expected).equals(read_snapshot(whole, expected)) or has_nan(table)

    files = fresh(base)
    for number, piece in enumerate(cut(table, sizes)):
        options: dict[str, Any] = {"use_dictionary": number % 2 == 0, "compression": ["snappy", "zstd"][number % 2]}
        pq.write_table(piece, files / f"{number:03}.parquet", row_group_size=group, **options)
    found = write_snapshot_files(sorted(files.iterdir()), fresh(base), {})
    assert found["snapshot_id"] == expected


def has_nan(table: pa.Table) -> bool:
    """Whether a comparison of values is not one of contents."""
    return "nan" in repr(table.to_pylist())


@given(table=tables())
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_duckdb_writes_the_same(base: Path, table: pa.Table) -> None:
    """A file that DuckDB wrote has the id of the rows."""
    path = fresh(base) / "duck.parquet"
    with duckdb.connect() as connection:
        connection.register("rows", table)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY rows TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")
    expected = write_snapshot([table], fresh(base), {})["snapshot_id"]
    assert write_snapshot_files([path], fresh(base), {})["snapshot_id"] == expected


def test_pandas_writes_the_same(base: Path) -> None:
    """A file that pandas wrote has the id of its frame: categories are text, the index is left out."""
    frame = pd.DataFrame(
        {"c": pd.Categorical(["a", None, "a"]), "t": pd.date_range("2020", periods=3), "x": [1.5, None, 2.0]}
    )
    path = fresh(base) / "pandas.parquet"
    frame.to_parquet(path)
    plain = frame.assign(c=frame["c"].astype(object))
    ids = {write_snapshot([item], fresh(base), {})["snapshot_id"] for item in (frame, plain)}
    assert {write_snapshot_files([path], fresh(base), {})["snapshot_id"]} == ids


def test_null_among_the_values_of_a_dictionary(base: Path) -> None:
    """Arrow has two ways to say that a row is null; Parquet has one."""
    indices = pa.array([0, 2, 1, None], pa.int8())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b", None]))
    kept = fresh(base)
    manifest = write_snapshot([pa.table({"x": column})], kept, {})

    assert manifest["columns"][0]["nulls"] == 2
    plain = write_snapshot([pa.table({"x": ["a", None, "b", None]})], fresh(base), {})
    assert manifest["snapshot_id"] == plain["snapshot_id"]
    assert read_snapshot(kept, manifest["snapshot_id"])["x"].to_pylist() == ["a", None, "b", None]


def test_types_that_parquet_changes(base: Path) -> None:
    """What Parquet cannot hold is stored, and hashed, as what it gives back."""
    odd = pa.table(
        {
            "s": pa.array([1, None], pa.timestamp("s")),
            "d": pa.array([86_400_000, None], pa.date64()),
            "v": pa.array(["a", None], pa.string_view()),
            "f": pa.array([[1, 2], None], pa.list_(pa.int64(), 2)),
            "i": pa.array([1, None]).dictionary_encode(),
        }
    )
    folder = fresh(base)
    manifest = write_snapshot([odd], folder, {})
    assert [item["type"] for item in manifest["columns"]] == [
        "timestamp[ms]",
        "date32[day]",
        "string",
        "list<int64>",
        "int64",
    ]
    assert read_snapshot(folder, manifest["snapshot_id"]).num_rows == 2


@pytest.mark.parametrize("later", ["x", 1, 1.5, True, pd.Timestamp("2020-01-01"), [1, 2]])
def test_column_that_begins_with_nulls(base: Path, later: Any) -> None:
    """A column of nulls takes the type that a later frame brings: where the frames are cut does not matter."""
    values = [None] * 30 + [later] * 30
    whole = pa.table({"n": range(60), "x": pa.array(values, from_pandas=True)})
    expected = write_snapshot([whole], fresh(base), {})["snapshot_id"]
    pieces = [pa.table({"n": range(n, n + 10), "x": values[n : n + 10]}) for n in range(0, 60, 10)]
    pieces = [piece.cast(whole.schema) if piece["x"].null_count == 0 else piece for piece in pieces]
    folder = fresh(base)
    assert write_snapshot(pieces, folder, {}, limits=SMALL)["snapshot_id"] == expected
    assert read_snapshot(folder, expected)["x"].to_pylist() == whole["x"].to_pylist()


def test_giant_table_and_tiny_frames_give_bounded_row_groups(base: Path) -> None:
    """One table of many rows is sliced, frames of one row are joined: blocks are of one size either way."""
    table = pa.table({"x": range(100)})
    groups = set()
    for frames in ([table], cut(table, [1])):
        folder = fresh(base)
        write_snapshot(frames, folder, {}, limits=SMALL)
        sizes = []
        for path in sorted(folder.glob("*.parquet")):
            metadata = pq.read_metadata(io.BytesIO(path.read_bytes()))
            assert metadata.num_rows <= SMALL.part_rows
            sizes += [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        groups.add(tuple(sizes))
    assert groups == {(7,) * 14 + (2,)}
