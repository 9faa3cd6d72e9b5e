"""Columns of snapshots as the drift check sees them, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.snapshot_set import Cut, Leaf, SnapshotSet, snapshot_path
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.parquet_column import ParquetColumns, Part


@contextmanager
def open_columns(
    storage: Storage,
    dataset: str,
    snapshots: Sequence[Mapping[str, Any]],
    *,
    time_column: str | None = None,
    since: str | None = None,
    until: str | None = None,
    weekdays: Sequence[int] = (),
) -> Iterator[ParquetColumns]:
    """Open snapshots for reading column by column; their bytes are proved once, before the first one.

    What proves them is the manifest; what proves that is its hash in the dataset's ledger, where a record states it.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in order; a window stands for its members.
    :param time_column: column that rows are cut by.
    :param since: keep rows from this time on (ISO 8601), None for all.
    :param until: keep rows before this time (ISO 8601), None for all.
    :param weekdays: days of the week to keep, Monday 0; empty for all.
    :return: context manager that gives the columns.
    :raises EvidenceBroken: when a snapshot is missing or was changed, or all were lawfully erased.
    :raises BadInput: when rows are to be cut and there is no such time column.
    """
    from airflow_provider_mlops.backends.parquet_column import ParquetColumns

    found = list(SnapshotSet(storage, dataset, snapshots, Cut(time_column, since, until, tuple(weekdays))).leaves())
    if snapshots and not found:
        raise EvidenceBroken(f"All rows of these snapshots of dataset {dataset!r} were lawfully erased.")
    wanted: dict[str, set[str]] = {}
    for leaf in found:
        wanted.setdefault(leaf.dataset, set()).add(leaf.snapshot_id)
    stated = {name: _stated(storage, name, ids) for name, ids in wanted.items()}
    with ExitStack() as stack:
        parts: list[Part] = []
        for leaf in found:
            folder = stack.enter_context(storage.open(snapshot_path(leaf.dataset, leaf.snapshot_id)))
            parts.extend(_parts(folder, leaf, stated[leaf.dataset].get(leaf.snapshot_id)))
        yield ParquetColumns(parts)


def _stated(storage: Storage, dataset: str, wanted: Collection[str]) -> dict[str, str]:
    """Look up the hashes of manifests: with them the bytes alone prove the rows, whose values nobody hashes here."""
    found = {}
    for record in dataset_ledger(dataset, storage.ledger_root).records():
        for name, digest in (("snapshot_id", "manifest_sha256"), ("accepted_snapshot_id", "accepted_manifest_sha256")):
            if record.body.get(name) in wanted and record.body.get(digest):
                found[str(record.body[name])] = str(record.body[digest])
    return found


def _parts(folder: Path, leaf: Leaf, manifest_sha256: str | None) -> Iterator[Part]:
    from airflow_provider_mlops.backends.parquet import SnapshotReader
    from airflow_provider_mlops.backends.parquet_column import Part

    reader = SnapshotReader(folder, leaf.snapshot_id, manifest_sha256)
    leaf.check_columns(reader.columns)
    for path in reader.verified_paths():
        yield Part(path, _mask(path, leaf.cuts))


def _mask(path: Path, cuts: Sequence[Cut]) -> Any:
    """Tell which rows of a file count; None where all do."""
    from airflow_provider_mlops.backends.parquet_reader import decoded_batches

    if not cuts:
        return None
    numpy = load("numpy", "parquet")
    times = sorted({str(cut.time_column) for cut in cuts})
    kept = [
        numpy.logical_and.reduce([cut.mask(batch).to_numpy(zero_copy_only=False) for cut in cuts])
        for batch in decoded_batches(path, times)
    ]
    mask = numpy.concatenate(kept) if kept else numpy.empty(0, dtype=bool)
    return None if mask.all() else mask
