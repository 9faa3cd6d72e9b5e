"""Which models and predictions used a snapshot, from the records of models alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.evidence import registration_by_manifest
from airflow_provider_mlops.core.prediction_log import PREDICTIONS
from airflow_provider_mlops.core.record import Record


def uses_of(snapshot_ids: Iterable[str], models: Mapping[str, Sequence[Record]]) -> list[dict[str, Any]]:
    """List every live use of a snapshot: trained on, tested on, scored.

    :param snapshot_ids: the snapshot, and the windows that name it.
    :param models: records of each model's ledger, oldest first, by model.
    :return: ``model``, ``use`` (``trained on``, ``tested on``, ``scored``), ``version``, ``partition_key``, ``rows``
        and ``record`` of each use, in the order of the records.
    """
    wanted = set(snapshot_ids)
    found = []
    for model, records in models.items():
        for record in records:
            if record.mode != "live":
                continue
            if record.kind == "training" and record.outcome is None:
                found += [_training_use(model, record, records, use) for use in _training_uses(record, wanted)]
            elif record.kind == PREDICTIONS and record.body["snapshot_id"] in wanted:
                found.append(_use(model, "scored", record, record.body["model_version"]))
    return found


def _training_uses(record: Record, wanted: set[str]) -> list[str]:
    manifest = record.body["manifest"]
    trained = any(item["snapshot_id"] in wanted for item in manifest["train"]["snapshots"])
    tested = manifest["test"]["snapshot_id"] in wanted
    return [use for use, is_so in (("trained on", trained), ("tested on", tested)) if is_so]


def _training_use(model: str, record: Record, records: Sequence[Record], use: str) -> dict[str, Any]:
    registered = registration_by_manifest(records, record.body["manifest_hash"])
    return _use(model, use, record, registered.body["version"] if registered else None)


def _use(model: str, use: str, record: Record, version: str | None) -> dict[str, Any]:
    body = record.body
    return {
        "model": model,
        "use": use,
        "version": version,
        "partition_key": body["partition_key"],
        "rows": body.get("rows"),
        "record": record.hash,
    }
