# ruff: noqa: INP001
"""An operator of your own with a link to the model's version."""

# [START example_links]
from typing import Any

from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator


class DescribeVersionOperator(MLOpsOperator):
    """Return the description of a registered version.

    :param model_name: name of the registered model. (templated)
    :param version: the version. (templated)
    """

    template_fields = ("model_name", "version")
    operator_extra_links = (ModelVersionLink(),)

    def __init__(self, *, model_name: str, version: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.version = version

    def step(self, context: Any, run: RunFacts) -> dict[str, Any]:
        """Ask the registry."""
        hook = MlflowHook()
        push_links(context, version=hook.version_url(self.model_name, self.version))
        with hook.session() as client:
            found = client.get_model_version(self.model_name, self.version)
        return {"model_name": self.model_name, "version": self.version, "description": found.description}


# [END example_links]
