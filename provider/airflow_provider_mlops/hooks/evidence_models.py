"""Checking what the registry holds against the ledger: the files of every recorded model, versions and aliases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from airflow_provider_mlops.core.alias_moves import aliases_of, latest_move, withdrawn_versions
from airflow_provider_mlops.core.cited import Finding
from airflow_provider_mlops.core.cited_kinds import name_of
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.artifact_check import ARCHIVE, download_model
from airflow_provider_mlops.hooks.evidence_folders import differences
from airflow_provider_mlops.hooks.file_hashes import folder_hashes
from airflow_provider_mlops.hooks.mlflow import MlflowHook

MADE = ("training", "adoption", "transfer")
"""What says what a model is."""
_REGISTERED = ("registration", "adoption", "transfer")


def model_findings(hook: MlflowHook, records: Sequence[Record]) -> list[Finding]:
    """Check the files of every model that a ledger's records name.

    :param hook: the MLflow connection.
    :param records: records of a model's ledger.
    :return: what is not as recorded.
    :raises TransientError: when MLflow cannot be reached.
    """
    made = {r.body.get("logged_model_id"): r for r in records if r.kind in MADE and r.mode == "live"}
    return [one for model_id, record in made.items() if model_id for one in _of_model(hook, record, records)]


def registry_findings(hook: MlflowHook, model: str, records: Sequence[Record]) -> Iterator[Finding]:
    """Check that versions point at the recorded models, and that aliases stand where the ledger has put them.

    :param hook: the MLflow connection.
    :param model: name of the registered model.
    :param records: records of its ledger.
    :return: what is not as recorded.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow_registry as registry

    made = [record for record in records if record.kind in MADE]
    # A month that had nothing to train on has a record, too, and no manifest.
    models = {r.body["manifest_hash"]: r.body.get("logged_model_id") for r in made if "manifest_hash" in r.body}
    withdrawn = withdrawn_versions(records)
    with hook.session() as client:
        for record in records:
            if record.kind not in _REGISTERED or record.mode != "live" or not record.body.get("version"):
                continue
            version = str(record.body["version"])
            place = f"models:/{model}/{version}"
            if registry.version_tags(client, model, version) is None:
                if version not in withdrawn:
                    yield Finding(place, "version", "it is not in the registry any more.", name_of(record))
                continue
            held = str(registry.origin_of(client, model, version)["logged_model_id"])
            recorded = models.get(record.body["manifest_hash"])
            # Of some registries the version tells where its files lie, not whose they are.
            if recorded is not None and recorded not in (held, *held.split("/")):
                problem = f"it points at {held}, not at {recorded}."
                yield Finding(place, "version", problem, name_of(record))
        yield from _alias_findings(model, records, registry.aliases_of(client, model))


def _alias_findings(model: str, records: Sequence[Record], found: Mapping[str, str]) -> Iterator[Finding]:
    for alias in aliases_of(records):
        move = latest_move(records, alias)
        if move is not None and found.get(alias) != move.body["version"]:
            problem = f"it stands on version {found.get(alias)}, the ledger has put it on {move.body['version']}."
            yield Finding(f"models:/{model}@{alias}", "alias", problem, name_of(move))


def _of_model(hook: MlflowHook, made: Record, records: Iterable[Record]) -> Iterator[Finding]:
    model_id = str(made.body["logged_model_id"])
    stated = {item["path"]: str(item["sha256"]) for item in made.body.get("files", ())}
    whole = bool(stated)
    for record in records:
        if record.kind == "evaluation" and record.mode == "live":
            stated = {**_looked_at(record, made.body["manifest_hash"]), **stated}
    if "archive_sha256" in made.body:
        stated[ARCHIVE] = made.body["archive_sha256"]
    with tempfile.TemporaryDirectory(prefix="mlops-audit-") as name:
        try:
            found = folder_hashes(download_model(hook, model_id, Path(name)))
        except EvidenceBroken as err:
            yield Finding(f"models:/{model_id}", "model", str(err), name_of(made))
            return
    for path, problem in differences(stated, found, whole=whole):
        yield Finding(f"models:/{model_id}/{path}", "model", problem, name_of(made))


def _looked_at(record: Record, manifest_hash: str) -> dict[str, str]:
    """Return the files of a candidate as its evaluation found them."""
    if record.body["candidate"]["manifest_hash"] != manifest_hash:
        return {}
    files = (record.body.get("artifacts") or {}).get("files") or ()
    return {item["path"]: str(item["sha256"]) for item in files}
