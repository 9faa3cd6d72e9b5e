"""Where a person opens the Data Docs of a validation: under a web address of the storage, or in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops import config
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.validation import PAGE

ARTIFACTS = "validation"


def log_page(
    hook: MlflowHook,
    storage: Storage,
    report: str,
    run: RunFacts,
    *,
    dataset: str,
    key: str,
    metrics: Mapping[str, Any],
) -> dict[str, str]:
    """Attach the Data Docs to an MLflow run of the experiment ``dataset/<name>``, the same run for the same key.

    :param hook: the MLflow connection.
    :param storage: where the report lies.
    :param report: path of its folder below the storage root.
    :param run: the Airflow run, which the MLflow run points back at.
    :param dataset: name of the dataset.
    :param key: what was judged by what.
    :param metrics: numbers to log.
    :return: ``mlflow_run_id`` and ``mlflow_experiment_id``.
    """
    from airflow_provider_mlops.backends import mlflow as ml

    with storage.open(report) as folder, hook.session() as client:
        experiment_id = ml.find_or_create_experiment(client, f"dataset/{dataset}")
        name = f"{dataset}-{run.partition_key or run.run_id}-validation"
        run_id = ml.find_or_create_run(client, experiment_id, key, name, run.to_tags()).info.run_id
        ml.log_facts(client, run_id, metrics=metrics, params={})
        client.log_artifacts(run_id, str(folder), ARTIFACTS)
        client.set_terminated(run_id)
    return {"mlflow_run_id": run_id, "mlflow_experiment_id": experiment_id}


def page_url(report: str, logged: Mapping[str, str], hook: MlflowHook | None) -> str:
    """Return the web address of the Data Docs, empty where there is none.

    :param report: path of the report's folder below the storage root.
    :param logged: what `log_page` returned, empty when nothing was logged.
    :param hook: the MLflow connection, None without one.
    """
    if base := config.reports_url():
        return f"{base.rstrip('/')}/{report}/{PAGE}"
    if hook is None or not logged:
        return ""
    return hook.run_url(logged["mlflow_experiment_id"], logged["mlflow_run_id"])
