"""Snapshots of no rows: whose columns they have, and what is refused."""

from pathlib import Path

import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.empty_snapshot import empty_schema, says_all, schema_of, write_empty_snapshot
from airflow_provider_mlops.backends.parquet import SnapshotReader, write_snapshot
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

LAST = pa.schema([("id", pa.int64()), ("name", pa.string()), ("gone", pa.null())])
GIVEN = pa.schema([("id", pa.int32()), ("name", pa.null())])


@pytest.mark.parametrize(
    ("given", "stated", "last", "found"),
    [
        (None, {}, LAST, {"id": "int64", "name": "string", "gone": "null"}),
        (pa.schema([]), {}, LAST, {"id": "int64", "name": "string", "gone": "null"}),
        (None, {"name": "binary"}, LAST, {"id": "int64", "name": "binary", "gone": "null"}),
        (None, {"b": "bool", "a": "float64"}, None, {"b": "bool", "a": "double"}),
        (GIVEN, {}, LAST, {"id": "int32", "name": "string"}),
        (GIVEN, {"name": "binary"}, None, {"id": "int32", "name": "binary"}),
    ],
)
def test_columns_are_those_that_somebody_said(
    given: pa.Schema | None, stated: dict[str, str], last: pa.Schema | None, found: dict[str, str]
) -> None:
    """Names by the source before the last snapshot; types by its schema, its rows, the last snapshot."""
    schema = empty_schema(given, stated, last)
    assert {field.name: str(field.type) for field in schema} == found
    assert schema.names == list(found)


@pytest.mark.parametrize(
    ("given", "stated", "last", "words"),
    [
        (None, {}, None, "Nothing says which columns the empty partition has"),
        (GIVEN, {}, None, r"Column 'name' of the empty partition has no type: .* schema=\{'name': \"float64\"\}"),
        (None, {"new": "int64"}, LAST, "The empty partition has no column 'new', which schema names; it has: id"),
        (pa.schema([("x", pa.int8()), ("x", pa.int8())]), {}, None, "gives the column 'x' more than once"),
    ],
)
def test_columns_that_nobody_said(
    given: pa.Schema | None, stated: dict[str, str], last: pa.Schema | None, words: str
) -> None:
    """The column and the way out are named."""
    with pytest.raises(BadInput, match=words):
        empty_schema(given, stated, last)


def test_a_source_that_says_all_needs_no_other() -> None:
    """Not so without columns, or with one of unknown type."""
    assert says_all(GIVEN, {"name": "string"})
    assert not any(says_all(given, {}) for given in (None, pa.schema([]), GIVEN))


def test_no_rows_are_proved_as_others(tmp_path: Path) -> None:
    """One file, an id that follows from the columns, and a manifest without extremes; a changed byte is noticed."""
    schema = pa.schema([("at", pa.timestamp("us", "UTC")), ("n", pa.list_(pa.int8())), ("d", pa.decimal128(5, 2))])
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    manifest = write_empty_snapshot(tmp_path / "a", {"source": "s"}, schema, "at")
    other = write_empty_snapshot(tmp_path / "b", {"source": "t"}, schema, None)
    reader = SnapshotReader(tmp_path / "a", manifest["snapshot_id"])

    assert manifest["snapshot_id"] == other["snapshot_id"]
    assert (reader.rows, list(reader.batches()), manifest["time_range"]) == (0, [], None)
    reader.verify()
    assert schema_of(tmp_path / "a" / "part-00000.parquet", manifest) == schema
    with pytest.raises(EvidenceBroken, match="has not the columns that its manifest states"):
        schema_of(tmp_path / "a" / "part-00000.parquet", {"columns": []})
    with (tmp_path / "a" / "part-00000.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EvidenceBroken, match="was changed"):
        reader.verify()


def test_a_time_column_must_be_there(tmp_path: Path) -> None:
    """As in a snapshot with rows."""
    with pytest.raises(BadInput, match="Time column 'at' is not among the columns"):
        write_empty_snapshot(tmp_path, {}, LAST, "at")


def test_rows_that_come_back_have_another_id(tmp_path: Path) -> None:
    """No rows of some columns are not the rows of these columns."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    table = pa.table({"x": pa.array([], pa.int64())})
    empty = write_empty_snapshot(tmp_path / "a", {}, table.schema)
    one = write_snapshot([pa.table({"x": [1]})], tmp_path / "b", {})
    assert empty["snapshot_id"] != one["snapshot_id"]
