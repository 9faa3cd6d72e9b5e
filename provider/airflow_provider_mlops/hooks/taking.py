"""Publishing a snapshot while others may prune or erase it."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_mlops.core.errors import Refused, TransientError
from airflow_provider_mlops.core.gone import ERASED, gone_snapshots
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.removal import remove, settled
from airflow_provider_mlops.hooks.rows import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage


def publish_snapshot(storage: Storage, staged: Path, dataset: str, snapshot_id: str, ledger: Ledger) -> str:
    """Publish a staged snapshot, unless rows of it were erased: those must not come back.

    :param storage: where snapshots lie.
    :param staged: the staged folder.
    :param dataset: name of the dataset.
    :param snapshot_id: id of the snapshot.
    :param ledger: ledger of the dataset.
    :return: the address.
    :raises Refused: when the source still gives rows that were erased.
    """
    _refuse_erased(ledger, snapshot_id)
    uri = storage.publish(staged, snapshot_path(dataset, snapshot_id))
    try:
        _refuse_erased(ledger, snapshot_id)
    except Refused:  # erased at this very moment
        remove(storage, snapshot_path(dataset, snapshot_id))
        raise
    return uri


def was_pruned_since(ledger: Ledger, recorded: Record) -> bool:
    """Whether the recorded snapshot was pruned since, so that taking it again is worth a record.

    :param ledger: ledger of the dataset.
    :param recorded: the snapshot's record.
    """
    return recorded.body["snapshot_id"] in gone_snapshots(ledger.records())


def check_still_there(storage: Storage, dataset: str, snapshot_id: str) -> None:
    """Make sure that nobody removed a snapshot while it was taken; to be called once it is recorded.

    :param storage: where snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: id of the snapshot.
    :raises TransientError: when it is being removed: the next try takes it again.
    """
    if not settled(storage, snapshot_path(dataset, snapshot_id)):
        raise TransientError(
            f"Snapshot {snapshot_id} was pruned while this task took it again; the next try stores it anew."
        )


def _refuse_erased(ledger: Ledger, snapshot_id: str) -> None:
    lost = gone_snapshots(ledger.records()).get(snapshot_id)
    if lost is not None and lost.how == ERASED:
        raise Refused(f"The source still gives rows that were erased; erase them there too. {lost.why()}")
