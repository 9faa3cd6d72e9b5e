# ruff: noqa: INP001
"""MLflow through the hook, in a task of your own."""

# [START example_hook]
from airflow_provider_mlops.hooks.mlflow import MlflowHook


def champion_version(model_name: str) -> str:
    """Return the version of the champion."""
    with MlflowHook("mlflow_default").session() as client:
        return str(client.get_model_version_by_alias(model_name, "champion").version)


# [END example_hook]
