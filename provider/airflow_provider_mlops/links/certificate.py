"""The link from a replay to its certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from airflow_provider_mlops.links.mlflow import kept_link

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class CertificateLink(BaseOperatorLink):
    """Leads to the newest certificate that the task issued, under ``[mlops] reports_url``."""

    name = "Certificate"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the storage root has none."""
        return kept_link(ti_key, "certificate")
