"""Copying a model's files from one registry to another, proved by their hashes on both sides."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_mlops.core.errors import EvidenceBroken, Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.artifact_check import ARCHIVE, download_model
from airflow_provider_mlops.hooks.mlflow import MlflowHook


def copy_version(
    source: MlflowHook, target: MlflowHook, made: Record, model: str, tags: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Copy a model into another registry as a version; repeated, it finds what it copied.

    MLflow's own copy works within one registry only, so the files go through this machine.

    :param source: connection of the registry that it is in.
    :param target: connection of the registry that it goes to.
    :param made: the record of its training, adoption or transfer in the source's ledger.
    :param model: name of the registered model there.
    :param tags: tags of the version there.
    :return: the version, and where it lies: ``logged_model_id``, ``mlflow_run_id`` and ``mlflow_experiment_id``.
    :raises Refused: when the model is no skops archive.
    :raises EvidenceBroken: when the bytes are not the recorded ones, on either side.
    :raises TransientError: when a registry cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow as ml
    from airflow_provider_mlops.backends import mlflow_models as models

    if "archive_sha256" not in made.body:
        raise Refused("Only a model in skops format is copied to another registry; this one is no skops archive.")
    key, name = str(made.body["manifest_hash"]), str(made.body.get("partition_key") or "adopted")
    with tempfile.TemporaryDirectory(prefix="mlops-transfer-") as place:
        folder = download_model(source, made.body["logged_model_id"], Path(place))
        _prove(folder / ARCHIVE, made, "the source")
        with target.session() as client:
            experiment = ml.find_or_create_experiment(client, target.default_experiment or model)
            run = ml.find_or_create_run(client, experiment, key, f"transfer-{name}", tags)
            logged = models.log_model(client, run, folder, name=model, key=key)
            client.set_terminated(run.info.run_id)
    with tempfile.TemporaryDirectory(prefix="mlops-transfer-") as place:
        _prove(download_model(target, logged.model_id, Path(place)) / ARCHIVE, made, "the target")
    with target.session() as client:
        version = ml.find_or_create_version(
            client, model, model_id=logged.model_id, run_id=run.info.run_id, key=key, tags=tags
        )
    where = {"logged_model_id": logged.model_id, "mlflow_run_id": run.info.run_id}
    return version, {**where, "mlflow_experiment_id": experiment}


def _prove(path: Path, made: Record, where: str) -> None:
    """Check bytes and canonical digest against the record; nothing is loaded."""
    import hashlib

    from airflow_provider_mlops.backends.skops_digest import canonical_digest

    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != made.body["archive_sha256"]:
        raise EvidenceBroken(f"{path.name} in {where} is not the recorded one.")
    if canonical_digest(path) != made.body["model_digest"]:
        raise EvidenceBroken(f"{path.name} in {where} does not have the recorded digest.")
