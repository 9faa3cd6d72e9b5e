"""A window of accepted snapshots of another dataset: named, never copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import accepted_snapshots, training_window
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.source import SnapshotsSource
from airflow_provider_mlops.hooks.ledger import known_dataset_ledger
from airflow_provider_mlops.hooks.snapshot_set import Cut, SnapshotSet
from airflow_provider_mlops.hooks.sources.reading import Reading, Where


@contextmanager
def read_window(source: SnapshotsSource, where: Where) -> Iterator[Reading]:
    """Choose the snapshots of a window.

    :param source: the source.
    :param where: the partition that the window ends before, or with.
    :return: context manager that gives the reading: members and a cut, no rows.
    :raises BadInput: when the dataset has no record, or ``since`` cuts a partition and the operator has no time column,
        or one that is not there.
    :raises EvidenceBroken: when a snapshot whose rows must be counted is missing or was changed.
    :raises AirflowSkipException: when there is no accepted partition in the window yet.
    """
    records = known_dataset_ledger(source.dataset, where.ledger_root).records()
    accepted = accepted_snapshots(records)
    window = {"partitions": source.window, "since": source.since}
    chosen = training_window(accepted, where.partition.key, window=window, include_current=source.include_current)
    if not chosen:
        raise AirflowSkipException(
            f"Dataset {source.dataset!r} has no accepted partition in the window of {where.partition.key}."
        )
    rows = {record.body["snapshot_id"]: record.body["rows"] for record in records if record.kind == "snapshot"}
    members = [{"dataset": source.dataset, **item, "rows": rows.get(item["snapshot_id"])} for item in chosen]
    first, last = chosen[0]["partition_key"], chosen[-1]["partition_key"]
    where.log.info("Window of %s: %s to %s, %s snapshots.", source.dataset, first, last, len(chosen))
    cut = _cut(source, first, where.time_column)
    yield Reading(members=[_counted(item, cut, where) for item in members], cut=cut)


def _cut(source: SnapshotsSource, first: str, time_column: str | None) -> dict[str, str | None] | None:
    """Cut the first partition where the window begins inside it."""
    since = Partition.parse(source.since).start if source.since else None
    if since is None or Partition.parse(first).start >= since:
        return None
    if time_column is None:
        raise BadInput(f"since={source.since} lies inside partition {first}: set time_column to cut it.")
    return {"time_column": time_column, "since": since.isoformat(), "until": None}


def _counted(member: Mapping[str, Any], cut: Mapping[str, Any] | None, where: Where) -> Mapping[str, Any]:
    """Say how many rows of a member belong to the window: what a cut leaves, no record knows."""
    if cut is None and member["rows"] is not None:
        return member
    rows = SnapshotSet(where.storage, member["dataset"], [member], Cut(**(cut or {}))).count()
    return {**member, "rows": rows}
