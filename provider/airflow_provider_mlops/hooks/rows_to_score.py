"""Which rows are scored: those of a partition, not those of a window."""

from __future__ import annotations

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import is_window
from airflow_provider_mlops.hooks.gone import snapshot_there_now
from airflow_provider_mlops.hooks.snapshot_set import published_manifest
from airflow_provider_mlops.hooks.storage import Storage

_SHOWN = 24


def rows_to_score(storage: Storage, dataset: str, snapshot_id: str) -> str | None:
    """Return the snapshot whose rows are scored: one that holds rows itself.

    The rows of a window are logged under their own partitions: windows overlap, so that a log of a window would hold a
    prediction that stands in another log already, and labels, windows of monitoring and erasures would count it twice.

    :param storage: where snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :return: its id, or that of what is left of it after an erasure; None where no row is left.
    :raises BadInput: when it is a window, naming what to score in its place.
    :raises EvidenceBroken: when it was pruned, or its manifest is missing or was changed.
    """
    if (found := snapshot_there_now(storage, dataset, snapshot_id)) is None:
        return None
    manifest = published_manifest(storage, dataset, found)
    if not is_window(manifest):
        return found
    members: dict[str, list[str]] = {}
    for item in manifest["members"]:
        members.setdefault(item["dataset"], []).append(item["partition_key"])
    named = [
        f"ScoreBatchOperator.partial(dataset={name!r}, ...).expand(partition_key={keys[:_SHOWN]})"
        for name, keys in members.items()
    ]
    more = sum(len(keys[_SHOWN:]) for keys in members.values())
    raise BadInput(
        f"Snapshot {found} of dataset {dataset!r} is a window: its rows belong to other partitions, where their "
        f"predictions are logged. Score those: {'; '.join(named)}{f', and {more} more partitions' if more else ''}."
    )
