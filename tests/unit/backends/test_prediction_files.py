"""The files of prediction logs: parts, manifests, digests."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends import prediction_files as files
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.prediction_log import COLUMNS, LABEL_COLUMNS

SCHEMA = pa.schema([("row_id", pa.string()), ("score", pa.float64())])


def batches(rows: int, size: int) -> list[pa.RecordBatch]:
    """Make rows, cut into batches."""
    scores = [None if number % 5 == 4 else number / 7 for number in range(rows)]
    table = pa.table({"row_id": [f"r{n}" for n in range(rows)], "score": scores}, schema=SCHEMA)
    return table.to_batches(max_chunksize=size)


def test_schemas() -> None:
    """The columns are those that the reference names, then the scores of each class, then the features."""
    assert tuple(files.log_schema().names) == COLUMNS
    assert tuple(files.label_schema(texts=True).names) == LABEL_COLUMNS
    assert files.label_schema(texts=True).field("label").type == pa.string()
    wide = files.log_schema(["a", 2], [pa.field("distance", pa.float64())])
    assert wide.names[len(COLUMNS) :] == ["score:a", "score:2", "distance"]


def test_feature_with_a_name_of_the_log() -> None:
    """A feature that is called like a column of the log can only be kept by reference."""
    with pytest.raises(BadInput, match=r"'score' has the name.*reference"):
        files.log_schema(features=[pa.field("score", pa.float64())])


def test_parts_begin_after_their_rows(tmp_path: Path) -> None:
    """A new part begins when one is full; the rows come back in their order."""
    found = files.write_parts(batches(10, 2), tmp_path, SCHEMA, part_rows=4)
    manifest = files.write_log_manifest(tmp_path, {"kind": "predictions"}, found)

    assert [(item["name"], item["rows"]) for item in found] == [
        ("part-00000.parquet", 4),
        ("part-00001.parquet", 4),
        ("part-00002.parquet", 2),
    ]
    read = pa.Table.from_batches(files.read_log(tmp_path, manifest["manifest_sha256"], ["score", "row_id"]))
    assert read.equals(pa.Table.from_batches(batches(10, 10)).select(["score", "row_id"]))
    assert manifest["rows"] == 10


def test_no_row(tmp_path: Path) -> None:
    """A log without a row is a manifest without files."""
    found = files.write_parts([], tmp_path, SCHEMA, part_rows=4)
    manifest = files.write_log_manifest(tmp_path, {"kind": "predictions"}, found)

    assert (found, manifest["rows"]) == ([], 0)
    assert list(files.read_log(tmp_path, manifest["manifest_sha256"])) == []


def test_changed_files_are_not_read(tmp_path: Path) -> None:
    """Another manifest, another part, an extra file: none is read."""
    manifest = files.write_log_manifest(tmp_path, {}, files.write_parts(batches(4, 4), tmp_path, SCHEMA, part_rows=9))
    own = manifest["manifest_sha256"]
    with pytest.raises(EvidenceBroken, match="not the recorded one"):
        list(files.read_log(tmp_path, f"sha256:{'0' * 64}"))
    with pytest.raises(BadInput, match="no column 'label'"):
        list(files.read_log(tmp_path, own, ["label"]))
    pq.write_table(pa.Table.from_batches(batches(3, 3)), tmp_path / "part-00000.parquet")
    with pytest.raises(EvidenceBroken, match="was changed"):
        list(files.read_log(tmp_path, own))
    (tmp_path / "extra").touch()
    with pytest.raises(EvidenceBroken, match="does not belong"):
        list(files.read_log(tmp_path, own))


def test_digest_does_not_see_how_rows_are_cut() -> None:
    """However rows are cut into batches, their digest is one; a null is no zero and no empty text."""

    def digest(cut: list[pa.RecordBatch]) -> str:
        found = files.RowsDigest(["row_id", "score"])
        for batch in cut:
            found.update(batch)
        return found.result()

    def of(row_ids: list[str | None], scores: list[float | None]) -> str:
        return digest(pa.table({"row_id": row_ids, "score": scores}, schema=SCHEMA).to_batches())

    assert digest(batches(10, 3)) == digest(batches(10, 10))
    different = {
        digest(batches(10, 3)),
        digest(batches(9, 3)),
        of(["ab", "c"], [0.0, 1.0]),
        of(["a", "bc"], [0.0, 1.0]),
        of(["a", "bc"], [None, 1.0]),
        of([None, "abc"], [0.0, 1.0]),
        of(["", "abc"], [0.0, 1.0]),
    }
    assert len(different) == 7
