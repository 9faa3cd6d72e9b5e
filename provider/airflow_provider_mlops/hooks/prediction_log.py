"""Reading prediction logs and the labels that were joined to them; what rows were lawfully erased from is followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.evidence import training_of
from airflow_provider_mlops.core.prediction_log import (
    CHAMPION_ARM,
    COLUMNS,
    LABELS,
    PREDICTIONS,
    digested_of,
    labels_path,
    log_path,
    replaced_logs,
)
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa

_LABEL_COLUMNS = ("label", "label_time")
_ID = "prediction_id"


@dataclass(frozen=True, slots=True)
class Labelled:
    """The log of a partition with the labels that were joined to it.

    :param predictions: the record of the log.
    :param labels: the newest record of its labels; None where none were joined yet.
    """

    predictions: Record
    labels: Record | None

    @property
    def matured(self) -> bool:
        """Whether all labels of the partition were due when they were joined."""
        return self.labels is not None and bool(self.labels.body["matured"])


@dataclass(frozen=True, slots=True)
class FoundPrediction:
    """Where a prediction comes from.

    :param record: the record of its log, which names model version, snapshot and partition.
    :param row: its row of the log, by column.
    :param manifest: the manifest of the training of its model.
    """

    record: Record
    row: dict[str, Any]
    manifest: dict[str, Any]


def find_predictions(
    records: Sequence[Record],
    partition_keys: Sequence[str] | None = None,
    *,
    dataset: str | None = None,
    arm: str = CHAMPION_ARM,
) -> list[Record]:
    """Find the logs of partitions; where one was scored again the newest counts.

    :param records: records of the model's ledger, oldest first.
    :param partition_keys: the partitions; None for all.
    :param dataset: name of the dataset that was scored; None for any.
    :param arm: the arm.
    :return: live ``predictions`` records in the order of their keys; partitions that were not scored have none.
    """
    found: dict[str, Record] = {}
    for record in records:
        body = record.body
        if record.kind != PREDICTIONS or record.mode != "live" or body["arm"] != arm:
            continue
        if dataset in (None, body["dataset"]) and (partition_keys is None or body["partition_key"] in partition_keys):
            found[body["partition_key"]] = record
    return [found[key] for key in sorted(found)]


def find_labelled(
    records: Sequence[Record],
    partition_keys: Sequence[str] | None = None,
    *,
    dataset: str | None = None,
    arm: str = CHAMPION_ARM,
) -> list[Labelled]:
    """Find the logs of partitions with the newest labels of each.

    :param records: records of the model's ledger, oldest first.
    :param partition_keys: the partitions; None for all.
    :param dataset: name of the dataset that was scored; None for any.
    :param arm: the arm.
    :return: one entry a log, in the order of the keys.
    """
    newest = {r.body["predictions_record"]: r for r in records if r.kind == LABELS and r.mode == "live"}
    logs = find_predictions(records, partition_keys, dataset=dataset, arm=arm)
    return [Labelled(log, newest.get(log.hash)) for log in logs]


def matured_labels(records: Sequence[Record]) -> dict[str, str]:
    """Find the partitions whose newest labels are matured.

    :param records: records of the model's ledger, oldest first.
    :return: hash of the record of the labels by partition key.
    """
    return {
        one.predictions.body["partition_key"]: one.labels.hash
        for one in find_labelled(records)
        if one.labels is not None and one.matured
    }


def read_predictions(
    storage: Storage, found: Sequence[Record], columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Stream the rows of logs, proved byte for byte against the ledger; memory holds one batch.

    :param storage: where the logs lie.
    :param found: as `find_predictions` finds them.
    :param columns: the columns to read, in that order; None for all.
    :return: record batches in the order of logs and rows.
    :raises EvidenceBroken: when a log is missing or was changed.
    :raises BadInput: when a column is missing.
    """
    for record in found:
        path = log_path(model_of(record), record.body["partition_key"], record.body["log_id"])
        yield from _read(storage, record.body["dataset"], path, record.body["manifest_sha256"], columns)


