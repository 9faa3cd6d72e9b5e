"""Rows and files that cannot be kept, or hardly: clear errors, and nothing half-written."""

import datetime as dt
import decimal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends import source_file
from airflow_provider_mlops.backends.parquet import (
    MANIFEST,
    SnapshotReader,
    read_snapshot,
    write_snapshot,
    write_snapshot_files,
)
from airflow_provider_mlops.backends.parquet_reader import decoded_batches
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken


def test_nan_is_a_value_and_none_is_not(tmp_path: Path) -> None:
    """In Arrow a NaN is kept as such; a pandas frame means null by it. Both may stand in a key column."""
    arrow = pa.table({"key": pa.array([1.0, float("nan"), None])})
    manifest = write_snapshot([arrow], tmp_path, {})
    assert manifest["columns"][0]["nulls"] == 1
    assert (manifest["columns"][0]["min"], manifest["columns"][0]["max"]) == (1.0, 1.0)
    assert repr(read_snapshot(tmp_path, manifest["snapshot_id"])["key"].to_pylist()) == "[1.0, nan, None]"

    (tmp_path / "pandas").mkdir()
    frame = pd.DataFrame({"key": [1.0, np.nan, None]})
    assert write_snapshot([frame], tmp_path / "pandas", {})["columns"][0]["nulls"] == 2


def test_column_of_nothing_but_nan(tmp_path: Path) -> None:
    """It has no extremes."""
    column = write_snapshot([pa.table({"x": [float("nan")]})], tmp_path, {})["columns"][0]
    assert column["nulls"] == 0
    assert "min" not in column


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([pd.DataFrame({"x": [1, "a", None]})], "Frame 1 of the source cannot be stored: .*column x"),
        ([pd.DataFrame({"x": ["a"]}), pd.DataFrame({"x": [1]})], "column 'x' is int64 there and string before"),
        ([pd.DataFrame({"x": [1]}), pd.DataFrame({"x": ["007"]})], "column 'x' is string there and int64 before"),
        ([pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [2.5]})], "Give the column one type in all frames"),
        (
            [
                pa.table({"x": pa.array([0], pa.timestamp("us"))}),
                pa.table({"x": pa.array([0], pa.timestamp("us", "UTC"))}),
            ],
            "no time of a zone one without",
        ),
        (
            [
                pa.table({"x": pa.array([0], pa.timestamp("ns"))}),
                pa.table({"x": pa.array([253_370_764_800_000_000], pa.timestamp("us"))}),
            ],
            "Frame 2 of the source cannot be stored: column 'x' is timestamp.us. there and timestamp.ns. before",
        ),
        (
            [pd.DataFrame({"x": ["half \ud800 a pair"]})],
            "Frame 1 of the source cannot be stored: .*surrogates not allowed",
        ),
        (
            [pd.DataFrame({"x": [dt.date(2020, 1, 1), pd.Timestamp("2020-01-01T05:00")]}, dtype=object)],
            "column 'x' mixes date and datetime",
        ),
        (
            [pd.DataFrame({"x": [pd.Timestamp("2020-01-01"), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)]}, dtype=object)],
            "column 'x' mixes datetime and datetime with time zone",
        ),
        ([pd.DataFrame({"x": [b"a", "a"]})], "column 'x' mixes bytes and text"),
        ([pd.DataFrame({"x": [1.5, None, True]}, dtype=object)], "column 'x' mixes numbers and truth values"),
        ([pd.DataFrame({"x": [{"a", "b"}, None]})], "column 'x' holds sets, which have no order"),
        (
            [pd.DataFrame({"x": pd.Series([0.1, None], dtype="float32")}), pd.DataFrame({"x": [0.1, None]})],
            "column 'x' is double there and float before .*digits would be lost",
        ),
        ([pa.table({"x" * 5_000: [1], "y": [1]}), pa.table({"z": [1]})], r"xxx\.\.\."),
        ([pa.table({"x": pa.array([{}], pa.struct([]))})], "A struct without fields cannot be stored"),
        ([pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])], "Column names must be unique; 'x'"),
        ([pd.DataFrame([[1, 2]], columns=["x", "x"])], "Column names must be unique; 'x'"),
        ([pa.table({"x": pa.array([None], pa.month_day_nano_interval())})], "has no fixed length"),
    ],
)
def test_frames_that_cannot_be_kept(tmp_path: Path, frames: list[Any], words: str) -> None:
    """The frame, the column and the way out are named, in a message that is never as long as the data."""
    with pytest.raises(BadInput, match=words) as found:
        write_snapshot(frames, tmp_path, {})
    assert len(str(found.value).encode()) < 1_000
    assert not (tmp_path / MANIFEST).exists()


