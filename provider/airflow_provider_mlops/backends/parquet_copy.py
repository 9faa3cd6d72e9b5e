"""Parquet files as a snapshot, copied as they are: the bytes are kept, the id comes from decoding them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.batch_layout import difference_of
from airflow_provider_mlops.backends.column_facts import SnapshotFacts
from airflow_provider_mlops.backends.content_digest import check_names
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.parquet_reader import decoded_batches
from airflow_provider_mlops.backends.parquet_writer import HASH_THREADS, no_rows
from airflow_provider_mlops.backends.progress import Progress, Report
from airflow_provider_mlops.backends.snapshot_files import part_name, write_manifest
from airflow_provider_mlops.backends.source_file import SourceFile, SteadyFile, copy_hashed
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import seal

if TYPE_CHECKING:
    import pyarrow as pa


def write_snapshot_files(
    files: Sequence[SourceFile],
    folder: Path,
    facts: Mapping[str, Any],
    time_column: str | None = None,
    *,
    progress: Report | None = None,
) -> dict[str, Any]:
    """Copy Parquet files byte for byte into part files, and write the manifest beside them.

    The rows come in the order of the files given, and within a file as they lie there. The same rows written again
    by `write_snapshot` have the same id.

    :param files: local paths or ``ObjectStoragePath``, in row order.
    :param folder: an existing, empty folder that nobody reads yet.
    :param facts: JSON-safe facts to keep in the manifest.
    :param time_column: timestamp column whose range the manifest states.
    :param progress: called every few seconds with rows, bytes in memory and seconds so far.
    :return: the manifest, as `write_snapshot` returns it; each file's entry has its ``source`` too.
    :raises BadInput: when a file is no Parquet file, is encrypted, has other columns than the first, changes while it
        is read, or when there is no row.
    """
    if not files:
        raise BadInput(no_rows(facts))
    told = Progress(progress)
    found: SnapshotFacts | None = None
    copies: list[_Copy] = []
    with (
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy") as copier,
        ThreadPoolExecutor(max_workers=HASH_THREADS, thread_name_prefix="digest") as pool,
    ):
        waiting = [copier.submit(_copied, file, folder / part_name(n)) for n, file in enumerate(files)]
        try:
            for future in waiting:
                copy = future.result()
                copies.append(copy)
                if copies[0].schema is not copy.schema:
                    _check_same(copies[0], copy)
                found = found or SnapshotFacts(copy.schema, time_column)
                for batch in _batches(copy):
                    table = load("pyarrow", "parquet").Table.from_batches([batch])
                    found.update(table, pool)
                    told.add(batch.num_rows, batch.nbytes)
        finally:
            _cancel(waiting)
    if found is None or found.rows == 0:
        raise BadInput(no_rows(facts))
    told.tell()
    manifest = seal({**found.measured(), "files": [copy.entry for copy in copies]}, facts)
    write_manifest(folder, manifest)
    return manifest


@dataclass(frozen=True, slots=True)
class _Copy:
    """A part file that was copied: where it came from, its schema and its entry in the manifest."""

    source: SourceFile
    path: Path
    schema: pa.Schema
    entry: dict[str, Any]


def _copied(source: SourceFile, target: Path) -> _Copy:
    steady = SteadyFile(source)
    sha256 = copy_hashed(steady, target)
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    try:
        with pq.ParquetFile(target, pre_buffer=False) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow.remove_metadata()
    except (pa.ArrowException, OSError, ValueError) as err:
        raise BadInput(f"{source} is not a Parquet file that can be read: {err}") from err
    check_names(schema.names)
    entry = {"name": target.name, "bytes": steady.size, "sha256": sha256, "rows": rows, "source": source.name}
    return _Copy(source, target, schema, entry)


def _batches(copy: _Copy) -> Any:
    pa = load("pyarrow", "parquet")
    try:
        yield from decoded_batches(copy.path)
    except (pa.ArrowException, OSError, ValueError) as err:
        raise BadInput(f"{copy.source} cannot be decoded: {err}") from err


def _check_same(first: _Copy, other: _Copy) -> None:
    if difference := difference_of(first.schema, other.schema):
        raise BadInput(f"{other.source} has not the columns of {first.source}: {difference} there.")


def _cancel(futures: Sequence[Future[Any]]) -> None:
    for future in futures:
        future.cancel()
