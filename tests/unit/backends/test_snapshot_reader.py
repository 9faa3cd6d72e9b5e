"""Reading snapshots lazily, and proving them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends import parquet_reader
from airflow_provider_mlops.backends.parquet import (
    MANIFEST,
    SnapshotReader,
    file_facts,
    iter_snapshot,
    read_manifest,
    read_snapshot,
    verify_files,
    verify_snapshot,
    write_snapshot,
)
from airflow_provider_mlops.backends.row_blocks import Limits
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.snapshot_manifest import seal

ROWS = pa.table({"x": range(100), "t": [str(n) for n in range(100)], "y": [n / 2 for n in range(100)]})
LIMITS = Limits(block_rows=10, part_rows=30)


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """A snapshot of four part files."""
    return str(write_snapshot([ROWS], tmp_path, {"dataset": "d"}, limits=LIMITS)["snapshot_id"])


def test_batches_come_in_order_and_are_bounded(tmp_path: Path, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows stream by in small batches, the asked columns in the asked order."""
    monkeypatch.setattr(parquet_reader, "BATCH_ROWS", 8)
    batches = list(iter_snapshot(tmp_path, kept, ["t", "x"]))
    assert max(batch.num_rows for batch in batches) <= 8
    found = pa.Table.from_batches(batches)
    assert (found.column_names, found["x"].to_pylist()) == (["t", "x"], list(range(100)))
    assert read_snapshot(tmp_path, kept).equals(ROWS)


def test_reader_knows_the_snapshot(tmp_path: Path, kept: str) -> None:
    """Rows, columns and files are known without reading them."""
    reader = SnapshotReader(tmp_path, kept)
    assert (reader.rows, reader.columns, len(reader.files)) == (100, ["x", "t", "y"], 4)
    assert [item["rows"] for item in reader.files] == [30, 30, 30, 10]
    assert [path.name for path in reader.verified_paths()] == [item["name"] for item in reader.files]
    with pytest.raises(BadInput, match="has no column 'z'"):
        list(reader.batches(["x", "z"]))


def test_file_is_proved_before_it_is_decoded(tmp_path: Path, kept: str) -> None:
    """Of a file with a changed byte no row is given."""
    path = tmp_path / "part-00001.parquet"
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    batches = iter_snapshot(tmp_path, kept, ["x"])
    assert next(batches).num_rows == 30
    with pytest.raises(EvidenceBroken, match=r"part-00001\.parquet was changed: its SHA-256 is not the recorded one"):
        next(batches)
    for content in (True, False):
        with pytest.raises(EvidenceBroken, match=r"part-00001\.parquet was changed"):
            verify_snapshot(tmp_path, kept, content=content)


def test_every_byte_of_the_manifest_counts(tmp_path: Path, kept: str) -> None:
    """A changed, an added and a missing byte of the manifest are found, also where it stays JSON."""
    text = (tmp_path / MANIFEST).read_bytes()
    for position in range(0, len(text), 11):
        for changed in (text[:position] + bytes([text[position] ^ 1]) + text[position + 1 :], text[:position]):
            (tmp_path / MANIFEST).write_bytes(changed)
            with pytest.raises(EvidenceBroken):
                verify_snapshot(tmp_path, kept, content=False)
    (tmp_path / MANIFEST).write_bytes(text + b" ")
    with pytest.raises(EvidenceBroken, match="does not have the hash that it states itself"):
        verify_snapshot(tmp_path, kept, content=False)


def test_manifest_that_the_ledger_did_not_record(tmp_path: Path, kept: str) -> None:
    """With the recorded hash, bytes alone prove the rows: a manifest made again with other facts is found."""
    recorded = read_manifest(tmp_path)["manifest_sha256"]
    assert verify_snapshot(tmp_path, kept, content=False, manifest_sha256=recorded)["rows"] == 100
    resealed(tmp_path, dataset="other")
    verify_snapshot(tmp_path, kept)
    with pytest.raises(EvidenceBroken, match="is not the recorded one"):
        verify_snapshot(tmp_path, kept, manifest_sha256=recorded)


def resealed(folder: Path, **changes: Any) -> None:
    """Write a manifest again with changes, and a hash that fits."""
    old = json.loads((folder / MANIFEST).read_text())
    whole = {name: value for name, value in {**old, **changes}.items() if name not in ("manifest_sha256", "schema")}
    (folder / MANIFEST).write_text(canonical_json(seal(whole, {})) + "\n")