def test_floats_that_fit_the_narrower_type(tmp_path: Path) -> None:
    """Half and NaN are the same in both, so that nothing is lost."""
    narrow = pd.DataFrame({"x": pd.Series([0.5], dtype="float32")})
    manifest = write_snapshot([narrow, pd.DataFrame({"x": [0.5, float("nan")]})], tmp_path, {})
    assert manifest["columns"][0]["type"] == "float"


def test_dates_and_nothing_beside_them(tmp_path: Path) -> None:
    """Missing values of any kind are no second kind."""
    frame = pd.DataFrame(
        {"d": [dt.date(2020, 1, 1), None, pd.NaT], "t": [pd.Timestamp("2020-01-01"), None, pd.NaT]}, dtype=object
    )
    types = [column["type"] for column in write_snapshot([frame], tmp_path, {})["columns"]]
    assert [kind.partition("[")[0] for kind in types] == ["date32", "timestamp"]


def test_dates_out_of_the_range_of_pandas(tmp_path: Path) -> None:
    """Years that nanoseconds or Python cannot hold are kept, and described."""
    table = pa.table(
        {
            "late": pa.array([253_402_214_400_000_000, None], pa.timestamp("us")),
            "never": pa.array([2**62, -(2**62)], pa.timestamp("us")),
            "day": pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
        }
    )
    manifest = write_snapshot([table], tmp_path, {}, "late")
    stated = {item["name"]: (item["min"], item["max"]) for item in manifest["columns"]}
    assert manifest["time_range"] == ["9999-12-31T00:00:00", "9999-12-31T00:00:00"]
    assert stated["day"] == ("0001-01-01", "9999-12-31")
    assert stated["never"] == (f"{-(2**62)} (timestamp[us])", f"{2**62} (timestamp[us])")
    assert read_snapshot(tmp_path, manifest["snapshot_id"]).equals(table)


def test_long_and_foreign_names_and_values(tmp_path: Path) -> None:
    """Names of any length and script are kept whole; a manifest shows the first characters of long values."""
    name = "größe 身長 " + "x" * 5_000
    manifest = write_snapshot([pa.table({name: ["a" * 10_000, "b"], "": [1, 2], "../up": [1, 2]})], tmp_path, {})
    assert read_snapshot(tmp_path, manifest["snapshot_id"]).column_names == [name, "", "../up"]
    assert len(manifest["columns"][0]["min"]) == 128
    assert sorted(path.name for path in tmp_path.iterdir()) == [MANIFEST, "part-00000.parquet"]


