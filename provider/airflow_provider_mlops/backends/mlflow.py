"""MLflow runs and versions, each found again by the key of what made it.

Every function is safe to repeat: the thing is looked up by the tag ``mlops.key`` before it is made, and looked up
again afterwards, so that of two tasks at once the first one's thing stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.core.registry import RegisteredVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY_TAG = "mlops.key"
_TAG_LIMIT = 4_000
_PARAMS_AT_ONCE, _LONGEST_NAME = 100, 250
"""What MLflow takes of a run's parameters in one request, and of the name of one."""


def find_or_create_experiment(client: MlflowClient, name: str) -> str:
    """Return the id of an experiment, made if it is missing.

    :param client: an open client.
    :param name: name of the experiment.
    :return: its id.
    :raises BadInput: when the experiment was deleted.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except exceptions.MlflowException as err:
            if err.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active":
        raise BadInput(f"MLflow experiment {name!r} was deleted; restore it or name another one.")
    return str(found.experiment_id)


def find_or_create_run(client: MlflowClient, experiment_id: str, key: str, name: str, tags: Mapping[str, str]) -> Run:
    """Return the one run that belongs to a key.

    :param client: an open client.
    :param experiment_id: experiment of the run.
    :param key: content key of what the run does.
    :param name: readable name of the run.
    :param tags: further tags, only set on a new run.
    :return: the run; of two made at once, the first.
    """
    if (found := _first_run(client, experiment_id, key)) is not None:
        return found
    limited = {tag: str(value)[:_TAG_LIMIT] for tag, value in tags.items()}
    made = client.create_run(experiment_id, run_name=name, tags={**limited, KEY_TAG: key})
    first = _first_run(client, experiment_id, key) or made
    if first.info.run_id != made.info.run_id:
        client.delete_run(made.info.run_id)
    return first


def find_or_create_version(
    client: MlflowClient, model: str, *, model_id: str, run_id: str, key: str, tags: Mapping[str, str]
) -> str:
    """Return the one version of a registered model that belongs to a key.

    :param client: an open client.
    :param model: name of the registered model; it is made if it is missing.
    :param model_id: id of the logged model to register.
    :param run_id: run that trained it.
    :param key: content key of the registration.
    :param tags: tags of the version.
    :return: the version, as text; of two made at once, the first.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        client.create_registered_model(model)
    except exceptions.MlflowException as err:
        if err.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    if (found := _first_version(client, model, run_id, key)) is not None:
        return found
    limited = {tag: str(value)[:_TAG_LIMIT] for tag, value in tags.items()}
    source = f"models:/{model_id}"
    made = client.create_model_version(
        model, source, run_id=run_id, tags={**limited, KEY_TAG: key}, model_id=model_id, await_creation_for=0
    )
    first = _first_version(client, model, run_id, key) or str(made.version)
    if first != str(made.version):
        client.delete_model_version(model, str(made.version))
    return first


def alias_version(client: MlflowClient, model: str, alias: str) -> str | None:
    """Return the version that an alias points at, or None when there is no such alias or model.

    :param client: an open client.
    :param model: name of the registered model.
    :param alias: the alias, e.g. ``champion``.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        return str(client.get_model_version_by_alias(model, alias).version)
    except exceptions.MlflowException as err:
        if err.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE") and "not found" in str(err):
            return None
        raise


def aliases_of(client: MlflowClient, model: str) -> dict[str, str]:
    """Read all aliases of a model.

    :param client: MLflow client.
    :param model: name of the registered model.
    :return: version by alias; empty when there is no such model.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        found = client.get_registered_model(model)
    except exceptions.MlflowException as err:
        if err.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise
    return {str(alias): str(version) for alias, version in found.aliases.items()}


def newest_versions(client: MlflowClient, model: str, number: int) -> list[RegisteredVersion]:
    """Return the newest versions of a model with their tags, newest first.

    :param client: an open client.
    :param model: name of the registered model.
    :param number: how many at the most.
    """
    found = client.search_model_versions(f"name='{model}'", max_results=number, order_by=["version_number DESC"])
    return [RegisteredVersion(str(item.version), str(item.status), dict(item.tags)) for item in found]


def delete_artifacts(client: MlflowClient, run_id: str, path: str) -> None:
    """Delete what was logged to a run below a path; a run that is gone, or never had any, is no error.

    :param client: an open client.
    :param run_id: the run.
    :param path: path of the artifacts.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    repositories = load("mlflow.store.artifact.artifact_repository_registry", "mlflow")
    try:
        if client.list_artifacts(run_id, path):
            uri = client.get_run(run_id).info.artifact_uri
            repositories.get_artifact_repository(uri).delete_artifacts(path)
    except exceptions.MlflowException as err:
        if err.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def set_alias(client: MlflowClient, model: str, alias: str, version: str) -> None:
    """Point an alias at a version.

    :param client: an open client.
    :param model: name of the registered model.
    :param alias: the alias.
    :param version: the version.
    :raises TransientError: when two tasks set a new alias at once and the registry refused one.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        client.set_registered_model_alias(model, alias, version)
    except exceptions.MlflowException as err:
        if "IntegrityError" not in str(err) and "UNIQUE constraint" not in str(err):
            raise
        raise TransientError(f"Alias {alias!r} of model {model!r} was set by another task at the same moment.") from err


def log_facts(client: MlflowClient, run_id: str, *, metrics: Mapping[str, float], params: Mapping[str, Any]) -> None:
    """Log metrics and parameters to a run; repeating it changes nothing.

    :param client: an open client.
    :param run_id: the run.
    :param metrics: finite numbers by name.
    :param params: values by name, logged as text; of a name that MLflow does not take only what it takes of it. As they
        are they stand in the manifest, which the run has too.
    """
    entities = load("mlflow.entities", "mlflow")
    run = client.get_run(run_id)
    now = int(run.info.start_time)
    known = run.data.params
    named = {_param_name(name): str(value)[:500] for name, value in params.items()}
    found = [entities.Param(name, value) for name, value in named.items() if name not in known]
    first, *others = [found[start : start + _PARAMS_AT_ONCE] for start in range(0, len(found), _PARAMS_AT_ONCE)] or [[]]
    measured = [entities.Metric(name, float(value), now, 0) for name, value in metrics.items()]
    client.log_batch(run_id, metrics=measured, params=first)
    for more in others:
        client.log_batch(run_id, params=more)


def _param_name(name: str) -> str:
    return re.sub(r"[^\w\-. :]", "_", name)[:_LONGEST_NAME].strip(".") or "_"


def _first_run(client: MlflowClient, experiment_id: str, key: str) -> Run | None:
    found = client.search_runs(
        [experiment_id], f"tags.`{KEY_TAG}` = '{key}'", order_by=["attributes.start_time ASC"], max_results=10
    )
    return min(found, key=lambda run: (run.info.start_time, run.info.run_id), default=None)


def _first_version(client: MlflowClient, model: str, run_id: str, key: str) -> str | None:
    found = client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'")
    versions = [int(item.version) for item in found if item.tags.get(KEY_TAG) == key]
    return str(min(versions)) if versions else None
