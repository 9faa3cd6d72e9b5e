"""Snapshots as the dataset inputs of an MLflow run, under our hashes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import PREFIX

if TYPE_CHECKING:
    from mlflow import MlflowClient

SNAPSHOT_TAG = "mlops.snapshot_id"
CONTEXT_TAG = "mlflow.data.context"
DIGEST_LIMIT = 36
_AT_ONCE = 500


def log_snapshots(client: MlflowClient, run_id: str, snapshots: Iterable[Mapping[str, str]]) -> None:
    """Name the snapshots that a run was trained and is tested on; repeating it changes nothing.

    :param client: an open client.
    :param run_id: the run.
    :param snapshots: ``dataset``, ``partition_key``, ``snapshot_id``, ``uri`` and ``context`` (``training`` or
        ``testing``) of each. MLflow keeps 36 signs of a digest; the tag ``mlops.snapshot_id`` has all of them.
    """
    entities = load("mlflow.entities", "mlflow")
    inputs = [
        entities.DatasetInput(
            entities.Dataset(
                name=item["dataset"],
                digest=item["snapshot_id"].removeprefix(PREFIX)[:DIGEST_LIMIT],
                source_type="s3" if item["uri"].startswith("s3:") else "local",
                source=json.dumps({"uri": item["uri"]}),
                profile=json.dumps({name: item[name] for name in ("partition_key", "snapshot_id")}),
            ),
            tags=[
                entities.InputTag(CONTEXT_TAG, item["context"]),
                entities.InputTag(SNAPSHOT_TAG, item["snapshot_id"]),
            ],
        )
        for item in snapshots
    ]
    for start in range(0, len(inputs), _AT_ONCE):
        client.log_inputs(run_id, datasets=inputs[start : start + _AT_ONCE])