@pytest.mark.parametrize("columns", [None, ["x"]])
def test_content_that_differs_although_the_bytes_match(tmp_path: Path, kept: str, columns: list[str] | None) -> None:
    """Other rows under a manifest that fits their bytes are found by the id, also when one column alone is read."""
    path = tmp_path / "part-00003.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "x", pa.array([0] * 10)), path)
    files = [{**item, **file_facts(tmp_path / item["name"])} for item in read_manifest(tmp_path)["files"]]
    resealed(tmp_path, files=files)
    verify_snapshot(tmp_path, kept, content=False)
    with pytest.raises(
        EvidenceBroken, match=r"differs from .* although the file hashes match the manifest: column 'x'"
    ):
        list(SnapshotReader(tmp_path, kept).batches(columns))
    assert sum(batch.num_rows for batch in SnapshotReader(tmp_path, kept).batches(["t"])) == 100


def test_manifest_of_other_columns(tmp_path: Path, kept: str) -> None:
    """Digests that do not give the id are found before a row is read."""
    columns = read_manifest(tmp_path)["columns"]
    columns[0]["digest"]["values"] = "0" * 64
    resealed(tmp_path, columns=columns)
    with pytest.raises(EvidenceBroken, match="by their manifest, not"):
        SnapshotReader(tmp_path, kept)


def test_missing_and_extra_files(tmp_path: Path, kept: str) -> None:
    """They are named."""
    (tmp_path / "extra").write_text("")
    with pytest.raises(EvidenceBroken, match="extra does not belong to the snapshot"):
        list(iter_snapshot(tmp_path, kept))
    (tmp_path / "extra").unlink()
    (tmp_path / "part-00002.parquet").unlink()
    with pytest.raises(EvidenceBroken, match=r"part-00002\.parquet is missing"):
        list(iter_snapshot(tmp_path, kept))
    with pytest.raises(EvidenceBroken, match=r"part-00002\.parquet is missing"):
        verify_snapshot(tmp_path, kept)


def test_reader_can_be_left_early(tmp_path: Path, kept: str) -> None:
    """Whoever needs the first rows only stops there."""
    batches = iter_snapshot(tmp_path, kept)
    assert 0 < next(batches).num_rows < 100
    batches.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("columns", [None, ["x"]])
def test_snapshots_of_the_first_version_are_read(tmp_path: Path, columns: list[str] | None) -> None:
    """Their manifest has no digests of columns: all are decoded to prove the id."""
    table = pa.table({"id": [1, 2, 3], "t": ["a", None, "ü"], "x": [1.5, None, float("nan")]})
    pq.write_table(table, tmp_path / "part-00000.parquet")
    old = "sha256:f4a161b2d4196aef9a743c247ac55c29ab8b8a5909482a31d3c8107afe694205"
    manifest = {
        "schema": 1,
        "snapshot_id": old,
        "rows": 3,
        "columns": [{"name": name, "type": "?", "nulls": 0} for name in table.column_names],
        "files": [file_facts(tmp_path / "part-00000.parquet")],
    }
    (tmp_path / MANIFEST).write_text(canonical_json(manifest) + "\n")
    columns = ["t"] if columns else None
    assert pa.Table.from_batches(iter_snapshot(tmp_path, old, columns))["t"].to_pylist() == ["a", None, "ü"]
    verify_files(tmp_path, manifest["files"])  # type: ignore[arg-type]

    pq.write_table(table.slice(0, 2), tmp_path / "part-00000.parquet")
    (tmp_path / MANIFEST).write_text(
        canonical_json({**manifest, "files": [file_facts(tmp_path / "part-00000.parquet")]}) + "\n"
    )
    with pytest.raises(EvidenceBroken, match=r"have the id .* not sha256:f4a161"):
        list(iter_snapshot(tmp_path, old, columns))


def test_unknown_schema(tmp_path: Path, kept: str) -> None:
    """A manifest of a later version is refused, not guessed at."""
    text = (tmp_path / MANIFEST).read_text().replace('"schema":2', '"schema":3')
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(EvidenceBroken, match="has the schema 3; this version reads 1 and 2"):
        read_snapshot(tmp_path, kept)
