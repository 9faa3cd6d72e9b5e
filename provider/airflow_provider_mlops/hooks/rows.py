"""Reading rows of snapshots by hash, cut by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.hooks.gone import snapshot_there_now
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def snapshot_path(dataset: str, snapshot_id: str) -> str:
    """Return where a snapshot lies below the storage root.

    :param dataset: name of the dataset.
    :param snapshot_id: id of the snapshot.
    """
    return f"snapshots/{dataset}/{snapshot_id.removeprefix(PREFIX)}"


def read_rows(
    storage: Storage,
    dataset: str,
    snapshots: Sequence[Mapping[str, str]],
    *,
    time_column: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> pd.DataFrame:
    """Read the rows of snapshots in order, each snapshot proved by its hash.

    Of a snapshot that rows were lawfully erased from, the rows that are left are read.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in the order to keep.
    :param time_column: column that ``since`` and ``until`` cut by.
    :param since: keep rows from this time on (ISO 8601), None for no cut.
    :param until: keep rows before this time (ISO 8601), None for no cut.
    :return: one frame, at least one row.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    :raises BadInput: when the snapshots' schemas differ, the time column is missing, or no row is left.
    """
    from airflow_provider_mlops.backends.parquet import read_snapshot

    arrow = load("pyarrow", "parquet")
    tables: list[pa.Table] = []
    for item in snapshots:
        if (found := snapshot_there_now(storage, dataset, item["snapshot_id"])) is None:
            continue
        with storage.open(snapshot_path(dataset, found)) as folder:
            tables.append(read_snapshot(folder, found))
    if not tables:
        raise EvidenceBroken(f"All rows of these snapshots of dataset {dataset!r} were lawfully erased.")
    try:
        table = arrow.concat_tables(tables)
    except arrow.ArrowInvalid as err:
        raise BadInput(f"The training snapshots of dataset {dataset!r} differ in their schema: {err}") from err
    table = _cut(table, time_column, since, until)
    if table.num_rows == 0:
        raise BadInput(
            f"No row of dataset {dataset!r} is left between {since or 'the start'} and {until or 'the end'}."
        )
    frame: pd.DataFrame = table.to_pandas()
    return frame


def last_time(storage: Storage, dataset: str, snapshot_id: str) -> str:
    """Return the newest time of a snapshot, from its manifest.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :return: ISO 8601 text.
    :raises BadInput: when its manifest states no time range.
    """
    from airflow_provider_mlops.backends.parquet import read_manifest

    there = snapshot_there_now(storage, dataset, snapshot_id) or snapshot_id
    with storage.open(snapshot_path(dataset, there)) as folder:
        found = read_manifest(folder).get("time_range")
    if not found:
        raise BadInput(f"Snapshot {snapshot_id} states no time range; take it with time_column.")
    return str(found[1])


def _cut(table: pa.Table, time_column: str | None, since: str | None, until: str | None) -> pa.Table:
    if since is None and until is None:
        return table
    if time_column is None or time_column not in table.column_names:
        raise BadInput(f"Rows can be cut by time only with a time column; {time_column!r} is not one of the columns.")
    pc = load("pyarrow.compute", "parquet")
    times = table[time_column]
    keep = pc.is_valid(times)
    for limit, compare in ((since, pc.greater_equal), (until, pc.less)):
        if limit is not None:
            keep = pc.and_(keep, compare(times, _moment(limit, times.type)))
    return table.filter(keep)


def _moment(text: str, arrow_type: pa.DataType) -> pa.Scalar:
    moment = load("pandas", "parquet").Timestamp(text)
    return load("pyarrow", "parquet").scalar(moment, type=arrow_type)
