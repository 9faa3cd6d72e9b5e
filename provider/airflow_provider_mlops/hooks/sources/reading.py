"""What an opened source gives: its rows, and what manifest, record and lineage say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.hooks.storage import Storage

AUTO, SPARK = "auto", "spark"
ENGINES = (AUTO, SPARK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """For which partition a source is read, and from where its parts are found.

    :param partition: the partition.
    :param bundle: root of the Dag bundle, which relative paths start from.
    :param storage: where snapshots lie.
    :param ledger_root: folder of the ledgers; None for the configured one.
    :param time_column: timestamp column of the rows, None when unknown.
    :param log: where progress is told.
    :param engine: what reads files: ``auto`` or ``spark``.
    :param allow_empty: whether a partition may have no rows.
    """

    partition: Partition
    bundle: Path
    storage: Storage
    ledger_root: str | None
    time_column: str | None
    log: Any
    engine: str = AUTO
    allow_empty: bool = False


@dataclass(slots=True, kw_only=True)
class Reading:
    """An opened source: rows, or Parquet files whose bytes are the rows, or snapshots that are named and not copied.

    :param facts: JSON-safe facts for manifest and record, known before the first row.
    :param rows: pandas frames, Arrow tables or batches of one schema, in row order.
    :param parquet: Parquet files to copy as they are, in order; then ``rows`` is not read.
    :param members: ``{"dataset", "partition_key", "snapshot_id", "rows"}`` of a window's snapshots, in order.
    :param cut: ``{"time_column", "since", "until"}`` of a window, None for whole members.
    :param check: raises when the source has changed since it was opened.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    rows: Iterator[Any] = field(default_factory=lambda: iter(()))
    parquet: Sequence[Any] = ()
    members: Sequence[Mapping[str, Any]] = ()
    cut: Mapping[str, Any] | None = None
    check: Callable[[], None] = lambda: None
