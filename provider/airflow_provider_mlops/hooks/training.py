"""Training from a manifest, and tracking what came out in MLflow."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.manifest import manifest_hash
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pandas as pd

PROBE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Training:
    """A fitted estimator and the facts that identify it.

    :param estimator: the fitted estimator.
    :param sample: the first feature rows, for the model's signature and the probe.
    :param rows: labelled rows that were trained on.
    :param unlabelled: rows that were left out because they have no label.
    :param model_digest: canonical digest of the saved model.
    :param prediction_digest: hash of the scores on the first 1,000 training rows.
    :param environment: interpreter and library versions.
    :param seconds: wall time of the fit.
    """

    estimator: Any
    sample: pd.DataFrame
    rows: int
    unlabelled: int
    model_digest: str
    prediction_digest: str
    environment: dict[str, Any]
    seconds: float

    def facts(self) -> dict[str, Any]:
        """Return what the training record holds of it."""
        return {
            "rows": self.rows,
            "unlabelled": self.unlabelled,
            "model_digest": self.model_digest,
            "prediction_digest": self.prediction_digest,
            "environment": self.environment,
            "fit_seconds": round(self.seconds, 3),
        }


def train_from_manifest(
    manifest: Mapping[str, Any], function: Callable[..., Any], storage: Storage, log: Any
) -> Training:
    """Train what a manifest describes, on rows that are proved by their hashes.

    :param manifest: as `core.manifest.training_manifest` builds it.
    :param function: the training function.
    :param storage: where the snapshots lie.
    :param log: where progress is told.
    :return: the estimator and its facts.
    :raises BadInput: when the rows cannot be trained on.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk

    train = manifest["train"]
    frame = read_rows(
        storage,
        manifest["dataset"],
        train["snapshots"],
        time_column=manifest["time_column"],
        until=train["until"],
    )
    features, labels, unlabelled = sk.split_features(frame, features=manifest["features"], label=manifest["label"])
    log.info("Training on %s labelled rows with seed %s.", f"{len(features):,}", manifest["seed"])
    started = time.monotonic()
    estimator = sk.fit(function, features, labels, seed=manifest["seed"], params=manifest["params"])
    seconds = time.monotonic() - started
    log.info("Trained in %.1f s.", seconds)
    sample = features.head(PROBE_ROWS)
    return Training(
        estimator=estimator,
        sample=sample,
        rows=len(features),
        unlabelled=unlabelled,
        model_digest=sk.model_digest(estimator),
        prediction_digest=sk.prediction_digest(sk.score(estimator, sample)),
        environment=sk.environment_facts(),
        seconds=seconds,
    )


def track_training(
    hook: MlflowHook, trained: Training, manifest: Mapping[str, Any], run: RunFacts, *, experiment: str | None
) -> dict[str, Any]:
    """Store a trained model with its MLflow run; of repeated and concurrent calls one run and one model stay.

    :param hook: the MLflow connection.
    :param trained: what was trained.
    :param manifest: its manifest.
    :param run: the Airflow run, which the MLflow run points back at.
    :param experiment: name of the experiment; default: that of the connection, else the model's name.
    :return: ``mlflow_run_id``, ``mlflow_experiment_id``, ``logged_model_id`` and ``archive_sha256``.
    :raises BadInput: when the model holds types that are not trusted.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow as ml

    key, model_name = manifest_hash(manifest), manifest["model_name"]
    with tempfile.TemporaryDirectory(prefix="mlops-model-") as folder, hook.session() as client:
        archive = ml.save_sklearn(
            trained.estimator,
            Path(folder) / "model",
            sample=trained.sample.head(5),
            trusted_types=manifest["trusted_types"],
        )
        experiment_id = ml.find_or_create_experiment(client, experiment or hook.default_experiment or model_name)
        name = f"{run.dag_id}-{manifest['test']['partition_key']}"
        mlflow_run = ml.find_or_create_run(client, experiment_id, key, name, run.to_tags())
        run_id = mlflow_run.info.run_id
        ml.log_facts(
            client,
            run_id,
            metrics={"train_rows": trained.rows, "fit_seconds": trained.seconds},
            params={
                **manifest["params"],
                "seed": manifest["seed"],
                "function": manifest["function"],
                "train_partitions": ", ".join(item["partition_key"] for item in manifest["train"]["snapshots"]),
                "test_partition": manifest["test"]["partition_key"],
            },
        )
        client.log_dict(run_id, dict(manifest), "mlops/manifest.json")
        logged = ml.log_model(client, mlflow_run, archive.parent, name=model_name, key=key)
        client.set_terminated(run_id)
    return {
        "mlflow_run_id": run_id,
        "mlflow_experiment_id": experiment_id,
        "logged_model_id": logged.model_id,
        "archive_sha256": logged.tags[ml.ARCHIVE_TAG],
    }


def discard_training(hook: MlflowHook, tracked: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    """Delete what a training left in MLflow when another task had recorded the same training first.

    :param hook: the MLflow connection.
    :param tracked: what `track_training` returned.
    :param kept: body of the record that came first; its run and its model stay.
    """
    with hook.session() as client:
        if tracked["logged_model_id"] != kept["logged_model_id"]:
            client.delete_logged_model(tracked["logged_model_id"])
        if tracked["mlflow_run_id"] != kept["mlflow_run_id"]:
            client.delete_run(tracked["mlflow_run_id"])
