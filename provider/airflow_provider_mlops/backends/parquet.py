"""Snapshots as Parquet: frames are streamed in and hashed on the way; reading checks every byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.content_digest import ContentDigest, logical_type
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MANIFEST = "manifest.json"
DATA_FILE = "part-00000.parquet"
ROW_GROUP_ROWS = 131_072
_CHUNK = 1 << 20


def write_snapshot(
    frames: Iterable[pd.DataFrame | pa.Table], folder: Path, facts: Mapping[str, Any], time_column: str | None = None
) -> dict[str, Any]:
    """Stream frames into one Parquet file, and write the manifest beside it.

    :param frames: pandas frames or Arrow tables of one schema, in row order.
    :param folder: an existing, empty folder that nobody reads yet.
    :param facts: JSON-safe facts to keep in the manifest (dataset, partition keys, source, code hash, ...).
    :param time_column: timestamp column whose range the manifest states.
    :return: the manifest, with ``snapshot_id``, ``rows``, ``columns``, ``files`` and ``time_range``.
    :raises BadInput: when there is no row, a frame does not fit the first one's schema, or a type cannot be kept.
    """
    pq = load("pyarrow.parquet", "parquet")
    tables = _tables(frames)
    first = next(tables, None)
    if first is None:
        raise BadInput(_no_rows(facts))
    digest, stats = ContentDigest(first.schema), _ColumnStats(first.schema)
    with pq.ParquetWriter(folder / DATA_FILE, first.schema, compression="zstd") as writer:
        for table in chain([first], tables):
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
            digest.update(table)
            stats.update(table)
    if stats.rows == 0:
        raise BadInput(_no_rows(facts))
    manifest = {
        "schema": 1,
        **facts,
        "snapshot_id": digest.hexdigest(),
        "rows": stats.rows,
        "columns": stats.columns(),
        "time_range": stats.time_range(time_column),
        "files": [file_facts(folder / DATA_FILE)],
    }
    (folder / MANIFEST).write_text(canonical_json(manifest) + "\n")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a snapshot's manifest.

    :param folder: the snapshot's folder.
    :return: the manifest.
    :raises EvidenceBroken: when there is none, or it cannot be read.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        raise EvidenceBroken(f"There is no snapshot at {folder}: {MANIFEST} is missing.") from None
    except ValueError as err:
        raise EvidenceBroken(f"{folder / MANIFEST} is not JSON: {err}") from err
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, list) or not all(
        isinstance(item, dict) and {"name", "sha256"} <= set(item) for item in files
    ):
        raise EvidenceBroken(f"{folder / MANIFEST} is not the manifest of a snapshot: it lists no files.")
    return dict(manifest)


def read_snapshot(folder: Path, snapshot_id: str) -> pa.Table:
    """Read all rows of a snapshot and prove that they are the ones its id stands for.

    :param folder: the snapshot's folder.
    :param snapshot_id: the id that the rows must have.
    :return: the rows, in order.
    :raises EvidenceBroken: naming the file that is missing, extra or changed.
    """
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    manifest = read_manifest(folder)
    verify_files(folder, manifest["files"])
    table = pa.concat_tables([pq.read_table(folder / item["name"]) for item in manifest["files"]])
    digest = ContentDigest(table.schema)
    digest.update(table)
    if digest.hexdigest() != snapshot_id:
        raise EvidenceBroken(f"The rows at {folder} have the id {digest.hexdigest()}, not {snapshot_id}.")
    return table


def verify_files(folder: Path, files: Sequence[Mapping[str, Any]]) -> None:
    """Check that a folder holds exactly the files of its manifest, byte for byte.

    :param folder: the folder.
    :param files: the manifest's file entries (name, bytes, sha256).
    :raises EvidenceBroken: naming the first file that is missing, extra or changed.
    """
    expected = {item["name"] for item in files}
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(present - expected):
        raise EvidenceBroken(f"{folder / name} does not belong to the snapshot: its manifest does not list it.")
    for name in sorted(expected - present):
        raise EvidenceBroken(f"{folder / name} is missing.")
    for item in files:
        if file_facts(folder / item["name"])["sha256"] != item["sha256"]:
            raise EvidenceBroken(f"{folder / item['name']} was changed: its SHA-256 is not the recorded one.")


def file_facts(path: Path) -> dict[str, Any]:
    """Return name, size in bytes and SHA-256 (hexadecimal) of a file.

    :param path: the file.
    :return: ``{"name", "bytes", "sha256"}``.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def _no_rows(facts: Mapping[str, Any]) -> str:
    partition = ", ".join(facts.get("partition_keys", ())) or "this partition"
    return f"The source {facts.get('source', '')!r} gave no rows for {partition}."


def _tables(frames: Iterable[pd.DataFrame | pa.Table]) -> Iterator[pa.Table]:
    schema: pa.Schema | None = None
    for number, frame in enumerate(frames, start=1):
        table = _to_table(frame, number, schema)
        schema = schema or table.schema
        yield table


def _to_table(frame: Any, number: int, schema: pa.Schema | None) -> pa.Table:
    pa = load("pyarrow", "parquet")
    try:
        table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
        table = table.replace_schema_metadata(None)
        if schema is None or table.schema.equals(schema):
            return table
        if table.schema.names != schema.names:
            raise BadInput(f"Frame {number} has the columns {table.schema.names}, frame 1 has {schema.names}.")
        return table.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as err:
        raise BadInput(f"Frame {number} of the source cannot be stored: {err}") from err
    except AttributeError as err:
        raise BadInput(f"Frame {number} of the source is a {type(frame).__name__}, not a pandas frame.") from err


class _ColumnStats:
    """Null counts and extremes per column, over all tables."""

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._nulls = dict.fromkeys(schema.names, 0)
        self._extremes: dict[str, tuple[Any, Any]] = {}

    def update(self, table: pa.Table) -> None:
        pc, types = load("pyarrow.compute", "parquet"), load("pyarrow.types", "parquet")
        self.rows += table.num_rows
        for field, column in zip(self._schema, table.columns, strict=True):
            self._nulls[field.name] += column.null_count
            kind = field.type
            if types.is_integer(kind) or types.is_floating(kind) or types.is_temporal(kind):
                found = pc.min_max(column)
                self._widen(field.name, found["min"].as_py(), found["max"].as_py())

    def _widen(self, name: str, low: Any, high: Any) -> None:
        if low is None:
            return
        old = self._extremes.get(name)
        self._extremes[name] = (low, high) if old is None else (min(old[0], low), max(old[1], high))

    def columns(self) -> list[dict[str, Any]]:
        return [
            {
                "name": field.name,
                "type": logical_type(field.type),
                "nulls": self._nulls[field.name],
                **({"min": _plain(low), "max": _plain(high)} if (low, high) != (None, None) else {}),
            }
            for field in self._schema
            for low, high in [self._extremes.get(field.name, (None, None))]
        ]

    def time_range(self, column: str | None) -> list[str] | None:
        if column is None:
            return None
        if column not in self._nulls:
            raise BadInput(f"Time column {column!r} is not among the columns: {', '.join(self._nulls)}.")
        low, high = self._extremes.get(column, (None, None))
        return None if low is None else [str(_plain(low)), str(_plain(high))]


def _plain(value: Any) -> Any:
    """JSON has numbers and text; whatever else (times, NaN, infinities) is written as text."""
    if isinstance(value, int) or (isinstance(value, float) and value - value == 0):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
