"""The link from a validation to its Data Docs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from airflow_provider_mlops.links.mlflow import kept_link

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class DataDocsLink(BaseOperatorLink):
    """Leads to the Data Docs of the validation: under ``[mlops] reports_url``, else to the MLflow run that has them."""

    name = "Data Docs"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the task kept none."""
        return kept_link(ti_key, "data_docs")
