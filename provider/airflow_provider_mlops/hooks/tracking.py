"""What a training leaves in MLflow: one run and one logged model for each manifest, whoever else trained it too."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.base import cited_base, fit_of
from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.core.manifest import manifest_hash
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.lineage import plain_address
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

    from airflow_provider_mlops.hooks.training import Training

_MOST = 100
_DIFFERENCE = "determinism_largest_difference"


def track_training(
    hook: MlflowHook,
    trained: Training,
    manifest: Mapping[str, Any],
    run: RunFacts,
    *,
    experiment: str | None,
    storage: Storage,
    repeated: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Store a trained model with its MLflow run; of repeated and concurrent calls one run and one model stay.

    A run that cannot be finished is marked as failed, so that it does not seem to run for ever; a retry finds it and
    finishes it.

    :param hook: the MLflow connection.
    :param trained: what was trained.
    :param manifest: its manifest.
    :param run: the Airflow run, which the MLflow run points back at.
    :param experiment: name of the experiment; default: that of the connection, else the model's name.
    :param storage: where the snapshots lie, which the run names as its dataset inputs.
    :param repeated: what a second training showed; None where there was none.
    :return: ``mlflow_run_id``, ``mlflow_experiment_id``, ``logged_model_id``, ``archive_sha256`` and ``files``.
    :raises BadInput: when the model holds types that are not trusted.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow as ml
    from airflow_provider_mlops.backends import mlflow_models as models
    from airflow_provider_mlops.backends.mlflow_inputs import log_snapshots

    run_id = ""
    try:
        with tempfile.TemporaryDirectory(prefix="mlops-model-") as folder, hook.session() as client:
            archive = models.save_sklearn(
                trained.estimator,
                Path(folder) / "model",
                sample=trained.sample,
                trusted_types=manifest["trusted_types"],
            )
            wanted = experiment or hook.default_experiment or manifest["model_name"]
            experiment_id = ml.find_or_create_experiment(client, wanted)
            name = f"{run.dag_id}-{manifest['test']['partition_key']}"
            mlflow_run = ml.find_or_create_run(client, experiment_id, manifest_hash(manifest), name, run.to_tags())
            run_id = mlflow_run.info.run_id
            log_snapshots(client, run_id, _inputs(manifest, storage))
            if repeated is not None:
                client.set_tag(run_id, "mlops.determinism", repeated["agrees"])
                ml.log_facts(client, run_id, metrics={_DIFFERENCE: repeated["largest_difference"]}, params={})
            if (found := trained.search) is not None:
                _log_search(client, run_id, found, f"{manifest['model_name']}, {name}")
            logged = _fill_run(client, mlflow_run, archive.parent, trained, manifest)
    except TransientError:
        raise
    except BaseException:
        if run_id:
            _end_as_failed(hook, run_id)
        raise
    return {
        "mlflow_run_id": run_id,
        "mlflow_experiment_id": experiment_id,
        "logged_model_id": logged.model_id,
        "archive_sha256": logged.tags[models.ARCHIVE_TAG],
        "files": models.logged_files(logged),
    }


def keep_recorded(hook: MlflowHook, record: Record, records: Iterable[Record]) -> None:
    """Delete every other run and logged model of a recorded training: what tries that lost a race left behind.

    A try that was killed between its model and its record cannot tidy up after itself, so whoever finds the record
    does. A try that is still at work loses its run or model by that and fails; the record is there by then, so that
    it, or its retry, ends with the record's result. What a registered version points at is left alone: a ledger
    elsewhere may name it.

    :param hook: the MLflow connection.
    :param record: the training record.
    :param records: training records of the same ledger; what one with the same key names stays, whatever its mode.
    :raises TransientError: when MLflow cannot be reached.
    """
    same = [item.body for item in records if item.kind == record.kind and item.key == record.key]
    run_ids = {body["mlflow_run_id"] for body in (record.body, *same)}
    model_ids = {body["logged_model_id"] for body in (record.body, *same)}
    experiment_id = record.body["mlflow_experiment_id"]
    with hook.session() as client:
        for model in _models_of(client, experiment_id, record.key):
            if model.model_id not in model_ids and not _versions(client, model.source_run_id, model.model_id):
                client.delete_logged_model(model.model_id)
        for run in _runs_of(client, experiment_id, record.key):
            if run.info.run_id not in run_ids:
                _delete_run(client, run)
            elif run.info.status != "FINISHED":
                client.set_terminated(run.info.run_id)


def _inputs(manifest: Mapping[str, Any], storage: Storage) -> list[dict[str, str]]:
    """Return the snapshots of a training manifest: what was trained on, and what is held out."""
    dataset = manifest["dataset"]
    named = [("training", item) for item in manifest["train"]["snapshots"]] + [("testing", manifest["test"])]
    return [
        {
            "dataset": dataset,
            "partition_key": item["partition_key"],
            "snapshot_id": item["snapshot_id"],
            "uri": plain_address(storage.uri(snapshot_path(dataset, item["snapshot_id"]))),
            "context": context,
        }
        for context, item in named
    ]


def _log_search(client: MlflowClient, run_id: str, found: Mapping[str, Any], footer: str) -> None:
    """Store every trial as a table and as a figure; repeating it changes nothing."""
    from airflow_provider_mlops.backends import mlflow as ml
    from airflow_provider_mlops.hooks.search import write_search

    with tempfile.TemporaryDirectory(prefix="mlops-search-") as folder:
        write_search(Path(folder), found, footer)
        client.log_artifacts(run_id, folder, "mlops/search")
    ml.log_facts(client, run_id, metrics={"search_trials": found["tried"]}, params=found["winner"]["params"])
    client.set_tag(run_id, "mlops.search", f"{found['method']}, trial {found['winner']['number']}")


def _fill_run(
    client: MlflowClient, run: Run, folder: Path, trained: Training, manifest: Mapping[str, Any]
) -> LoggedModel:
    from airflow_provider_mlops.backends import mlflow as ml
    from airflow_provider_mlops.backends import mlflow_models as models

    run_id, chosen = run.info.run_id, trained.operating_threshold
    threshold = {} if chosen is None else {"operating_threshold": chosen["value"]}
    cited = cited_base(manifest)
    base = {"fit": fit_of(manifest), "base_version": cited["version"]} if cited else {}
    ml.log_facts(
        client,
        run_id,
        metrics={"train_rows": trained.rows, "fit_seconds": trained.seconds, **threshold},
        params={
            **manifest["params"],
            "task": trained.task,
            "seed": manifest["seed"],
            "function": manifest["function"],
            "train_partitions": ", ".join(item["partition_key"] for item in manifest["train"]["snapshots"]),
            "test_partition": manifest["test"]["partition_key"],
            **base,
        },
    )
    client.log_dict(run_id, dict(manifest), "mlops/manifest.json")
    logged = models.log_model(client, run, folder, name=manifest["model_name"], key=manifest_hash(manifest))
    client.set_terminated(run_id)
    return logged


def _end_as_failed(hook: MlflowHook, run_id: str) -> None:
    """Say that a run has failed, unless another task has finished it."""
    with suppress(Exception), hook.session() as client:
        if client.get_run(run_id).info.status == "RUNNING":
            client.set_terminated(run_id, "FAILED")


def _delete_run(client: MlflowClient, run: Run) -> None:
    if _versions(client, run.info.run_id):
        return
    if run.info.status == "RUNNING":
        client.set_terminated(run.info.run_id, "KILLED")
    client.delete_run(run.info.run_id)


def _runs_of(client: MlflowClient, experiment_id: str, key: str) -> list[Run]:
    from airflow_provider_mlops.backends import mlflow as ml

    return list(client.search_runs([experiment_id], f"tags.`{ml.KEY_TAG}` = '{key}'", max_results=_MOST))


def _models_of(client: MlflowClient, experiment_id: str, key: str) -> list[LoggedModel]:
    from airflow_provider_mlops.backends import mlflow as ml

    return list(
        client.search_logged_models([experiment_id], filter_string=f"tags.`{ml.KEY_TAG}` = '{key}'", max_results=_MOST)
    )


def _versions(client: MlflowClient, run_id: str | None, model_id: str | None = None) -> bool:
    found = client.search_model_versions(f"run_id = '{run_id}'")
    return any(model_id is None or version.model_id in (None, model_id) for version in found)
