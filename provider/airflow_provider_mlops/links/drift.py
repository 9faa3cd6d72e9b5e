"""The link from a drift verdict to its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from airflow_provider_mlops.links.mlflow import kept_link

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class DriftReportLink(BaseOperatorLink):
    """Leads to the report of a drift verdict: what moved, how, since when; under ``[mlops] reports_url``."""

    name = "Drift report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the storage root has none or nothing was compared."""
        return kept_link(ti_key, "drift_report")


class EvidentlyReportLink(BaseOperatorLink):
    """Leads to Evidently's page, where it is the backend of the verdict; under ``[mlops] reports_url``."""

    name = "Evidently"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty for another backend."""
        return kept_link(ti_key, "evidently")