def test_facts_of_every_type(tmp_path: Path) -> None:
    """Extremes are stated of everything that has an order."""
    table = pa.table(
        {
            "bool": [True, False],
            "decimal": [decimal.Decimal("10.5"), decimal.Decimal("9.25")],
            "text": ["b", "a"],
            "kinds": pa.array(["b", "a"]).dictionary_encode(),
            "bytes": [b"\xff", b"\x00"],
            "time": [dt.time(1), dt.time(2)],
            "span": [dt.timedelta(1), dt.timedelta(2)],
            "half": pa.array([np.float16(1.5), None]),
            "big": pa.array([2**63, 0], pa.uint64()),
            "infinite": [float("inf"), 1.0],
            "nothing": [None, None],
            "list": [[1], None],
        }
    )
    manifest = write_snapshot([table], tmp_path, {})
    assert {item["name"]: (item.get("min"), item.get("max")) for item in manifest["columns"]} == {
        "bool": (False, True),
        "decimal": ("9.25", "10.50"),
        "text": ("a", "b"),
        "kinds": ("a", "b"),
        "bytes": ("00", "ff"),
        "time": ("01:00:00", "02:00:00"),
        "span": ("1 day, 0:00:00", "2 days, 0:00:00"),
        "half": (1.5, 1.5),
        "big": (0, 2**63),
        "infinite": (1.0, "inf"),
        "nothing": (None, None),
        "list": (None, None),
    }
    assert read_snapshot(tmp_path, manifest["snapshot_id"]).num_rows == 2


def test_nullable_is_what_any_frame_says(tmp_path: Path, folder: Path) -> None:
    """A column that one frame or file requires and another does not is nullable."""
    required = pa.schema([pa.field("x", pa.int64(), nullable=False), pa.field("y", pa.int64(), nullable=False)])
    relaxed = pa.schema([pa.field("x", pa.int64(), nullable=False), pa.field("y", pa.int64())])
    frames = [pa.table({"x": [1], "y": [2]}, required), pa.table({"x": [3], "y": [None]}, relaxed)]
    (tmp_path / "frames").mkdir()
    written = write_snapshot(frames, tmp_path / "frames", {})
    for number, frame in enumerate(frames):
        pq.write_table(frame, tmp_path / f"{number}.parquet")
    copied = write_snapshot_files([tmp_path / "0.parquet", tmp_path / "1.parquet"], folder, {})
    for manifest in (written, copied):
        assert [item["nullable"] for item in manifest["columns"]] == [False, True]
    assert written["snapshot_id"] == copied["snapshot_id"]
    assert read_snapshot(folder, copied["snapshot_id"])["y"].to_pylist() == [2, None]


def test_time_column_that_is_missing(tmp_path: Path) -> None:
    """It is told before the rows are read."""

    def frames() -> Iterator[pa.Table]:
        yield pa.table({"x": range(200_000)})
        raise AssertionError("the second frame was asked for")

    with pytest.raises(BadInput, match="Time column 't' is not among the columns: 'x'"):
        write_snapshot(frames(), tmp_path, {}, "t")


def test_large_row_group_is_streamed(tmp_path: Path) -> None:
    """A row group of any size is decoded in small batches."""
    path = tmp_path / "one.parquet"
    text = "x" * 1_000
    pq.write_table(pa.table({"x": [f"{n}{text}" for n in range(100_000)]}), path, row_group_size=100_000)
    sizes = [(batch.num_rows, batch.nbytes) for batch in decoded_batches(path)]
    assert sum(rows for rows, _ in sizes) == 100_000
    assert max(size for _, size in sizes) < 40 << 20


