"""Joining labels to a prediction log: read, joined, judged whether they can be used, published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.manifest import BINARY, MULTICLASS
from airflow_provider_mlops.core.prediction_log import LABELS, labels_path
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.source import Source, source_hash
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.prediction_log import Labelled, model_of, read_labelled, read_predictions
from airflow_provider_mlops.hooks.snapshot_set import Cut, SnapshotSet
from airflow_provider_mlops.hooks.sources.opened import open_source
from airflow_provider_mlops.hooks.sources.reading import Where

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.backends.label_join import Joined, KnownLabels, LabelColumns

_DIGESTED = ("row_id", "label", "label_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPlan:
    """Which labels are joined to which log.

    :param predictions: the record of the log.
    :param source: where labels come from; or the name of a dataset whose accepted snapshot holds them.
    :param row_id: column of the labels that names the row.
    :param label: column of the label.
    :param time: column of the time when a label was known, None for none.
    :param as_of: what was known later does not count.
    :param matured: whether all labels are due by then.
    :param maturity_seconds: how long after the partition's end that is.
    :param max_unusable_share: share of the labels' rows that may repeat, contradict each other or be of no prediction.
    """

    predictions: Record
    source: Source | str
    row_id: str
    label: str
    time: str | None
    as_of: datetime
    matured: bool
    maturity_seconds: float
    max_unusable_share: float


def join_labels(plan: LabelPlan, where: Where, previous: Record | None, *, store: bool) -> dict[str, Any]:
    """Join labels to a log and publish them.

    :param plan: what is joined.
    :param where: the partition, and where sources and logs lie.
    :param previous: the record of the newest labels of this log, None for none.
    :param store: whether they are published.
    :return: the body of their record.
    :raises BadInput: when the labels are not what they must be.
    :raises Refused: when too many of them cannot be used.
    :raises TransientError: when the source cannot be read now.
    """
    from airflow_provider_mlops.backends.label_join import Joined, LabelColumns, joined_rows
    from airflow_provider_mlops.backends.prediction_files import (
        RowsDigest,
        label_schema,
        write_log_manifest,
        write_parts,
    )

    body = plan.predictions.body
    classes = body.get("classes")
    columns = LabelColumns(plan.row_id, plan.label, plan.time, body.get("task", BINARY), classes)
    source, known = _read(plan, where, columns)
    joined, digest = Joined(), RowsDigest(_DIGESTED)
    schema = label_schema(texts=columns.task == MULTICLASS)

    def rows() -> Iterator[pa.RecordBatch]:
        predictions = read_predictions(where.storage, [plan.predictions], ("prediction_id", "row_id"))
        for batch in joined_rows(predictions, known, schema, joined):
            digest.update(batch)
            yield batch

    with where.storage.staging() as folder:
        files = write_parts(rows(), folder, schema, part_rows=body["part_rows"])
        known.counts["unknown"] += int((~known.matched).sum())
        _check_usable(plan, known.counts)
        labels_id = sha256_of({"labels_of": plan.predictions.hash, "content": digest.result()})
        found = {"labels_id": labels_id, "dataset": body["dataset"], **_counts(joined), **known.counts, **source}
        named = {"partition_key": body["partition_key"], "predictions_record": plan.predictions.hash}
        manifest: Mapping[str, Any] = {"files": [], "manifest_sha256": None}
        if store:
            rows_of = {name: body.get(name) for name in ("dataset", "snapshot_id", "row_id_column", "part_rows")}
            facts = {"kind": LABELS, **named, **rows_of, "labels_id": labels_id}
            write_log_manifest(folder, facts, files)
            path = labels_path(model_of(plan.predictions), body["partition_key"], labels_id)
            where.storage.publish(folder, path)
            manifest = where.storage.read_marker(path)
    timed = {
        "matured": plan.matured,
        "maturity_seconds": plan.maturity_seconds,
        "as_of": plan.as_of.isoformat(),
    }
    stored = {name: manifest[name] for name in ("files", "manifest_sha256")}
    return {**named, **found, **timed, **stored, **_changed(where, plan, previous, stored, labels_id)}


def _read(plan: LabelPlan, where: Where, columns: LabelColumns) -> tuple[dict[str, Any], KnownLabels]:
    """Read the labels, and say where they came from."""
    from airflow_provider_mlops.backends.label_join import collect_labels

    if isinstance(plan.source, str):
        snapshot_id = _accepted(plan.source, where)
        batches = SnapshotSet(where.storage, plan.source, [{"snapshot_id": snapshot_id}]).batches(columns.names)
        known = collect_labels(_tables(batches), columns, plan.as_of)
        return {"source": f"dataset:{plan.source}", "source_hash": snapshot_id}, known
    from airflow_provider_mlops.backends.row_blocks import Limits, blocks

    with open_source(plan.source, where) as reading:
        if reading.members:
            cut = Cut(**reading.cut) if reading.cut else Cut()
            batches = SnapshotSet(where.storage, "", reading.members, cut).batches(columns.names)
            known = collect_labels(_tables(batches), columns, plan.as_of)
        else:
            known = collect_labels(blocks(reading.rows, Limits()), columns, plan.as_of)
        reading.check()
    return {"source": plan.source.title, "source_hash": source_hash(plan.source)}, known


def _accepted(dataset: str, where: Where) -> str:
    accepted = accepted_snapshots(dataset_ledger(dataset, where.ledger_root).records())
    if where.partition.key not in accepted:
        raise Refused(
            f"Dataset {dataset!r}, which holds the labels, has no accepted snapshot of {where.partition.key} yet."
        )
    return accepted[where.partition.key]


def _tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    from airflow_provider_mlops.backends.optional import load

    for batch in batches:
        yield load("pyarrow", "parquet").Table.from_batches([batch])


def _counts(joined: Joined) -> dict[str, int]:
    missing = joined.rows - joined.labelled - joined.censored
    return {"rows": joined.rows, "labelled": joined.labelled, "censored": joined.censored, "missing": missing}


def _check_usable(plan: LabelPlan, counts: Mapping[str, int]) -> None:
    unusable = {name: counts[name] for name in ("duplicates", "conflicting", "unknown")}
    if sum(unusable.values()) > plan.max_unusable_share * counts["label_rows"]:
        told = ", ".join(f"{count:,} {name}" for name, count in unusable.items() if count)
        raise Refused(
            f"Of {counts['label_rows']:,} rows of labels too many cannot be used: {told}; at most "
            f"{plan.max_unusable_share:.2%} may (max_unusable_share). Nothing was joined."
        )


def _changed(
    where: Where, plan: LabelPlan, previous: Record | None, stored: Mapping[str, Any], labels_id: str
) -> dict[str, Any]:
    """Say how many labels differ from those that these replace."""
    from airflow_provider_mlops.backends.label_join import count_changed

    if previous is None:
        return {"corrects": None, "changed": 0}
    changed = 0
    if labels_id != previous.body["labels_id"] and stored["manifest_sha256"] is not None:
        now = {"partition_key": plan.predictions.body["partition_key"], "labels_id": labels_id, "matured": True}
        labels = Record.from_dict({**previous.to_dict(), "body": {**now, **stored}})
        both = [Labelled(plan.predictions, record) for record in (previous, labels)]
        changed = count_changed(*(read_labelled(where.storage, [one], [], immature=True) for one in both))
    return {"corrects": previous.hash, "changed": changed}
