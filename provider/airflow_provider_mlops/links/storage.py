"""The link from a task to the manifest of its snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from airflow_provider_mlops import config
from airflow_provider_mlops.links.mlflow import kept_link, push_links

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey


def push_snapshot_link(context: Context, path: str) -> None:
    """Keep the web address of a snapshot's manifest for the task's link, where the storage root has one.

    :param context: Airflow's context.
    :param path: path of the snapshot below the storage root.
    """
    if base := config.reports_url():
        push_links(context, snapshot=f"{base}/{path}/manifest.json")


class SnapshotLink(BaseOperatorLink):
    """Leads to the manifest of the snapshot that the task took or found, under ``[mlops] reports_url``."""

    name = "Snapshot"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the storage root has none."""
        return kept_link(ti_key, "snapshot")
