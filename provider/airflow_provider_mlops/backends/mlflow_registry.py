"""Aliases and tags of MLflow's model registry: read as plain values, and changed so that repeating it is safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.mlflow import KEY_TAG
from airflow_provider_mlops.backends.optional import load

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TAG_LIMIT = 4_000
_MISSING = "RESOURCE_DOES_NOT_EXIST"


def delete_alias(client: MlflowClient, model: str, alias: str) -> None:
    """Remove an alias; one that is not there is fine.

    :param client: an open client.
    :param model: name of the registered model.
    :param alias: the alias.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        client.delete_registered_model_alias(model, alias)
    except exceptions.MlflowException as err:
        if err.error_code != _MISSING:
            raise


def aliases_of(client: MlflowClient, model: str) -> dict[str, str]:
    """Return version by alias of a model; empty when there is no such model.

    :param client: an open client.
    :param model: name of the registered model.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        found = client.get_registered_model(model).aliases
    except exceptions.MlflowException as err:
        if err.error_code != _MISSING:
            raise
        return {}
    return {str(alias): str(version) for alias, version in dict(found).items()}


def tag_version(client: MlflowClient, model: str, version: str, tags: Mapping[str, str]) -> None:
    """Set tags of a version; those that have their value are left alone.

    :param client: an open client.
    :param model: name of the registered model.
    :param version: the version.
    :param tags: value by name.
    """
    known = version_tags(client, model, version)
    for name, value in tags.items():
        text = str(value)[:_TAG_LIMIT]
        if known is not None and known.get(name) != text:
            client.set_model_version_tag(model, version, name, text)


def version_tags(client: MlflowClient, model: str, version: str) -> dict[str, str] | None:
    """Return the tags of a version, None when it is not in the registry (any more).

    :param client: an open client.
    :param model: name of the registered model.
    :param version: the version.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        return dict(client.get_model_version(model, version).tags)
    except exceptions.MlflowException as err:
        if err.error_code != _MISSING:
            raise
        return None


def model_tags(client: MlflowClient, model: str) -> dict[str, str]:
    """Return the tags of a registered model; empty when there is none.

    :param client: an open client.
    :param model: name of the registered model.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        return dict(client.get_registered_model(model).tags)
    except exceptions.MlflowException as err:
        if err.error_code != _MISSING:
            raise
        return {}


def origin_of(client: MlflowClient, model: str, version: str) -> dict[str, str | None]:
    """Return where a version comes from.

    :param client: an open client.
    :param model: name of the registered model.
    :param version: the version.
    :return: ``logged_model_id`` (where an older MLflow registered it, the address of its artifacts), ``mlflow_run_id``
        and ``mlflow_experiment_id``, None where they are not known.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    found = client.get_model_version(model, version)
    experiment = None
    if found.run_id:
        try:
            experiment = str(client.get_run(found.run_id).info.experiment_id)
        except exceptions.MlflowException as err:
            if err.error_code != _MISSING:
                raise
    model_id = str(getattr(found, "model_id", None) or client.get_model_version_download_uri(model, version))
    return {"logged_model_id": model_id, "mlflow_run_id": found.run_id or None, "mlflow_experiment_id": experiment}


def versions_of(client: MlflowClient, model: str) -> dict[str, dict[str, str]]:
    """Return the tags of every version of a model, by version; empty when there is no such model.

    :param client: an open client.
    :param model: name of the registered model.
    """
    found, token = dict[str, dict[str, str]](), None
    while token != "":
        page = client.search_model_versions(f"name = '{model}'", page_token=token)
        found |= {str(item.version): dict(item.tags) for item in page}
        token = page.token or ""
    return found


def logged_models_of(client: MlflowClient, model: str, experiments: Iterable[str]) -> dict[str, str]:
    """Return the finished models that trainings have logged, with their keys.

    :param client: an open client.
    :param model: name of the registered model; an experiment of that name is looked at, too.
    :param experiments: ids of the experiments to look at.
    :return: key of the training by id of the logged model.
    """
    own = client.get_experiment_by_name(model)
    wanted = sorted({*experiments, *([str(own.experiment_id)] if own else [])})
    found, token = dict[str, str](), None
    while wanted and token != "":
        page = client.search_logged_models(wanted, page_token=token)
        found |= {
            str(item.model_id): item.tags[KEY_TAG]
            for item in page
            if KEY_TAG in item.tags and str(item.status).endswith("READY")
        }
        token = page.token or ""
    return found
