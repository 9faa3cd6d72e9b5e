"""Snapshots as Parquet."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.parquet import DATA_FILE, MANIFEST, read_manifest, read_snapshot, write_snapshot
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

ROWS = pd.DataFrame({"t": pd.to_datetime(["2020-01-02", "2020-01-01"]), "n": [1.5, None], "s": ["a", None]})


def test_rows_come_back(tmp_path: Path) -> None:
    """Rows, their order and the manifest are what was written."""
    manifest = write_snapshot([ROWS, ROWS], tmp_path, {"dataset": "d"}, "t")

    assert read_snapshot(tmp_path, manifest["snapshot_id"]).to_pandas()["n"].tolist()[::2] == [1.5, 1.5]
    assert read_manifest(tmp_path) == json.loads(json.dumps(manifest))
    assert (manifest["rows"], manifest["dataset"], manifest["files"][0]["name"]) == (4, "d", DATA_FILE)
    assert manifest["time_range"] == ["2020-01-01T00:00:00", "2020-01-02T00:00:00"]
    stated = {name: value for name, value in manifest["columns"][1].items() if name != "digest"}
    assert stated == {"name": "n", "type": "double", "nullable": True, "nulls": 2, "min": 1.5, "max": 1.5}


def test_id_is_of_the_content(tmp_path: Path) -> None:
    """Facts, frames and kind of frame do not change the id; a value does."""

    def id_of(name: str, frames: list[Any], **facts: str) -> str:
        (tmp_path / name).mkdir()
        found: str = write_snapshot(frames, tmp_path / name, facts)["snapshot_id"]
        return found

    whole = id_of("whole", [ROWS])
    assert id_of("pieces", [ROWS.iloc[:1], ROWS.iloc[1:]], dataset="x") == whole
    assert id_of("arrow", [pa.Table.from_pandas(ROWS)]) == whole
    assert id_of("other", [ROWS.assign(n=[1.5, 0.0])]) != whole


def test_later_frames_take_the_first_ones_types(tmp_path: Path) -> None:
    """A piece whose integers could be read as the first piece's floats is kept as such."""
    manifest = write_snapshot([pd.DataFrame({"x": [1.5]}), pd.DataFrame({"x": [2]})], tmp_path, {})
    assert read_snapshot(tmp_path, manifest["snapshot_id"])["x"].to_pylist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "The source 's' gave no rows for 2020-01"),
        ([ROWS.iloc[:0]], "The source 's' gave no rows for 2020-01"),
        ([ROWS, ROWS[["t", "s", "n"]]], r"Frame 2 has the columns \['t', 's', 'n'\], frame 1 has"),
        ([pd.DataFrame({"x": [1]}), pd.DataFrame({"x": ["a"]})], "Frame 2 of the source cannot be stored"),
        ([pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [1.5]})], "Frame 2 of the source cannot be stored"),
        ([pd.DataFrame({"x": [1, "a"]})], "Frame 1 of the source cannot be stored"),
        ([pd.DataFrame({"x": [{"a": 1}, [1]]})], "Frame 1 of the source cannot be stored"),
        ([pd.DataFrame({"x": pd.period_range("2020", periods=1, freq="M")})], "Column 'x': .* is known to few readers"),
        ([[1]], "Frame 1 of the source is a list, not a pandas frame"),
        ([pd.DataFrame([[1, 2]], columns=["x", "x"])], "stand more than once|Duplicate"),
        ([pd.DataFrame({"x": []}), None], "Frame 2 of the source is a NoneType"),
    ],
)
def test_frames_that_cannot_be_kept(tmp_path: Path, frames: list[Any], words: str) -> None:
    """What is no table, or not the table of the first frame, is named."""
    with pytest.raises(BadInput, match=words):
        write_snapshot(frames, tmp_path, {"source": "s", "partition_keys": ["2020-01"]})


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """Keep a snapshot and return its id."""
    return str(write_snapshot([ROWS], tmp_path, {})["snapshot_id"])


def test_changed_bytes_are_found(tmp_path: Path, kept: str) -> None:
    """Any byte of the rows counts."""
    data = bytearray((tmp_path / DATA_FILE).read_bytes())
    for position in range(0, len(data), 97):
        changed = bytearray(data)
        changed[position] ^= 0xFF
        (tmp_path / DATA_FILE).write_bytes(changed)
        with pytest.raises(EvidenceBroken, match=f"{DATA_FILE} was changed: its SHA-256 is not the recorded one"):
            read_snapshot(tmp_path, kept)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"files": 3}', '{"files": [{}]}', '{"files": [3]}'])
def test_broken_manifest_is_found(tmp_path: Path, kept: str, text: str) -> None:
    """A manifest that is none is broken evidence, whatever it holds instead."""
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(EvidenceBroken, match=MANIFEST):
        read_snapshot(tmp_path, kept)


def test_manifest_that_names_other_files(tmp_path: Path, kept: str) -> None:
    """A manifest cannot lead out of its folder."""
    manifest = read_manifest(tmp_path)
    manifest["files"][0]["name"] = "../elsewhere.parquet"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(EvidenceBroken):
        read_snapshot(tmp_path, kept)


def test_extra_and_missing_files_are_found(tmp_path: Path, kept: str) -> None:
    """A file too much or too few is named."""
    (tmp_path / "extra.parquet").write_text("")
    with pytest.raises(EvidenceBroken, match=r"extra\.parquet does not belong to the snapshot"):
        read_snapshot(tmp_path, kept)
    (tmp_path / "extra.parquet").unlink()
    (tmp_path / DATA_FILE).unlink()
    with pytest.raises(EvidenceBroken, match=f"{DATA_FILE} is missing"):
        read_snapshot(tmp_path, kept)


def test_other_rows_under_the_id(tmp_path: Path, kept: str) -> None:
    """A consistent snapshot of other rows does not pass for the one that was asked for."""
    other = tmp_path / "other"
    other.mkdir()
    write_snapshot([ROWS.assign(n=0.0)], other, {})
    with pytest.raises(EvidenceBroken, match=f"not {kept}"):
        read_snapshot(other, kept)
