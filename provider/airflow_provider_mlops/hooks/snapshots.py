"""The snapshots that lie in a storage, and what models need of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.gone import ids_in
from airflow_provider_mlops.core.ledger import Ledger, chains
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retention import Stored
from airflow_provider_mlops.core.retention_needs import Needs, needs_of_model
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.removal import folders
from airflow_provider_mlops.hooks.rows import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage


def datasets(ledger_root: str | None = None) -> list[str]:
    """List the datasets that have a ledger.

    :param ledger_root: folder of all ledgers; default: the option ``ledger_root`` of the section ``mlops``.
    :return: their names, sorted.
    """
    found = chains(LedgerHook().store(ledger_root))
    return sorted(name.removeprefix("dataset/") for name in found if name.startswith("dataset/"))


def stored_snapshots(storage: Storage, dataset: str) -> list[Stored]:
    """List the snapshots of a dataset, by what their manifests say; no rows are read.

    :param storage: where they lie.
    :param dataset: name of the dataset.
    :return: one entry per folder, in the order of the ids; rows and bytes are None where the manifest is broken.
    """
    return [_stored(storage, dataset, f"{PREFIX}{name}") for name in folders(storage, f"snapshots/{dataset}")]


def models_of(dataset: str, ledger_root: str | None = None) -> dict[str, list[Record]]:
    """Read the ledgers of the models that were trained on a dataset.

    :param dataset: name of the dataset.
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
            if any(_dataset(record) == dataset for record in records):
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


def _stored(storage: Storage, dataset: str, snapshot_id: str) -> Stored:
    try:
        manifest = storage.read_marker(snapshot_path(dataset, snapshot_id))
        files = manifest.get("files") or []
        sizes = [int(item["bytes"]) for item in files]
        keys = tuple(str(key) for key in manifest.get("partition_keys") or ())
        return Stored(
            snapshot_id=snapshot_id,
            partition_keys=keys,
            rows=int(manifest["rows"]),
            bytes=sum(sizes),
            names=frozenset(ids_in(manifest)) - {snapshot_id},
        )
    except (EvidenceBroken, KeyError, TypeError, ValueError, AttributeError):
        return Stored(snapshot_id=snapshot_id)
