"""The files of a registered model: downloaded, compared with the record, and looked at without being loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook

ARCHIVE = "model.skops"


def check_artifacts(hook: MlflowHook, made: Record) -> dict[str, Any]:
    """Look at every file of a model: formats, hashes, pickles, types. What goes wrong is an answer, not an error.

    :param hook: the MLflow connection.
    :param made: the record of its training, adoption or transfer.
    :return: what `backends.artifact_scan.scan_model` finds, and ``error``, a sentence or None.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends.artifact_scan import scan_model

    with tempfile.TemporaryDirectory(prefix="mlops-scan-") as name:
        try:
            folder = download_model(hook, made.body["logged_model_id"], Path(name))
            found = scan_model(folder)
        except (BadInput, EvidenceBroken) as err:
            return {"error": str(err)[:300]}
    changed = _changed(found, made)
    return {**found, "error": f"{changed} was changed: its SHA-256 is not the recorded one." if changed else None}


def changed_artifact(hook: MlflowHook, made: Record, model: str, version: str) -> str | None:
    """Compare what the registry gives out for a version with the ledger: its bytes and its digest.

    :param hook: the MLflow connection.
    :param made: the record of its training, adoption or transfer.
    :param model: name of the registered model.
    :param version: the version.
    :return: what is not the recorded one, as a sentence; None when all is.
    :raises EvidenceBroken: when the files cannot be read.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow_registry as registry
    from airflow_provider_mlops.backends.artifact_scan import scan_model
    from airflow_provider_mlops.backends.skops_digest import canonical_digest

    with hook.session() as client:
        if registry.version_tags(client, model, version) is None:
            return f"Version {version} is not in the registry any more."
        held = registry.origin_of(client, model, version)["logged_model_id"]
    with tempfile.TemporaryDirectory(prefix="mlops-proof-") as name:
        folder = download_model(hook, str(held), Path(name))
        if (path := _changed(scan_model(folder), made)) is not None:
            return f"{path} of version {version} was changed: its SHA-256 is not the recorded one."
        if "archive_sha256" in made.body and canonical_digest(folder / ARCHIVE) != made.body["model_digest"]:
            return f"{ARCHIVE} of version {version} does not have the recorded digest."
    return None


def download_model(hook: MlflowHook, model_id: str, folder: Path) -> Path:
    """Download all files of a model.

    :param hook: the MLflow connection.
    :param model_id: id of the logged model, or where its artifacts lie.
    :param folder: an empty local folder.
    :return: the folder that holds them.
    :raises EvidenceBroken: when they cannot be read.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow_models as models

    with hook.session() as client:
        exceptions, artifacts = load("mlflow.exceptions", "mlflow"), load("mlflow.artifacts", "mlflow")
        try:
            location = models.artifact_location(client, model_id)
            return Path(artifacts.download_artifacts(artifact_uri=location, dst_path=str(folder)))
        except (exceptions.MlflowException, OSError) as err:
            if "Max retries exceeded" in str(err):
                raise
            raise EvidenceBroken(f"The files of model {model_id} cannot be read: {str(err)[:200]}") from err


def _changed(found: dict[str, Any], made: Record) -> str | None:
    """Name a file whose bytes are not the recorded ones."""
    hashes = {item["path"]: item["sha256"] for item in found["files"]}
    recorded = {item["path"]: item["sha256"] for item in made.body.get("files", ())}
    if "archive_sha256" in made.body:
        recorded[ARCHIVE] = made.body["archive_sha256"]
    return next((path for path, sha256 in recorded.items() if hashes.get(path) != sha256), None)
