"""Reading rows of snapshots by hash, cut by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.gone import snapshot_there_now
from airflow_provider_mlops.hooks.snapshot_set import Cut, SnapshotSet, published_manifest, snapshot_path
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pandas as pd


def read_rows(
    storage: Storage,
    dataset: str,
    snapshots: Sequence[Mapping[str, str]],
    *,
    columns: Sequence[str] | None = None,
    time_column: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> pd.DataFrame:
    """Read the rows of snapshots in order, each snapshot proved by its hash.

    The rows stream through the cut into the result; memory holds the result and little more. Of a snapshot that rows
    were lawfully erased from, the rows that are left are read.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in the order to keep; a window stands for its members.
    :param columns: the columns to read. None for all, and all are read where a snapshot lacks one, so that whoever
        needs it can say what there is.
    :param time_column: column that ``since`` and ``until`` cut by.
    :param since: keep rows from this time on (ISO 8601), None for no cut.
    :param until: keep rows before this time (ISO 8601), None for no cut.
    :return: one frame, at least one row.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    :raises BadInput: when the snapshots' schemas differ, the time column is missing, or no row is left.
    """
    found = SnapshotSet(storage, dataset, snapshots, Cut(time_column, since, until))
    batches = [batch for batch in found.batches(columns) if batch.num_rows]
    if not batches:
        where = f" is left between {since or 'the start'} and {until or 'the end'}" if found.cut.cuts else ""
        raise BadInput(f"No row of dataset {dataset!r}{where or ' is in the chosen snapshots: they are empty'}.")
    table = load("pyarrow", "parquet").Table.from_batches(batches)
    frame: pd.DataFrame
    if len(batches) == 1:
        frame = table.to_pandas()
    else:
        batches.clear()
        # Column by column, each freed once it is converted: never all rows twice.
        frame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def last_time(storage: Storage, dataset: str, snapshot_id: str) -> str:
    """Return the newest time of a snapshot, from its manifest.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :return: ISO 8601 text.
    :raises BadInput: when its manifest states no time range.
    """
    there = snapshot_there_now(storage, dataset, snapshot_id) or snapshot_id
    manifest = published_manifest(storage, dataset, there)
    if not (found := manifest.get("time_range")):
        why = "has no rows" if manifest["rows"] == 0 else "states no time range; take it with time_column"
        raise BadInput(f"Snapshot {snapshot_id} {why}.")
    return str(found[1])


def holdout_start(storage: Storage, dataset: str, snapshot_id: str, days: int, time_column: str | None) -> str:
    """Return the midnight from which on a snapshot's last days are held out.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :param days: how many of its last days are held out.
    :param time_column: column with the row's time.
    :return: ISO 8601 text.
    :raises BadInput: when there is no day to hold out, no time column, or no time range in the manifest.
    """
    if days < 1 or time_column is None:
        raise BadInput(f"holdout_days={days} needs at least one day, and a time_column.")
    newest = datetime.fromisoformat(last_time(storage, dataset, snapshot_id))
    midnight = newest.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - timedelta(days=days)).isoformat()


__all__ = ["holdout_start", "last_time", "read_rows", "snapshot_path"]
