"""Joining the labels that came late to the predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evaluation import moment
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.prediction_log import CHAMPION_ARM, matured_at
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.source import parse_source
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.prediction_log import Labelled, find_labelled
from airflow_provider_mlops.hooks.sources.reading import Where
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_root

if TYPE_CHECKING:
    from airflow.sdk import Context

_SHOWN = ("rows", "labelled", "censored", "missing", "matured")


class JoinLabelsOperator(MLOpsOperator):
    """Join the labels of a partition to its predictions, and say whether all of them were due.

    Until the partition's end and the maturity have passed the record says that labels are not matured, and nobody
    measures with them: those that come early are no random sample. Labels that come or change later make a new record;
    the newest counts. The same labels again find theirs. In ``audit`` mode no source is read: the recorded labels are
    proved and returned. ``dry_run`` stores none.

    :param model_name: name of the registered model. (templated)
    :param labels: where they come from: a mapping that `airflow_provider_mlops.sources` builds, or the import path
        ``package.module:function`` of a function that takes a ``Partition`` and yields frames. (templated)
    :param labels_dataset: in place of it, a dataset whose accepted snapshot of the partition holds them. (templated)
    :param maturity: how long after the end of the partition the last label may come.
    :param label_column: column of the label; null where it will never be known. (templated)
    :param row_id_column: column that names the row, as the predictions do. (templated)
    :param label_time_column: column of the time when the label was known; of several the newest counts, and what was
        known after ``as_of`` does not. (templated)
    :param partition_key: partition of the predictions; default: that of the run. (templated)
    :param dataset: name of the dataset that was scored; default: any. (templated)
    :param arm: the arm. (templated)
    :param as_of: when the labels are asked for, ISO 8601; default: now. (templated)
    :param max_unusable_share: share of the labels' rows that may repeat, contradict each other or be of no prediction,
        from 0 to 1; with more the task fails and joins nothing.
    :param storage_root: where logs and snapshots lie; default: ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "labels_id", "rows", "labelled", "censored", "missing", "matured",
    "record"}``.
    """

    by_index = True
    template_fields: Sequence[str] = (
        "model_name",
        "labels",
        "labels_dataset",
        "label_column",
        "row_id_column",
        "label_time_column",
        "partition_key",
        "dataset",
        "arm",
        "as_of",
        "storage_root",
        "ledger_root",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"labels": "json"}
    ui_color = "#d4e6f1"

    def __init__(
        self,
        *,
        model_name: str,
        label_column: str,
        maturity: timedelta,
        labels: str | Mapping[str, Any] | None = None,
        labels_dataset: str | None = None,
        row_id_column: str = "row_id",
        label_time_column: str | None = None,
        partition_key: str = PARTITION_KEY,
        dataset: str | None = None,
        arm: str = CHAMPION_ARM,
        as_of: str | None = None,
        max_unusable_share: float = 0.01,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.label_column = label_column
        self.maturity = maturity
        self.labels = labels
        self.labels_dataset = labels_dataset
        self.row_id_column = row_id_column
        self.label_time_column = label_time_column
        self.partition_key = partition_key
        self.dataset = dataset
        self.arm = arm
        self.as_of = as_of
        self.max_unusable_share = max_unusable_share
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Join and record, or find the labels that are joined."""
        from airflow_provider_mlops.hooks.label_join import LabelPlan, join_labels

        partition = Partition.parse(self.partition_key)
        due = matured_at(partition.key, self.maturity)
        ledger = model_ledger(self.model_name, self.ledger_root)
        found = self._predictions(ledger.records(), partition.key, run)
        if run.mode is Mode.AUDIT:
            return self._audit(found, partition.key)
        as_of = datetime.fromisoformat(moment(self.as_of, "as_of")) if self.as_of else datetime.now(UTC)
        if found.labels is not None and as_of < datetime.fromisoformat(found.labels.body["as_of"]) and found.matured:
            raise Refused(
                f"Labels of {partition.key} as of {found.labels.body['as_of']} are recorded already, and "
                f"as_of={self.as_of!r} is before that: leave as_of out, or name a later time."
            )
        plan = LabelPlan(
            predictions=found.predictions,
            source=self._source(),
            row_id=reading.text(self.row_id_column, "row_id_column"),
            label=reading.text(self.label_column, "label_column"),
            time=self.label_time_column or None,
            as_of=as_of,
            matured=as_of >= due,
            maturity_seconds=self.maturity.total_seconds(),
            max_unusable_share=reading.share(self.max_unusable_share, "max_unusable_share"),
        )
        where = Where(
            partition=partition,
            bundle=bundle_root(context),
            storage=Storage(self.storage_root, self.ledger_root),
            ledger_root=self.ledger_root,
            time_column=plan.time,
            log=self.log,
        )
        body = join_labels(plan, where, found.labels, store=run.mode is Mode.LIVE)
        record = found.labels if _same(found.labels, body) and run.mode is Mode.LIVE else None
        if record is None:
            after = found.labels.hash if found.labels else None
            key = sha256_of({"of": found.predictions.hash, **_identity(body), "after": after})
            record = ledger.append(kind="labels", key=key, body=body, run=run.to_record(), mode=run.mode)
        self._tell(record, due)
        return self._result(record)

    def _predictions(self, records: Sequence[Record], partition: str, run: RunFacts) -> Labelled:
        found = find_labelled(records, [partition], dataset=self.dataset or None, arm=self.arm)
        if found:
            return found[0]
        if run.mode is Mode.AUDIT:
            raise AirflowSkipException(f"Model {self.model_name!r} has no recorded predictions of {partition}.")
        raise Refused(f"Model {self.model_name!r} has no predictions of {partition}; score the partition first.")

    def _source(self) -> Any:
        if bool(self.labels) == bool(self.labels_dataset):
            raise BadInput("Give JoinLabelsOperator either labels= or labels_dataset=.")
        return self.labels_dataset or parse_source(self.labels)

    def _audit(self, found: Labelled, partition: str) -> dict[str, Any]:
        """Prove the recorded labels byte for byte, row by row beside their predictions."""
        from airflow_provider_mlops.hooks.prediction_log import read_labelled

        if found.labels is None:
            raise AirflowSkipException(f"The predictions of {partition} have no recorded labels: nothing to audit.")
        storage = Storage(self.storage_root, self.ledger_root)
        rows = sum(batch.num_rows for batch in read_labelled(storage, [found], [], immature=True))
        self.log.info("Audit works on the recorded labels of %s predictions.", f"{rows:,}")
        return self._result(found.labels)

    def _tell(self, record: Record, due: datetime) -> None:
        body = record.body
        counts = ", ".join(f"{body[name]:,} {name}" for name in ("labelled", "censored", "missing"))
        self.log.info("Of %s predictions %s.", f"{body['rows']:,}", counts)
        if body["changed"]:
            self.log.info("%s labels differ from the ones that they replace.", f"{body['changed']:,}")
        if not body["matured"]:
            self.log.warning("Not all labels are due before %s: nobody measures with these yet.", due.isoformat())

    def _result(self, record: Record) -> dict[str, Any]:
        body = record.body
        named = {"model_name": self.model_name, "partition_key": body["partition_key"], "labels_id": body["labels_id"]}
        return {**named, **{name: body[name] for name in _SHOWN}, "record": record.hash}


def _identity(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("labels_id", "matured", "maturity_seconds")}


def _same(record: Record | None, body: Mapping[str, Any]) -> bool:
    return record is not None and _identity(record.body) == _identity(body)