_TAKE = """
import resource, sys
from pathlib import Path
from airflow_provider_mlops.backends.parquet import write_snapshot_files
import pyarrow.parquet as pq
source, target, small = map(Path, sys.argv[1:4])
(target / "warm").mkdir(parents=True)
write_snapshot_files([small], target / "warm", {})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(target / "rows").mkdir()
rows = write_snapshot_files([source], target / "rows", {})["rows"]
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_row_group_of_many_times_the_memory(tmp_path: Path) -> None:
    """Texts of 600 MB in one row group, small as a file: taking the snapshot needs a fraction of them."""
    words = pa.array(["x" * 600, "y" * 600])
    indices = pa.array(np.arange(1_000_000, dtype="int32") % 2)
    table = pa.table({"text": pa.DictionaryArray.from_arrays(indices, words)})
    pq.write_table(table, tmp_path / "large.parquet", row_group_size=1_000_000)
    pq.write_table(table.slice(0, 100_000), tmp_path / "small.parquet")
    paths = [str(tmp_path / name) for name in ("large.parquet", "target", "small.parquet")]
    done = subprocess.run([sys.executable, "-c", _TAKE, *paths], capture_output=True, text=True, check=True)
    rows, grown = map(int, done.stdout.split())

    assert pq.read_metadata(tmp_path / "large.parquet").num_row_groups == 1
    assert rows == 1_000_000
    assert grown < 200


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A Parquet file of three rows."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"x": [1, 2, 3], "t": ["a", "b", None]}), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "snapshot"
    made.mkdir()
    return made


def test_files_are_copied_as_they_are(rows: Path, folder: Path) -> None:
    """The bytes stay, the id is that of the rows."""
    manifest = write_snapshot_files([rows, rows], folder, {"dataset": "d"})
    assert [(folder / item["name"]).read_bytes() == rows.read_bytes() for item in manifest["files"]] == [True, True]
    assert [(item["source"], item["rows"]) for item in manifest["files"]] == [("rows.parquet", 3)] * 2
    assert read_snapshot(folder, manifest["snapshot_id"])["x"].to_pylist() == [1, 2, 3] * 2


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (pa.table({"x": [1]}), "column 't' is missing"),
        (pa.table({"x": [1], "t": ["a"], "z": [1]}), "column 'z' is new"),
        (pa.table({"t": ["a"], "x": [1]}), "the columns stand in another order"),
        (pa.table({"x": [1.5], "t": ["a"]}), "column 'x' is double and not int64"),
    ],
)
def test_files_of_other_columns(rows: Path, folder: Path, other: pa.Table, words: str) -> None:
    """A file that does not fit the first one is named, with what differs."""
    path = rows.with_name("other.parquet")
    pq.write_table(other, path)
    with pytest.raises(BadInput, match=f"other.parquet has not the columns of .*rows.parquet: {words} there"):
        write_snapshot_files([rows, path], folder, {})
    assert not (folder / MANIFEST).exists()


def test_dictionaries_and_text_are_one(rows: Path, folder: Path) -> None:
    """Files that differ in layout alone are read as one table."""
    path = rows.with_name("other.parquet")
    pq.write_table(pa.table({"x": [4], "t": pa.array(["a"]).dictionary_encode()}), path)
    manifest = write_snapshot_files([path, rows], folder, {})
    assert read_snapshot(folder, manifest["snapshot_id"])["t"].to_pylist() == ["a", "a", "b", None]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1 what looks like one PAR1"])
def test_files_that_are_not_parquet(rows: Path, folder: Path, data: bytes) -> None:
    """What is no Parquet file is named."""
    rows.write_bytes(data)
    with pytest.raises(BadInput, match=r"rows\.parquet is not a Parquet file that can be read"):
        write_snapshot_files([rows], folder, {})


def test_damaged_page(rows: Path, folder: Path) -> None:
    """A file whose footer is whole and whose rows are not is named."""
    data = bytearray(rows.read_bytes())
    data[4:60] = bytes(56)
    rows.write_bytes(data)
    with pytest.raises(BadInput, match=r"rows\.parquet cannot be decoded"):
        write_snapshot_files([rows], folder, {})


def test_no_file_and_no_row(rows: Path, folder: Path) -> None:
    """Nothing to copy is no snapshot."""
    facts = {"source": "s", "partition_keys": ["2020-01"]}
    with pytest.raises(BadInput, match="The source 's' gave no rows for 2020-01"):
        write_snapshot_files([], folder, facts)
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), rows)
    with pytest.raises(BadInput, match="The source 's' gave no rows for 2020-01"):
        write_snapshot_files([rows], folder, facts)


def test_missing_file(rows: Path, folder: Path) -> None:
    """A file that is gone is named."""
    with pytest.raises(BadInput, match=r"gone\.parquet does not exist"):
        write_snapshot_files([rows, rows.with_name("gone.parquet")], folder, {})


@pytest.mark.parametrize("change", ["append", "touch", "replace"])
def test_source_that_changes_while_it_is_read(
    rows: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """A file that somebody writes to meanwhile is an error, whatever was written."""
    pour = source_file.poured

    def poured_and_changed(source: Any, target: Any) -> tuple[str, int]:
        found = pour(source, target)
        if change == "append":
            with rows.open("ab") as file:
                file.write(b"more")
        elif change == "touch":
            rows.touch()
        else:
            rows.with_name("new").write_bytes(rows.read_bytes())
            rows.with_name("new").rename(rows)
        return found

    monkeypatch.setattr(source_file, "poured", poured_and_changed)
    with pytest.raises(BadInput, match=r"rows\.parquet was changed while it was read"):
        write_snapshot_files([rows], folder, {})
    assert not (folder / MANIFEST).exists()


@pytest.mark.parametrize("name", ["../out.parquet", "a/b.parquet", "..", "", "a\\b"])
def test_manifest_that_leads_out_of_its_folder(rows: Path, folder: Path, name: str) -> None:
    """A file entry is a plain name."""
    manifest = write_snapshot_files([rows], folder, {})
    text = (folder / MANIFEST).read_text().replace('"name":"part-00000.parquet"', f'"name":{name!r}'.replace("'", '"'))
    (folder / MANIFEST).write_text(text)
    with pytest.raises(EvidenceBroken, match=r"is not the manifest of a snapshot|is not JSON"):
        SnapshotReader(folder, manifest["snapshot_id"])


def test_facts_cannot_hide_what_is_measured(folder: Path) -> None:
    """The caller's facts are kept beside the measured ones, never over them."""
    with pytest.raises(BadInput, match="Facts of a snapshot cannot be named rows, snapshot_id"):
        write_snapshot([pa.table({"x": [1]})], folder, {"rows": 5, "snapshot_id": "sha256:0"})


