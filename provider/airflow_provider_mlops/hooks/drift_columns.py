"""The columns that a drift report looks at: a bounded share of the rows, read again from the snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.hooks.snapshot_set import Cut, SnapshotSet, published_manifest
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pandas as pd

    from airflow_provider_mlops.statistics.columns import ColumnSample, Summary

MOST_ROWS = 300_000
"""Rows that are looked at on each side; of more, every k-th is taken."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one side.

    :param frame: the columns that were asked for and are there.
    :param rows: how many rows there are.
    :param every: 1 where all were taken, else every how manyth.
    """

    frame: pd.DataFrame
    rows: int
    every: int

    def sample(self, name: str) -> ColumnSample | None:
        """Return a column as the drift check sees it, None when it is not there.

        :param name: the column.
        """
        return as_sample(self.frame[name]) if name in self.frame.columns else None


def read_some(
    storage: Storage,
    dataset: str,
    snapshots: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    cut: Cut | None = None,
) -> Rows:
    """Read columns of snapshots, thinned evenly so that memory stays bounded.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in order.
    :param columns: the columns; those that are not there are left out.
    :param cut: which rows to keep by their time.
    :return: the rows.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    pa = load("pyarrow", "parquet")
    found = SnapshotSet(storage, dataset, snapshots, cut or Cut())
    rows = found.count()
    every = max(1, -(-rows // MOST_ROWS))
    kept, seen = [], 0
    for batch in found.batches(list(columns)):
        there = batch.select([name for name in columns if name in batch.schema.names])
        first = -seen % every
        seen += batch.num_rows
        kept.append(there if every == 1 else there.take(pa.array(range(first, batch.num_rows, every))))
    frame = pa.Table.from_batches(kept).to_pandas() if kept else load("pandas", "parquet").DataFrame()
    return Rows(frame, rows, every)


def thinned(side: Summary) -> Summary:
    """Keep of a long numeric column every k-th value in order: its quantiles, in bounded memory.

    :param side: the column.
    """
    from airflow_provider_mlops.statistics.columns import Numbers

    if not isinstance(side, Numbers) or side.present <= MOST_ROWS:
        return side
    every = -(-side.present // MOST_ROWS)
    kept = Numbers.owning(side.ordered[every // 2 :: every].copy(), side.nulls // every)
    return replace(kept, infinite=-(-side.infinite // every))


def types_of(storage: Storage, dataset: str, snapshot_id: str) -> dict[str, str]:
    """Return the type of each column, as a snapshot's manifest states it.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    """
    columns = published_manifest(storage, dataset, snapshot_id).get("columns") or ()
    return {str(item["name"]): str(item["type"]) for item in columns}


def as_sample(column: pd.Series[Any]) -> ColumnSample:
    """Take a column as the drift check does: numbers and booleans are numeric, the rest is categorical.

    :param column: the values.
    """
    from airflow_provider_mlops.statistics.columns import ColumnSample

    types = load("pandas.api.types", "parquet")
    if types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype):
        return ColumnSample("numeric", column.astype("float64").to_numpy(na_value=float("nan")))
    texts = column.astype(str).where(column.notna(), None)
    return ColumnSample("categorical", texts.to_numpy(dtype=object))
