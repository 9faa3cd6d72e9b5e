"""Logged models of MLflow: saved in skops format, stored once, and proved before anything loads them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.mlflow import KEY_TAG
from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

ARCHIVE_TAG = "mlops.archive_sha256"
FILES_TAG = "mlops.files"
MODEL_FILE = "model.skops"
_UNTRUSTED = re.compile(r"Untrusted types found in the file: \[(.*?)\]")
_QUOTED = re.compile(r"['\"]([^'\"]+)['\"]")


def log_model(client: MlflowClient, run: Run, folder: Path, *, name: str, key: str) -> LoggedModel:
    """Store a saved model with a run, once.

    :param client: an open client.
    :param run: run that trained it.
    :param folder: folder that ``mlflow.sklearn.save_model`` wrote.
    :param name: name of the logged model.
    :param key: content key of what made the model.
    :return: the logged model, ready. Its tag ``mlops.archive_sha256`` is the hash of the archive that is stored, and
        ``mlops.files`` names that of every file: each saving writes other bytes, and a retry may find those of an
        earlier try.
    """
    found = client.search_logged_models(
        [run.info.experiment_id],
        filter_string=f"source_run_id = '{run.info.run_id}'",
        order_by=[{"field_name": "creation_timestamp", "ascending": True}],
    )
    for model in found:
        if str(model.status) in ("READY", "LoggedModelStatus.READY") and model.tags.get(KEY_TAG) == key:
            return model
    hashes = {path.relative_to(folder).as_posix(): _file_sha256(path) for path in folder.rglob("*") if path.is_file()}
    tags = {KEY_TAG: key, ARCHIVE_TAG: hashes[MODEL_FILE], FILES_TAG: canonical_json(hashes)}
    made = client.create_logged_model(run.info.experiment_id, name, run.info.run_id, tags=tags)
    client.log_model_artifacts(made.model_id, str(folder))
    return client.finalize_logged_model(made.model_id, "READY")


def logged_files(logged: LoggedModel) -> list[dict[str, str]]:
    """Return the files of a logged model as its tags have them.

    :param logged: as `log_model` returned it.
    :return: ``{"path", "sha256"}`` of each, by path; empty for one that an earlier release has logged.
    """
    hashes = json.loads(logged.tags.get(FILES_TAG, "{}"))
    return [{"path": path, "sha256": hashes[path]} for path in sorted(hashes)]


def artifact_location(client: MlflowClient, model_id: str) -> str:
    """Return where the artifacts of a model lie.

    :param client: an open client.
    :param model_id: id of the logged model; or the address itself, of a version that an older MLflow registered.
    """
    return model_id if "/" in model_id else str(client.get_logged_model(model_id).artifact_location)


def download_model_file(client: MlflowClient, model_id: str, folder: Path, sha256: str) -> Path:
    """Download a logged model's skops archive and prove that it is the recorded one, before anything loads it.

    :param client: an open client.
    :param model_id: id of the logged model, or where its artifacts lie.
    :param folder: an empty local folder.
    :param sha256: hexadecimal SHA-256 that was recorded when the model was trained.
    :return: path of the archive.
    :raises EvidenceBroken: when the archive is missing or its bytes differ.
    """
    artifacts = load("mlflow.artifacts", "mlflow")
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        location = artifact_location(client, model_id)
        local = Path(artifacts.download_artifacts(artifact_uri=f"{location}/{MODEL_FILE}", dst_path=str(folder)))
    except (exceptions.MlflowException, OSError) as err:
        if "Max retries exceeded" in str(err):
            raise
        raise EvidenceBroken(f"Logged model {model_id} has no readable {MODEL_FILE}: {str(err)[:200]}") from err
    if _file_sha256(local) != sha256:
        raise EvidenceBroken(
            f"{MODEL_FILE} of logged model {model_id} was changed: its SHA-256 is not the recorded one."
        )
    return local


def save_sklearn(estimator: Any, folder: Path, *, sample: Any, trusted_types: list[str]) -> Path:
    """Save a fitted estimator as an MLflow model in skops format, without guessing its requirements.

    :param estimator: fitted scikit-learn estimator.
    :param folder: folder to make.
    :param sample: a few feature rows, for the signature.
    :param trusted_types: the types beyond skops' own list that the archive may hold.
    :return: path of the skops archive.
    :raises BadInput: when the estimator holds a type that is not on the list.
    """
    flavor, models = load("mlflow.sklearn", "mlflow"), load("mlflow.models", "mlflow")
    skops_errors = load("skops.io.exceptions", "scikit-learn")
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        with quiet():
            flavor.save_model(
                estimator,
                str(folder),
                serialization_format="skops",
                skops_trusted_types=trusted_types,
                pip_requirements=_requirements(),
                signature=models.infer_signature(sample, estimator.predict(sample)),
            )
    except (skops_errors.UntrustedTypesFoundException, exceptions.MlflowException) as err:
        raise BadInput(_why_not_saved(err, trusted_types)) from err
    return folder / MODEL_FILE


def _why_not_saved(error: Exception, trusted_types: Sequence[str]) -> str:
    """Name the types that are missing on the list; MLflow's text tells of an argument of its own, and never ends."""
    told = str(error)
    if listed := _UNTRUSTED.search(told):
        missing = [name for name in _QUOTED.findall(listed[1]) if name not in trusted_types]
        return (
            f"The model cannot be saved: it holds types that skops does not trust by itself: {', '.join(missing)}. "
            "Name those that you trust in trusted_types."
        )
    return f"The model cannot be saved: {' '.join(told.split())[:400]}"


def _file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "skops", "numpy", "pandas")]
