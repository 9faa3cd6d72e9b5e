"""A link from a task to the manifest of its snapshot, where the store has a page for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseHook, BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

SNAPSHOT_KEY = "mlops_snapshot_link"


def push_snapshot_link(context: Context, uri: str) -> None:
    """Keep the address of a snapshot's manifest for the task's link, if it has one.

    :param context: Airflow's context.
    :param uri: where the snapshot lies.
    """
    if page := manifest_page(uri):
        context["ti"].xcom_push(key=SNAPSHOT_KEY, value=page)


def manifest_page(uri: str) -> str:
    """Return the page of a snapshot's manifest in the console of its store.

    :param uri: where the snapshot lies.
    :return: address; empty for a local folder, and for an S3 that is not Amazon's.
    """
    scheme, _, rest = uri.partition("://")
    place, _, path = rest.partition("/")
    conn_id, _, bucket = place.rpartition("@")
    key = quote(f"{path}/manifest.json")
    if scheme == "s3" and not _has_endpoint(conn_id or "aws_default"):
        return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={key}"
    return (
        f"https://console.cloud.google.com/storage/browser/_details/{bucket}/{key}" if scheme in ("gs", "gcs") else ""
    )


def _has_endpoint(conn_id: str) -> bool:
    """Whether a connection leads to another S3 than Amazon's."""
    try:
        extra = json.loads(BaseHook.get_connection(conn_id).extra or "{}")
    except Exception:  # noqa: BLE001 - a link is no reason to fail
        return True
    services = extra.get("service_config", {}).get("s3", {})
    return bool(extra.get("endpoint_url") or services.get("endpoint_url"))


class SnapshotLink(BaseOperatorLink):
    """Leads to the manifest of the snapshot that the task took or found."""

    name = "Snapshot"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the store has no page for it."""
        return str(XCom.get_value(key=SNAPSHOT_KEY, ti_key=ti_key) or "")
