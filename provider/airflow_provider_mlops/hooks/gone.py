"""Looking up what became of a snapshot or of scores that are no longer stored: the ledger says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.gone import (
    ERASED,
    PRUNED,
    Gone,
    end_of,
    erasures_of,
    gone_snapshots,
    replaced_scores,
    successor,
)
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.storage import Storage


class Removed(EvidenceBroken):
    """The rows were removed by a recorded decision: nothing was tampered with, and nothing can be proved."""


class Pruned(Removed):
    """They were pruned."""


class Erased(Removed):
    """They were lawfully erased, all of them."""


def snapshot_there_now(storage: Storage, dataset: str, snapshot_id: str) -> str | None:
    """Return the snapshot to read in place of one that may have been rewritten.

    :param storage: where snapshots lie; it knows the ledger that says what was erased.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot that is named.
    :return: the same id where it is stored or nobody says what became of it; the one with the rows that are left where
        rows were erased; None when no row is left.
    :raises Pruned: when it was pruned.
    """
    if storage.exists(f"snapshots/{dataset}/{snapshot_id.removeprefix(PREFIX)}"):
        return snapshot_id
    gone = gone_of(storage, dataset)
    lost = gone.get(snapshot_id)
    if lost is None:
        return snapshot_id
    if lost.how != ERASED:
        raise Pruned(lost.why())
    now = successor(gone, snapshot_id)
    if now is None and (last := end_of(gone, lost)).how != ERASED:
        raise Pruned(last.why())
    return now


def scores_there_now(storage: Storage, model_name: str, scores_id: str) -> str:
    """Return the scores to read in place of some that may have been rewritten.

    :param storage: where evaluations lie; it knows the ledger that says what was erased.
    :param model_name: name of the registered model.
    :param scores_id: the scores that are named.
    :return: their id, or that of the ones without the erased rows.
    :raises Erased: when no row is left.
    """
    if storage.exists(f"evaluations/{model_name}/{scores_id.removeprefix(PREFIX)}"):
        return scores_id
    replaced, seen = replaced_scores(model_ledger(model_name, storage.ledger_root).records()), set()
    found: str | None = scores_id
    while found in replaced and found not in seen:
        seen.add(found)
        found = replaced[found]
    if found is None:
        raise Erased(f"All rows of the scores {scores_id} of model {model_name!r} were lawfully erased.")
    return found


def erasures_since(storage: Storage, manifest: Mapping[str, Any]) -> list[Gone]:
    """List what was erased from the rows of a training since it was recorded.

    :param storage: it knows the ledger that says so.
    :param manifest: as `core.manifest.training_manifest` built it.
    :return: one entry per rewriting of a training snapshot.
    """
    return erasures_of(
        gone_of(storage, manifest["dataset"]), (item["snapshot_id"] for item in manifest["train"]["snapshots"])
    )


def test_erasures_since(storage: Storage, manifest: Mapping[str, Any]) -> list[Gone]:
    """List what was erased from the test snapshot of a training since it was recorded, where that is not trained on.

    :param storage: it knows the ledger that says so.
    :param manifest: as `core.manifest.training_manifest` built it.
    :return: one entry per rewriting.
    """
    test_id = manifest["test"]["snapshot_id"]
    if test_id in {item["snapshot_id"] for item in manifest["train"]["snapshots"]}:
        return []
    return erasures_of(gone_of(storage, manifest["dataset"]), [test_id])


def prunings_since(storage: Storage, manifest: Mapping[str, Any]) -> list[Gone]:
    """List the snapshots of a training that a recorded pruning removed, also after rows of them had been erased.

    :param storage: it knows the ledgers that say so.
    :param manifest: as `core.manifest.training_manifest` built it.
    :return: one entry per snapshot.
    """
    found = []
    for item in (*manifest["train"]["snapshots"], manifest["test"]):
        gone = gone_of(storage, item.get("dataset") or manifest["dataset"])
        lost = gone.get(item["snapshot_id"])
        if lost is not None and (last := end_of(gone, lost)).how == PRUNED:
            found.append(last)
    return found


def erased_test_rows(storage: Storage, manifest: Mapping[str, Any]) -> int:
    """Count the rows that were erased from the test snapshot of a training since it was recorded.

    :param storage: it knows the ledger that says so.
    :param manifest: as `core.manifest.training_manifest` built it.
    """
    found = erasures_of(gone_of(storage, manifest["dataset"]), [manifest["test"]["snapshot_id"]])
    return sum(item.rows for item in found)


def lost_folder(storage: Storage, relative: str) -> Gone | None:
    """Find what became of a folder that is not stored.

    :param storage: where it should lie.
    :param relative: path below the root.
    :return: as far as the ledger knows; None when it does not say.
    """
    kind, _, rest = relative.partition("/")
    dataset, _, digits = rest.partition("/")
    if kind != "snapshots":
        return None
    try:
        return gone_of(storage, dataset).get(f"{PREFIX}{digits}")
    except (BadInput, EvidenceBroken):  # what is missing is told all the same
        return None


def gone_of(storage: Storage, dataset: str) -> dict[str, Gone]:
    """Find the snapshots of a dataset that were erased or pruned.

    :param storage: it knows the ledger that says so.
    :param dataset: name of the dataset.
    :return: by id.
    """
    return gone_snapshots(dataset_ledger(dataset, storage.ledger_root).records())
