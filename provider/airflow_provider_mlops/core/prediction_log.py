"""The prediction log: who predicted what for which row, with which version; and the labels that came later.

Below the storage root a log lies at ``predictions/<model>/<partition>/<log id>/``, its labels beside it at
``labels-<labels id>/``, each with part files and a manifest. The model's ledger holds a record of the kind
``predictions`` for each log, and one of the kind ``labels`` each time that labels were joined.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.gone import gone_snapshots, is_void
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record

FOLDER = "predictions"
PREDICTIONS, LABELS = "predictions", "labels"
"""Kinds of records in the model's ledger."""
SCHEMA = 1
CHAMPION_ARM = "champion"
REFERENCE, VALUE = "reference", "value"
"""How a log keeps the features: by the id of the snapshot that holds them, or their values too."""
COLUMNS = (
    "prediction_id",
    "row_id",
    "entity",
    "time",
    "model_version",
    "score",
    "snapshot_id",
    "latency_ms",
    "arm",
    "error",
)
DIGESTED = ("row_id", "score")
"""The columns that an audit compares bit by bit; of several classes the score of each beside them."""
LABEL_COLUMNS = ("prediction_id", "row_id", "label", "label_time")
_ARM_LENGTH = 100


def prediction_ids(model: str, manifest_hash: str, dataset: str, row_ids: Iterable[str]) -> list[str]:
    """Name predictions: the same model content gives the same row the same id, whenever and wherever it is scored.

    :param model: name of the registered model.
    :param manifest_hash: content of the version: the manifest of its training.
    :param dataset: name of the dataset that the rows are of.
    :param row_ids: what names the rows.
    :return: 64 hexadecimal digits for each row, in order.
    """
    # One hash of what is the same for all rows, copied: a million ids take a second.
    start = hashlib.sha256(canonical_json([model, manifest_hash, dataset]).encode())
    found = []
    for row_id in row_ids:
        one = start.copy()
        one.update(row_id.encode())
        found.append(one.hexdigest())
    return found


def score_columns(classes: Sequence[Any] | None) -> list[str]:
    """Name the columns of a log that hold the scores.

    :param classes: the classes of a multiclass model, in the order of its scores; None where there is one score a row.
    """
    return ["score"] if classes is None else [f"score:{one}" for one in classes]


def digested_columns(classes: Sequence[Any] | None) -> list[str]:
    """Name the columns of a log that its ``scores_digest`` is of.

    :param classes: as for `score_columns`.
    """
    return list(dict.fromkeys((*DIGESTED, *score_columns(classes))))


def digested_of(body: Mapping[str, Any]) -> list[str]:
    """Name the columns that the ``scores_digest`` of a recorded log is of; older ones do not say it.

    :param body: body of the record, or the manifest of the log.
    """
    return list(body.get("digested") or DIGESTED)


def log_id(decision: Mapping[str, Any]) -> str:
    """Name a log by all that it depends on, so that scoring again finds it.

    :param decision: model, manifest hash, dataset, snapshot, partition and how it was scored; JSON-safe.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return sha256_of({"predictions": SCHEMA, **decision})


def log_path(model: str, partition_key: str, log: str) -> str:
    """Return where a log lies below the storage root.

    :param model: name of the registered model.
    :param partition_key: the partition.
    :param log: id of the log.
    """
    return f"{FOLDER}/{model}/{partition_key}/{log.removeprefix(PREFIX)}"


def labels_path(model: str, partition_key: str, labels: str) -> str:
    """Return where joined labels lie below the storage root.

    :param model: name of the registered model.
    :param partition_key: the partition.
    :param labels: id of the labels.
    """
    return f"{FOLDER}/{model}/{partition_key}/labels-{labels.removeprefix(PREFIX)}"


def part_path(model: str, partition_key: str, log: str, number: int) -> str:
    """Return where a finished part of an unfinished log lies below the storage root.

    :param model: name of the registered model.
    :param partition_key: the partition.
    :param log: id of the log.
    :param number: number of the part, from 0.
    """
    return f"{FOLDER}/{model}/{partition_key}/scoring-{log.removeprefix(PREFIX)}-{number:05}"


def matured_at(partition_key: str, maturity: timedelta) -> datetime:
    """Return from when on all labels of a partition are due.

    :param partition_key: the partition.
    :param maturity: how long after the partition's end the last label may come.
    :return: the moment, UTC.
    :raises BadInput: when the key is none, or the maturity is negative or far too long.
    """
    if not isinstance(maturity, timedelta) or maturity < timedelta(0):
        raise BadInput(f"maturity must be a timedelta of at least 0, not {maturity!r}.")
    try:
        return Partition.parse(partition_key).end + maturity
    except OverflowError:
        raise BadInput(f"maturity={maturity!r} ends after the calendar does.") from None


def check_arm(arm: Any) -> str:
    """Read the name of an arm.

    :param arm: what was given.
    :return: the name.
    :raises BadInput: when it is no short text.
    """
    found = reading.text(arm, "arm")
    if len(found) > _ARM_LENGTH or not found.isprintable():
        raise BadInput(f"arm must be at most {_ARM_LENGTH} printable characters, not {found[:_ARM_LENGTH]!r}.")
    return found


def replaced_logs(records: Iterable[Record]) -> dict[str, Mapping[str, Any]]:
    """Find the logs and labels that erased rows were taken out of.

    :param records: records of the ledger of the dataset that was scored.
    :return: by path below the storage root ``{"path", "replaced_by", "manifest_sha256", "rows_erased", "rows_left"}``;
        ``replaced_by`` is None where no row is left.
    """
    records = list(records)
    gone = gone_snapshots(records)
    return {
        item["path"]: item
        for record in records
        if record.kind == "erasure" and record.mode == "live" and not is_void(record, gone)
        for item in record.body.get("others", ())
        if item["folder"] == FOLDER
    }
