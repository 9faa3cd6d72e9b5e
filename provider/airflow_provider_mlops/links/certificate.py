"""The links from a replay to its certificate and to the summary of its audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from airflow_provider_mlops import config
from airflow_provider_mlops.links.mlflow import kept_link, push_links

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_mlops.core.record import Record


class CertificateLink(BaseOperatorLink):
    """Leads to the newest certificate that the task issued, under ``[mlops] reports_url``."""

    name = "Certificate"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the storage root has none."""
        return kept_link(ti_key, "certificate")


class AuditSummaryLink(BaseOperatorLink):
    """Leads to the summary of the audit as the task left it, under ``[mlops] reports_url``."""

    name = "Audit summary"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the storage root has none."""
        return kept_link(ti_key, "summary")


def push_certificate(context: Context, model: str, *, certificate: Record, summary: Record | None = None) -> None:
    """Keep the addresses of a certificate and of a summary for the task's links, where the storage root has one.

    :param context: Airflow's context.
    :param model: name of the registered model.
    :param certificate: record of the certificate.
    :param summary: record of the summary, None while there is none.
    """
    if not (base := config.reports_url()):
        return
    found = {"certificate": certificate.body["certificate_hash"]}
    if summary is not None:
        found["summary"] = summary.body["summary_hash"]
    pages = {name: f"{digest.removeprefix('sha256:')}/{name}.html" for name, digest in found.items()}
    push_links(context, **{name: f"{base}/certificates/{model}/{page}" for name, page in pages.items()})
