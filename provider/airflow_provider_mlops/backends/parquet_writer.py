"""Writing a snapshot: rows are streamed into part files, and hashed on the way."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.column_facts import SnapshotFacts
from airflow_provider_mlops.backends.no_rows import NoRows
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.progress import Progress, Report
from airflow_provider_mlops.backends.row_blocks import Limits, blocks
from airflow_provider_mlops.backends.snapshot_files import part_name, write_manifest
from airflow_provider_mlops.core.snapshot_manifest import seal

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.backends.row_blocks import Frame

HASH_THREADS = 3
"""One more than the processors of a small machine: one of them waits for Python now and then."""
LIMITS = Limits()


def write_snapshot(
    frames: Iterable[Frame],
    folder: Path,
    facts: Mapping[str, Any],
    time_column: str | None = None,
    *,
    progress: Report | None = None,
    limits: Limits = LIMITS,
) -> dict[str, Any]:
    """Stream frames into part files of bounded size, and write the manifest beside them.

    Memory holds one frame of the source and a few blocks, however many rows there are.

    :param frames: pandas frames, Arrow tables or record batches of one schema, in row order; or sorted Spark frames.
    :param folder: an existing, empty folder that nobody reads yet.
    :param facts: JSON-safe facts to keep in the manifest (dataset, partition keys, source, code hash, run, ...).
    :param time_column: timestamp column whose range the manifest states.
    :param progress: called every few seconds with rows, bytes in memory and seconds so far.
    :param limits: size of blocks and part files.
    :return: the manifest, with ``snapshot_id``, ``rows``, ``columns``, ``files``, ``time_range``, ``manifest_sha256``.
    :raises NoRows: when there is no row.
    :raises BadInput: when a frame does not fit the first one's schema, or a type cannot be kept.
    """
    told = Progress(progress)
    parts = _Parts(folder, limits)
    found: SnapshotFacts | None = None
    schema: pa.Schema | None = None
    with (
        ThreadPoolExecutor(max_workers=HASH_THREADS, thread_name_prefix="digest") as pool,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet") as encoder,
    ):
        encoded: Future[None] | None = None
        try:
            for block in blocks(frames, limits):
                schema = block.schema
                if block.num_rows == 0:  # there is one such block only where all frames are empty
                    break
                found = found or SnapshotFacts(block.schema, time_column)
                found.retype(block.schema)
                if encoded is not None:
                    encoded.result()
                encoded = encoder.submit(parts.write, block)
                found.update(block, pool)
                told.add(block.num_rows, block.nbytes)
            if encoded is not None:
                encoded.result()
            parts.close()
        finally:
            encoder.shutdown(wait=True)
            parts.abandon()
    if found is None:
        raise NoRows(facts, schema)
    told.tell()
    manifest = seal({**found.measured(), "files": parts.files()}, facts)
    write_manifest(folder, manifest)
    return manifest


class _Parts:
    """Part files: a new one begins when one is full, or when a column of nulls takes a type."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._done: list[tuple[pa.Schema, dict[str, Any]]] = []
        self._open: _Part | None = None

    def write(self, block: pa.Table) -> None:
        if block.num_rows == 0:
            return
        schema = _nullable(block.schema)
        if self._open is not None and not self._open.takes(schema, block.num_rows, self._limits):
            self.close()
        if self._open is None:
            self._open = _Part(self._folder / part_name(len(self._done)), schema)
        self._open.write(block)

    def close(self) -> None:
        if self._open is not None:
            part, self._open = self._open, None
            self._done.append((part.schema, part.close()))

    def abandon(self) -> None:
        """Let go of a part that could not be finished; where all went well there is none."""
        if self._open is not None:
            self._open.abandon()

    def files(self) -> list[dict[str, Any]]:
        """Return the manifest's entries; parts from before a column took its type are written again."""
        schema = self._done[-1][0]
        return [
            entry if old.equals(schema) else _rewritten(self._folder / entry["name"], schema)
            for old, entry in self._done
        ]


class _Part:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        pq, types = load("pyarrow.parquet", "parquet"), load("pyarrow.types", "parquet")
        self.schema = schema
        self.rows = 0
        self._path = path
        self._sink = _HashingFile(path)
        # Numbers with fractions hardly repeat: looking for repeats costs time and finds none.
        repeats = [field.name for field in schema if not types.is_floating(field.type)]
        self._writer = pq.ParquetWriter(self._sink, schema, compression="zstd", use_dictionary=repeats or False)

    def takes(self, schema: pa.Schema, rows: int, limits: Limits) -> bool:
        fits = self.rows + rows <= limits.part_rows and self._sink.size < limits.part_bytes
        return fits and self.schema.equals(schema)

    def write(self, block: pa.Table) -> None:
        self._writer.write_table(_as(block, self.schema), row_group_size=block.num_rows)
        self.rows += block.num_rows

    def close(self) -> dict[str, Any]:
        try:
            self._writer.close()
        except BaseException:
            self.abandon()
            raise
        self._sink.close()
        return {
            "name": self._path.name,
            "bytes": self._sink.size,
            "sha256": self._sink.sha256.hexdigest(),
            "rows": self.rows,
        }

    def abandon(self) -> None:
        # Else the writer, when it is collected, tries to write its footer once more.
        self._writer.is_open = False
        self._sink.close()


class _HashingFile(io.RawIOBase):
    """A file that is hashed while it is written, so that it need not be read again."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        self._file = path.open("wb", buffering=0)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        if self._file.closed:  # abandoned: the writer's last words are not heard
            return len(data)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.sha256.update(data)
        self.size += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _rewritten(path: Path, schema: pa.Schema) -> dict[str, Any]:
    pq = load("pyarrow.parquet", "parquet")
    old = path.rename(path.with_suffix(".old"))
    part = _Part(path, schema)
    with pq.ParquetFile(old, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            arrays = [column.cast(field.type) for column, field in zip(table.columns, schema, strict=True)]
            part.write(load("pyarrow", "parquet").Table.from_arrays(arrays, schema=schema))
    old.unlink()
    return part.close()


def _nullable(schema: pa.Schema) -> pa.Schema:
    pa = load("pyarrow", "parquet")
    return pa.schema([pa.field(field.name, field.type) for field in schema])


def _as(block: pa.Table, schema: pa.Schema) -> pa.Table:
    return load("pyarrow", "parquet").Table.from_arrays(block.columns, schema=schema)
