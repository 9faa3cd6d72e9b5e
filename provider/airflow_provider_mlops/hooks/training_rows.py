"""Which snapshots a training takes: partitions that a Dag counts, or a window that was taken as a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import training_window, validation_outcomes
from airflow_provider_mlops.core.gone import gone_snapshots, successor
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.snapshot_manifest import is_window
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.core.window import WindowSpec, names_snapshot
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.snapshot_set import published_manifest
from airflow_provider_mlops.hooks.storage import Storage


@dataclass(frozen=True, slots=True)
class Chosen:
    """The snapshots to train on.

    :param snapshots: ``{"partition_key", "snapshot_id"}`` of each, oldest first; possibly none.
    :param since: rows are trained on from this time on (ISO 8601); None for whole snapshots.
    """

    snapshots: Sequence[dict[str, str]]
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held out, and from where the others are chosen.

    :param dataset: name of the dataset.
    :param partition_key: the partition that is held out, or whose tail is.
    :param snapshot_id: its snapshot.
    :param tail_only: whether its head is trained on.
    :param time_column: column with the row's time, None for none.
    """

    dataset: str
    partition_key: str
    snapshot_id: str
    tail_only: bool
    time_column: str | None


def choose_training(
    window: WindowSpec, held: Held, accepted: Mapping[str, str], records: Sequence[Record], storage: Storage
) -> Chosen:
    """Choose the snapshots to train on.

    :param window: what the Dag says: see `core.window`.
    :param held: what is held out.
    :param accepted: partition key to accepted snapshot id.
    :param records: records of the dataset's ledger.
    :param storage: where snapshots lie.
    :return: the snapshots.
    :raises BadInput: when the window is none, or holds what is no partition of the dataset before the one held out.
    :raises Refused: when the window, or one of its members, was not accepted.
    """
    named = names_snapshot(window)
    everything = {**accepted, held.partition_key: held.snapshot_id}
    if named is None:
        return Chosen(training_window(everything, held.partition_key, window=window, include_current=held.tail_only))
    manifest = published_manifest(storage, *named)
    if not is_window(manifest):
        raise BadInput(f"Snapshot {named[1]} of dataset {named[0]!r} is no window: take one with sources.snapshots.")
    chosen = _members(named, manifest["members"], held, records)
    _must_be_accepted(named, [item["snapshot_id"] for item in chosen], records, storage)
    keys = [item["partition_key"] for item in chosen]
    if late := [key for key in keys if key > held.partition_key or (key == held.partition_key and not held.tail_only)]:
        raise BadInput(
            f"Window {named[1]} holds {late[0]}, which is not before {held.partition_key}, the held out one."
        )
    if held.tail_only and held.partition_key not in keys:
        chosen.append({"partition_key": held.partition_key, "snapshot_id": held.snapshot_id})
    return Chosen(chosen, _since(manifest["cut"], held))


def _members(
    named: tuple[str, str], members: Sequence[Mapping[str, str]], held: Held, records: Sequence[Record]
) -> list[dict[str, str]]:
    """Name the members' snapshots as they are now: where rows were erased, those with the rows that are left."""
    gone, found = gone_snapshots(records), []
    for item in members:
        if item["dataset"] != held.dataset:
            raise BadInput(f"Window {named[1]} names dataset {item['dataset']!r}; this step is on {held.dataset!r}.")
        if (there := successor(gone, item["snapshot_id"])) is None:
            raise Refused(f"Window {named[1]} holds {item['snapshot_id']}, which is gone: take the window again.")
        found.append({"partition_key": item["partition_key"], "snapshot_id": there})
    return found


def _must_be_accepted(
    named: tuple[str, str], snapshot_ids: Sequence[str], records: Sequence[Record], storage: Storage
) -> None:
    own = validation_outcomes(dataset_ledger(named[0], storage.ledger_root).records(), [named[1]])[named[1]]
    if own not in (None, Outcome.PASS):
        raise Refused(f"Window {named[1]} of dataset {named[0]!r} was judged {own}: it is not trained on.")
    for snapshot_id, outcome in validation_outcomes(records, snapshot_ids).items():
        if outcome != Outcome.PASS:
            raise Refused(
                f"Window {named[1]} holds snapshot {snapshot_id}, whose latest validation is "
                f"{outcome or 'missing'}: take the window again."
            )


def _since(cut: Mapping[str, Any] | None, held: Held) -> str | None:
    if cut is None:
        return None
    if cut["until"] is not None or cut["time_column"] != held.time_column:
        raise BadInput(
            f"The window is cut by {cut['time_column']!r}; a training follows a cut at its start, by its own "
            f"time_column, which is {held.time_column!r}."
        )
    return str(cut["since"])
