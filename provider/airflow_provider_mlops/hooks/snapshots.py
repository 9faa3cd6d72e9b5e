"""The snapshots that lie in a storage, and what models need of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.gone import ids_in
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retention import Stored
from airflow_provider_mlops.core.retention_needs import Needs, needs_of_model
from airflow_provider_mlops.core.snapshot_manifest import parse_manifest
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.removal import folders
from airflow_provider_mlops.hooks.storage import Storage


def datasets(ledger_root: str | None = None) -> list[str]:
    """List the datasets that have a ledger.

    :param ledger_root: folder of all ledgers; default: the option ``ledger_root`` of the section ``mlops``.
    :return: their names, sorted.
    """
    found = chains(LedgerHook().store(ledger_root))
    return sorted(name.removeprefix("dataset/") for name in found if name.startswith("dataset/"))


ROW_FOLDERS = ("snapshots", "quarantine")
"""Where rows of datasets lie, below the storage root: as they were taken or accepted, and what was set aside."""


def stored_snapshots(storage: Storage, dataset: str) -> list[Stored]:
    """List the snapshots of a dataset, by what their manifests say; no rows are read.

    :param storage: where they lie.
    :param dataset: name of the dataset.
    :return: one entry per folder, in the order of the ids; rows and bytes are None where the manifest is broken.
    """
    return [
        _stored(storage, dataset, f"{PREFIX}{name}", folder)
        for folder in ROW_FOLDERS
        for name in folders(storage, f"{folder}/{dataset}")
    ]


def windows_of(storage: Storage, datasets: Iterable[str], snapshot_ids: Collection[str]) -> set[str]:
    """Find the stored snapshots that name one of some snapshots: windows of them, windows of these.

    :param storage: where they lie.
    :param datasets: where to look: a window may be of another dataset than its members.
    :param snapshot_ids: the snapshots.
    :return: ids of the windows.
    """
    stored = [one for name in datasets for one in stored_snapshots(storage, name) if one.folder == ROW_FOLDERS[0]]
    found, before = set[str](), -1
    while len(found) > before:
        before = len(found)
        wanted = {*snapshot_ids, *found}
        found |= {one.snapshot_id for one in stored if not wanted.isdisjoint(one.names)} - set(snapshot_ids)
    return found


def path_of(folder: str, dataset: str, snapshot_id: str) -> str:
    """Return where rows lie below the storage root.

    :param folder: one of `ROW_FOLDERS`.
    :param dataset: name of the dataset.
    :param snapshot_id: id of the rows.
    """
    return f"{folder}/{dataset}/{snapshot_id.removeprefix(PREFIX)}"


def models_of(dataset: str | None, ledger_root: str | None = None) -> dict[str, list[Record]]:
    """Read the ledgers of the models that were trained on a dataset.

    :param dataset: name of the dataset; None for all models, those too that have only scored rows of one.
    :param ledger_root: folder of all ledgers; default: the option ``ledger_root`` of the section ``mlops``.
    :return: records by model, oldest first.
    :raises EvidenceBroken: when the chain of any model is broken: what it needs cannot be known then.
    """
    hook = LedgerHook()
    store = hook.store(ledger_root)
    found = {}
    for name in chains(store):
        if name.startswith("model/"):
            records = Ledger(store, name, hook.keys).records()
            if dataset is None or any(_dataset(record) == dataset for record in records):
                found[name.removeprefix("model/")] = records
    return found


def needs_of(models: Mapping[str, Sequence[Record]], registry: MlflowHook | None, *, audit_days: float) -> Needs:
    """Collect what models need.

    :param models: records by model.
    :param registry: the MLflow connection, whose aliases are asked for; None to go by the ledger alone.
    :param audit_days: days for which an audit counts as open after its last record.
    :return: snapshots and scores, with the reasons.
    :raises TransientError: when the registry cannot be reached.
    """
    found = Needs()
    aliases = _aliases(models, registry)
    for model, records in models.items():
        found.add(needs_of_model(model, records, aliases.get(model, {}), audit_days=audit_days))
    return found


def _aliases(models: Mapping[str, Sequence[Record]], registry: MlflowHook | None) -> dict[str, dict[str, str]]:
    if registry is None or not models:
        return {}
    from airflow_provider_mlops.backends import mlflow as ml

    with registry.session() as client:
        return {model: ml.aliases_of(client, model) for model in models}


def _dataset(record: Record) -> str | None:
    manifest = record.body.get("manifest") if record.kind == "training" else None
    return manifest.get("dataset") if isinstance(manifest, dict) else None


def _stored(storage: Storage, dataset: str, snapshot_id: str, folder: str) -> Stored:
    path = path_of(folder, dataset, snapshot_id)
    try:
        manifest = parse_manifest(storage.marker(path), storage.uri(path))
        return Stored(
            snapshot_id=snapshot_id,
            partition_keys=tuple(str(key) for key in manifest.get("partition_keys") or ()),
            rows=None if manifest["rows"] is None else int(manifest["rows"]),
            bytes=sum(int(item["bytes"]) for item in manifest["files"]),
            names=frozenset(ids_in(manifest)) - {snapshot_id},
            folder=folder,
        )
    except (EvidenceBroken, KeyError, TypeError, ValueError):
        return Stored(snapshot_id=snapshot_id, folder=folder)