def test_time_column_of_text(rows: Path, folder: Path) -> None:
    """Text has another order than times: it is refused when the snapshot is taken, with the way out."""
    with pytest.raises(BadInput, match=r"Time column 't' is text \(.*\): name its type in the schema"):
        write_snapshot_files([rows], folder, {}, "t")
    frames = [pa.table({"t": pa.nulls(2)}), pa.table({"t": ["2020-01-01"]})]
    with pytest.raises(BadInput, match="Time column 't' is text"):
        write_snapshot(frames, folder, {}, "t")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([1_577_836_800]), "int64"),
        (pa.array([1.5]), "double"),
        (pa.array([True]), "bool"),
        (pa.array([1], pa.duration("s")), "duration"),
        (pa.array([1], pa.time64("us")), "time64"),
        (pa.array([[1]]), "list<int64>"),
    ],
)
def test_time_column_of_numbers(folder: Path, column: pa.Array, kind: str) -> None:
    """Seconds since 1970 may be meant, or a year: nothing can be cut by it, so it is refused when taken."""
    with pytest.raises(
        BadInput, match=rf"Time column 't' is '{kind}.*neither a time nor a date.* leave out time_column"
    ):
        write_snapshot([pa.table({"t": column})], folder, {}, "t")


@pytest.mark.parametrize(
    "column", [pa.array([18_262], pa.date32()), pa.array([0], pa.timestamp("s", "Europe/Berlin")), pa.nulls(1)]
)
def test_time_column_of_days(folder: Path, column: pa.Array) -> None:
    """Dates and times of any unit and zone say when; so may a column that has no value yet."""
    assert write_snapshot([pa.table({"t": column})], folder, {}, "t")["time_column"] == "t"
