"""The Parquet files behind a snapshot: its own, or those of a window's members, which are named and not copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import is_window, joined_columns
from airflow_provider_mlops.hooks.gone import Erased, snapshot_there_now
from airflow_provider_mlops.hooks.snapshot_set import (
    Cut,
    Leaf,
    SnapshotSet,
    leaf_batches,
    published_manifest,
    snapshot_path,
)
from airflow_provider_mlops.hooks.storage import Storage

_WHOLE = Cut()


@dataclass(frozen=True, slots=True)
class RowFiles:
    """Rows as files, proved byte by byte and value by value.

    :param manifest: the snapshot's manifest; that of a window says also ``rows`` and ``columns`` of its members.
    :param files: the Parquet files, in row order.
    """

    manifest: Mapping[str, Any]
    files: Sequence[Path]


@contextmanager
def row_files(storage: Storage, dataset: str, snapshot_id: str, cut: Cut = _WHOLE) -> Iterator[RowFiles]:
    """Open the files of a snapshot, or of a window's members by reference.

    A member that a cut goes through is written anew, without the rows that are cut off, into a private folder that is
    removed afterwards; whatever lies between the limits as a whole is read where it is.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: a snapshot or a window.
    :param cut: which rows to keep by their time.
    :return: context manager that gives files and manifest.
    :raises EvidenceBroken: when a snapshot is missing or was changed, or all rows were erased.
    :raises BadInput: when the members differ in their columns, the time column is missing, or no row is left.
    """
    leaves = list(SnapshotSet(storage, dataset, [{"snapshot_id": snapshot_id}], cut).leaves())
    if not leaves:
        raise Erased(f"All rows of snapshot {snapshot_id} of dataset {dataset!r} were lawfully erased.")
    with ExitStack() as stack:
        opened = [found for leaf in leaves if (found := _opened(storage, leaf, stack)) is not None]
        if not opened:
            raise BadInput(f"No row of snapshot {snapshot_id} of dataset {dataset!r} is left between its limits.")
        yield RowFiles(
            _of_all(storage, dataset, snapshot_id, [one.manifest for one in opened]),
            [file for one in opened for file in one.files],
        )


def columns_stated(storage: Storage, dataset: str, snapshot_id: str) -> list[dict[str, Any]]:
    """Return what the manifests of a snapshot, or of a window's members, state of the columns; no row is read.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: a snapshot or a window.
    :return: entries as manifests have them.
    :raises EvidenceBroken: when a manifest is missing or was changed.
    :raises BadInput: when the members differ in their columns.
    """
    leaves = SnapshotSet(storage, dataset, [{"snapshot_id": snapshot_id}]).leaves()
    return joined_columns([published_manifest(storage, leaf.dataset, leaf.snapshot_id) for leaf in leaves])


def _of_all(
    storage: Storage, dataset: str, snapshot_id: str, manifests: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    own = published_manifest(storage, dataset, snapshot_there_now(storage, dataset, snapshot_id) or snapshot_id)
    if not is_window(own) and manifests[0]["snapshot_id"] == own["snapshot_id"]:
        return manifests[0]
    return {**own, "rows": sum(item["rows"] for item in manifests), "columns": joined_columns(manifests)}


def _opened(storage: Storage, leaf: Leaf, stack: ExitStack) -> RowFiles | None:
    from airflow_provider_mlops.backends.parquet import verify_snapshot, write_snapshot

    manifest = published_manifest(storage, leaf.dataset, leaf.snapshot_id)
    if all(cut.spares(manifest) for cut in leaf.cuts):
        folder = stack.enter_context(storage.open(snapshot_path(leaf.dataset, leaf.snapshot_id)))
        manifest = verify_snapshot(folder, leaf.snapshot_id)
    else:
        batches = (batch for batch in leaf_batches(storage, leaf) if batch.num_rows)
        if (first := next(batches, None)) is None:
            return None
        folder = stack.enter_context(storage.staging())
        manifest = write_snapshot(chain([first], batches), folder, {})
    return RowFiles(manifest, [folder / item["name"] for item in manifest["files"]])
