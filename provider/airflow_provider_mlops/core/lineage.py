"""Which models and predictions used a snapshot, from the records of models alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.base import with_bases
from airflow_provider_mlops.core.evidence import registration_by_manifest
from airflow_provider_mlops.core.prediction_log import PREDICTIONS
from airflow_provider_mlops.core.record import Record


def uses_of(snapshot_ids: Iterable[str], models: Mapping[str, Sequence[Record]]) -> list[dict[str, Any]]:
    """List every live use of a snapshot: trained on, tested on, scored.

    :param snapshot_ids: the snapshot, and the windows that name it.
    :param models: records of each model's ledger, oldest first, by model.
    :return: ``model``, ``use`` (``trained on``, ``base trained on``, ``tested on``, ``scored``), ``version``,
        ``partition_key``, ``rows`` and ``record`` of each use, in the order of the records.
    """
    wanted = set(snapshot_ids)
    found = []
    for model, records in models.items():
        learned = _learned(records, wanted)
        for record in records:
            if record.mode != "live":
                continue
            if record.kind == "training" and record.outcome is None:
                uses = _training_uses(record, wanted, learned, records)
                found += [_training_use(model, record, records, use) for use in uses]
            elif record.kind == PREDICTIONS and record.body["snapshot_id"] in wanted:
                found.append(_use(model, "scored", record, record.body["model_version"]))
    return found


def _learned(records: Sequence[Record], wanted: set[str]) -> set[str]:
    """Name the trainings that read a snapshot themselves."""
    trainings = (record for record in records if record.kind == "training" and record.outcome is None)
    return {record.body["manifest_hash"] for record in trainings if _reads(record, wanted)}


def _reads(record: Record, wanted: set[str]) -> bool:
    return any(item["snapshot_id"] in wanted for item in record.body["manifest"]["train"]["snapshots"])


def _training_uses(record: Record, wanted: set[str], learned: set[str], records: Sequence[Record]) -> list[str]:
    own = record.body["manifest_hash"]
    uses = {
        "trained on": _reads(record, wanted),
        "base trained on": bool((with_bases(records, [own]) - {own}) & learned),
        "tested on": record.body["manifest"]["test"]["snapshot_id"] in wanted,
    }
    return [use for use, is_so in uses.items() if is_so]


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
