"""Prediction logs and labels of a test, written as the operators write them, without a model."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from airflow_provider_mlops.backends.prediction_files import label_schema, log_schema, write_log_manifest, write_parts
from airflow_provider_mlops.core import prediction_log
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.storage import Storage

MANIFEST_HASH = f"sha256:{'1' * 64}"
SNAPSHOT_ID = f"sha256:{'2' * 64}"


def log_scores(
    storage: Storage,
    model: str,
    partition_key: str,
    scores: Sequence[float | None],
    *,
    dataset: str = "served",
    part_rows: int = 3,
    version: str = "1",
    manifest_hash: str = MANIFEST_HASH,
    features: Mapping[str, Sequence[Any]] | None = None,
    row_ids: Sequence[str] = (),
    snapshot_id: str = SNAPSHOT_ID,
    **body: Any,
) -> Record:
    """Log scores of a partition, rows ``<partition>/0`` and on, and return the record."""
    kept = pa.table(dict(features or {}))
    row_ids = list(row_ids) or [f"{partition_key}/{number}" for number in range(len(scores))]
    schema = log_schema(features=list(kept.schema))
    moment = datetime.fromisoformat(f"{partition_key}-01"[:10]).replace(tzinfo=UTC)
    columns = {
        "prediction_id": prediction_log.prediction_ids(model, manifest_hash, dataset, row_ids),
        "row_id": row_ids,
        "entity": [None] * len(scores),
        "time": [moment] * len(scores),
        "model_version": [version] * len(scores),
        "score": scores,
        "snapshot_id": [snapshot_id] * len(scores),
        "latency_ms": [0.5] * len(scores),
        "arm": ["champion"] * len(scores),
        "error": ["no number" if score is None else None for score in scores],
        **{name: kept.column(name) for name in kept.column_names},
    }
    table = pa.table(columns, schema=schema)
    log_id = prediction_log.log_id({"model": model, "partition": partition_key, "version": version})
    path = prediction_log.log_path(model, partition_key, log_id)
    facts = {
        "partition_key": partition_key,
        "dataset": dataset,
        "snapshot_id": snapshot_id,
        "model_version": version,
        "manifest_hash": manifest_hash,
        "log_id": log_id,
        "arm": "champion",
        "part_rows": part_rows,
        "row_id_column": "row_id",
        "entity_column": None,
    }
    manifest = _publish(storage, path, table, schema, {"kind": "predictions", **facts}, part_rows)
    failed = sum(score is None for score in scores)
    counts = {"rows": len(scores), "scored": len(scores) - failed, "failed": failed}
    whole = {**facts, **counts, "files": manifest["files"], "manifest_sha256": manifest["manifest_sha256"], **body}
    return model_ledger(model, storage.ledger_root).append(kind="predictions", key=log_id, body=whole)


def log_labels(
    storage: Storage,
    model: str,
    predictions: Record,
    labels: Sequence[float | str | None],
    *,
    matured: bool = True,
    key: str = "labels",
) -> Record:
    """Log labels of the rows of a log, in their order, and return the record."""
    from airflow_provider_mlops.hooks.prediction_log import read_predictions

    rows = pa.Table.from_batches(read_predictions(storage, [predictions], ["prediction_id", "row_id", "time"]))
    schema = label_schema(texts=any(isinstance(label, str) for label in labels))
    values = [rows["prediction_id"], rows["row_id"], pa.array(labels, schema.field("label").type), rows["time"]]
    table = pa.Table.from_arrays(values, schema=schema)
    labels_id = prediction_log.log_id({"labels": list(labels), "of": predictions.body["log_id"], "key": key})
    body = predictions.body
    path = prediction_log.labels_path(model, body["partition_key"], labels_id)
    manifest = _publish(
        storage,
        path,
        table,
        schema,
        {"kind": "labels", **{name: body[name] for name in ("dataset", "snapshot_id", "row_id_column")}},
        2,
    )
    known = sum(label is not None for label in labels)
    return model_ledger(model, storage.ledger_root).append(
        kind="labels",
        key=labels_id,
        body={
            "partition_key": body["partition_key"],
            "predictions_record": predictions.hash,
            "labels_id": labels_id,
            "rows": len(labels),
            "labelled": known,
            "matured": matured,
            "maturity_seconds": 0.0,
            "as_of": "2030-01-01T00:00:00+00:00",
            "files": manifest["files"],
            "manifest_sha256": manifest["manifest_sha256"],
        },
    )


def _publish(
    storage: Storage, path: str, table: pa.Table, schema: pa.Schema, facts: Mapping[str, Any], part_rows: int
) -> dict[str, Any]:
    with storage.staging() as folder:
        files = write_parts(table.to_batches(max_chunksize=part_rows), folder, schema, part_rows=part_rows)
        manifest = write_log_manifest(folder, facts, files)
        storage.publish(folder, path)
    return manifest
