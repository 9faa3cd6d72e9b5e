"""Parquet files as a snapshot, copied as they are: the bytes are kept, the id comes from decoding them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.batch_layout import difference_of
from airflow_provider_mlops.backends.column_facts import SnapshotFacts
from airflow_provider_mlops.backends.content_digest import check_names
from airflow_provider_mlops.backends.no_rows import NoRows
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.parquet_reader import decoded_batches
from airflow_provider_mlops.backends.parquet_writer import HASH_THREADS
from airflow_provider_mlops.backends.progress import Progress, Report
from airflow_provider_mlops.backends.snapshot_files import part_name, write_manifest
from airflow_provider_mlops.backends.source_file import SourceFile, SteadyFile
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.side_by_side import ahead
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
    :raises NoRows: when there is no row.
    :raises BadInput: when a file is no Parquet file, is encrypted, has other columns than the first, or changes while
        it is read.
    """
    if not files:
        raise NoRows(facts)
    told = Progress(progress)
    found: SnapshotFacts | None = None
    first: _Source | None = None
    rows: list[int] = []
    with (
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy") as copier,
        ThreadPoolExecutor(max_workers=HASH_THREADS, thread_name_prefix="digest") as pool,
    ):
        steady = [SteadyFile(file) for file in files]
        copies = [copier.submit(_copied, file, folder / part_name(n)) for n, file in enumerate(steady)]
        try:
            for file, copy in zip(steady, copies, strict=True):
                source = _Source.of(file, copy, folder)
                first = first or source
                _check_same(first, source)
                found = found or SnapshotFacts(source.schema, time_column)
                found.retype(source.schema)
                before = found.rows
                for batch in ahead(_batches(source)):
                    found.update(batch, pool)
                    told.add(batch.num_rows, batch.nbytes)
                file.check()
                rows.append(found.rows - before)
            entries = [{**copy.result(), "rows": count} for copy, count in zip(copies, rows, strict=True)]
        finally:
            for copy in copies:
                copy.cancel()
    if found is None or found.rows == 0:
        raise NoRows(facts, first.schema if first is not None else None)
    told.tell()
    manifest = seal({**found.measured(), "files": entries}, facts)
    write_manifest(folder, manifest)
    return manifest


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that is copied, where its rows are decoded from, and its schema."""

    file: SteadyFile
    path: Path
    schema: pa.Schema

    @classmethod
    def of(cls, file: SteadyFile, copy: Future[dict[str, Any]], folder: Path) -> _Source:
        """Decode a local file while it is copied, which must not change meanwhile; another one from its copy."""
        path = file.local or folder / copy.result()["name"]
        pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
        try:
            with pq.ParquetFile(path, pre_buffer=False) as opened:
                schema = opened.schema_arrow.remove_metadata()
        except (pa.ArrowException, OSError, ValueError) as err:
            file.check()
            raise BadInput(f"{file} is not a Parquet file that can be read: {err}") from err
        check_names(schema.names)
        return cls(file, path, schema)


def _copied(file: SteadyFile, target: Path) -> dict[str, Any]:
    sha256 = file.copy(target)
    return {"name": target.name, "bytes": file.size, "sha256": sha256, "source": file.name}


def _batches(source: _Source) -> Iterator[pa.RecordBatch]:
    pa = load("pyarrow", "parquet")
    try:
        yield from decoded_batches(source.path, as_dictionaries=True)
    except (pa.ArrowException, OSError, ValueError) as err:
        source.file.check()
        raise BadInput(f"{source.file} cannot be decoded: {err}") from err


def _check_same(first: _Source, other: _Source) -> None:
    if difference := difference_of(first.schema, other.schema):
        raise BadInput(f"{other.file} has not the columns of {first.file}: {difference} there.")