def read_labelled(
    storage: Storage,
    found: Sequence[Labelled],
    columns: Sequence[str] | None = None,
    *,
    immature: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Stream the rows of logs with their labels: every prediction, with a null label where none is known.

    :param storage: where the logs lie.
    :param found: as `find_labelled` finds them.
    :param columns: the columns of the log to read, in that order; None for all. ``label`` and ``label_time`` follow.
    :param immature: whether labels that were joined before all were due are read too: those that come early are no
        random sample.
    :return: record batches in the order of logs and rows.
    :raises Refused: when a log has no labels, or not all were due and ``immature`` is not set.
    :raises EvidenceBroken: when a file is missing or was changed.
    """
    for one in found:
        body = one.predictions.body
        if one.labels is None or not (one.matured or immature):
            raise Refused(
                f"The predictions of {body['partition_key']} have no matured labels yet; wait with LabelsMatureSensor "
                "and join them with JoinLabelsOperator."
            )
        path = labels_path(model_of(one.labels), one.labels.body["partition_key"], one.labels.body["labels_id"])
        sha256 = one.labels.body["manifest_sha256"]
        labels = _read(storage, body["dataset"], path, sha256, (_ID, *_LABEL_COLUMNS))
        wanted = None if columns is None else list(dict.fromkeys((*columns, _ID)))
        rows = read_predictions(storage, [one.predictions], wanted)
        yield from (_select(batch, columns) for batch in _joined(rows, labels))


def find_prediction(
    storage: Storage, model: str, prediction_id: str, partition_keys: Sequence[str] | None = None
) -> FoundPrediction:
    """Find what a prediction came from: its log, version, snapshot and partition.

    Only the column of ids is read, of the newest partitions first; name the partition where it is known.

    :param storage: where the logs lie.
    :param model: name of the registered model.
    :param prediction_id: id of the prediction.
    :param partition_keys: the partitions to look at; None for all.
    :return: the prediction.
    :raises BadInput: when no log holds it.
    """
    records = model_ledger(model, storage.ledger_root).records()
    logs = [r for r in records if r.kind == PREDICTIONS and r.mode == "live"]
    wanted = [r for r in reversed(logs) if partition_keys is None or r.body["partition_key"] in partition_keys]
    pc = load("pyarrow.compute", "parquet")
    for record in sorted(wanted, key=lambda record: str(record.body["partition_key"]), reverse=True):
        start = 0
        for batch in read_predictions(storage, [record], [_ID]):
            place = pc.index(batch.column(0), prediction_id).as_py()
            if place >= 0:
                manifest = training_of(records, model, record.body["manifest_hash"]).body["manifest"]
                return FoundPrediction(record, _row(storage, record, start + place), manifest)
            start += batch.num_rows
    where = f"in {', '.join(partition_keys)}" if partition_keys is not None else f"in {len(wanted)} logs"
    raise BadInput(f"Model {model!r} has no prediction {prediction_id[:80]!r} {where}.")


def scores_now(storage: Storage, record: Record) -> tuple[str, int]:
    """Hash the scores that a log holds now, after rows were erased from it.

    :param storage: where the log lies.
    :param record: the record of the log.
    :return: the hash, as of ``scores_digest``, and how many rows are left.
    :raises EvidenceBroken: when the log is missing or was changed.
    """
    from airflow_provider_mlops.backends.prediction_files import RowsDigest

    digest = RowsDigest(columns := digested_of(record.body))
    for batch in read_predictions(storage, [record], columns):
        digest.update(batch)
    return digest.result(), digest.rows


def model_of(record: Record) -> str:
    """Return the model whose ledger a record stands in.

    :param record: the record.
    """
    return record.chain.removeprefix("model/")


def there_now(storage: Storage, dataset: str, path: str, manifest_sha256: str) -> tuple[str, str] | None:
    """Return where a log, or labels, lie now.

    :param storage: where they lie; it knows the ledger that says what was erased.
    :param dataset: name of the dataset that was scored.
    :param path: where they lay, below the storage root.
    :param manifest_sha256: hash of their manifest then.
    :return: path and hash now, the same where no row was erased; None where no row is left.
    """
    if storage.exists(path):
        return path, manifest_sha256
    replaced, seen = replaced_logs(dataset_ledger(dataset, storage.ledger_root).records()), set[str]()
    while path in replaced and path not in seen:
        seen.add(path)
        item = replaced[path]
        if item["replaced_by"] is None:
            return None
        path, manifest_sha256 = item["replaced_by"], item["manifest_sha256"]
    return path, manifest_sha256


def _read(
    storage: Storage, dataset: str, path: str, manifest_sha256: str, columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    from airflow_provider_mlops.backends.prediction_files import read_log

    if (now := there_now(storage, dataset, path, manifest_sha256)) is None:
        return
    with storage.open(now[0]) as folder:
        yield from read_log(folder, now[1], columns)


def _row(storage: Storage, record: Record, number: int) -> dict[str, Any]:
    for batch in read_predictions(storage, [record], COLUMNS):
        if number < batch.num_rows:
            return dict(batch.slice(number, 1).to_pylist()[0])
        number -= batch.num_rows
    raise EvidenceBroken(
        f"The log {record.body['log_id']} has fewer rows than its record names: restore it from a copy, or score again."
    )


def _joined(rows: Iterator[pa.RecordBatch], labels: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put labels beside the predictions; both stand in the same order, cut into batches of their own."""
    arrow = load("pyarrow", "parquet")
    waiting: pa.Table | None = None
    for batch in rows:
        while waiting is None or waiting.num_rows < batch.num_rows:
            following = next(labels, None)
            if following is None:
                raise EvidenceBroken("There are fewer labels than predictions; join them again.")
            table = arrow.Table.from_batches([following])
            waiting = table if waiting is None else arrow.concat_tables([waiting, table])
        beside, waiting = waiting.slice(0, batch.num_rows).combine_chunks(), waiting.slice(batch.num_rows)
        if not beside.column(_ID).combine_chunks().equals(batch.column(_ID)):
            raise EvidenceBroken("The labels are not those of these predictions; join them again.")
        joined = batch
        for name in _LABEL_COLUMNS:
            joined = joined.append_column(name, beside.column(name).combine_chunks())
        yield joined
    if (waiting is not None and waiting.num_rows) or next(labels, None) is not None:
        raise EvidenceBroken("There are more labels than predictions; join them again.")


def _select(batch: pa.RecordBatch, columns: Sequence[str] | None) -> pa.RecordBatch:
    return batch if columns is None else batch.select([*columns, *_LABEL_COLUMNS])
