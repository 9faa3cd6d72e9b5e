"""Taking an immutable copy of a partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.code_identity import code_hash, import_callable
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.taking import check_still_there, publish_snapshot, was_pruned_since
from airflow_provider_mlops.operators.base import PARTITION_KEY, MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class SnapshotDatasetOperator(MLOpsOperator):
    """Copy a partition of a dataset into an immutable Parquet snapshot whose id is the hash of its content.

    Taking the same rows again finds the snapshot that is there. In ``audit`` mode the source is not read: the
    recorded snapshot of the partition is returned, so that an audit works on the rows of its time. With the alias
    ``assets.snapshot_alias(dataset)`` among the outlets, a live run emits an event of ``assets.snapshot(dataset)``.

    :param dataset: name of the dataset; its ledger is ``dataset/<name>``. (templated)
    :param source: import path ``package.module:function`` of a function that takes a ``Partition`` and yields
        pandas frames or Arrow tables of one schema, in canonical row order. (templated)
    :param partition_key: partition to copy, ``2013-01`` or ``2013-01-31``; default: that of the run. (templated)
    :param time_column: timestamp column whose range the manifest states.
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"dataset", "partition_key", "snapshot_id", "rows", "uri", "record"}``.
    """

    template_fields: Sequence[str] = ("dataset", "source", "partition_key", "storage_root", "ledger_root")
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        dataset: str,
        source: str,
        partition_key: str = PARTITION_KEY,
        time_column: str | None = None,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.source = source
        self.partition_key = partition_key
        self.time_column = time_column
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Take the snapshot, or find the recorded one in audit mode."""
        partition = Partition.parse(self.partition_key)
        ledger = dataset_ledger(self.dataset, self.ledger_root)
        recorded = ledger.latest(kind="snapshot", partition_key=partition.key)
        if run.mode is Mode.AUDIT:
            return self._recorded(recorded, partition)
        body = self._take(partition, ledger)
        unchanged = recorded is not None and recorded.body["snapshot_id"] == body["snapshot_id"]
        if recorded is None or not unchanged or run.mode is not Mode.LIVE or was_pruned_since(ledger, recorded):
            # The key names what came before, so that rows which return to an earlier state are recorded again.
            after = recorded.hash if recorded else None
            key = sha256_of({"partition": partition.key, "snapshot": body["snapshot_id"], "after": after})
            recorded = ledger.append(kind="snapshot", key=key, body=body, run=run.to_record(), mode=run.mode)
        else:
            self.log.info("Partition %s has not changed: found %s.", partition.key, body["snapshot_id"])
        check_still_there(Storage(self.storage_root, self.ledger_root), self.dataset, body["snapshot_id"])
        result = self._result(recorded)
        facts = {name: result[name] for name in ("dataset", "snapshot_id", "rows")}
        self.emit(context, run, assets.snapshot_alias(self.dataset), assets.snapshot(self.dataset), facts)
        return result

    def _take(self, partition: Partition, ledger: Ledger) -> dict[str, Any]:
        from airflow_provider_mlops.backends.parquet import write_snapshot

        function = import_callable(self.source)
        facts = {
            "dataset": self.dataset,
            "partition_keys": [partition.key],
            "source": self.source,
            "source_code_hash": code_hash(function),
        }
        storage = Storage(self.storage_root, self.ledger_root)
        with storage.staging() as folder:
            self.log.info("Reading partition %s of dataset %s from %s.", partition.key, self.dataset, self.source)
            manifest = write_snapshot(function(partition), folder, facts, self.time_column)
            uri = publish_snapshot(storage, folder, self.dataset, manifest["snapshot_id"], ledger)
        self.log.info("%s rows in snapshot %s.", f"{manifest['rows']:,}", manifest["snapshot_id"])
        low, high = manifest["time_range"] or (None, None)
        return {
            "partition_key": partition.key,
            "snapshot_id": manifest["snapshot_id"],
            "rows": manifest["rows"],
            "uri": uri,
            "time_min": low,
            "time_max": high,
            "source": self.source,
            "source_code_hash": facts["source_code_hash"],
        }

    def _recorded(self, recorded: Record | None, partition: Partition) -> dict[str, Any]:
        if recorded is None:
            raise AirflowSkipException(
                f"Dataset {self.dataset!r} has no recorded snapshot of {partition.key}: there is nothing to audit."
            )
        self.log.info("Audit works on the recorded snapshot %s.", recorded.body["snapshot_id"])
        return self._result(recorded)

    def _result(self, record: Record) -> dict[str, Any]:
        shown = {name: record.body[name] for name in ("partition_key", "snapshot_id", "rows", "uri")}
        return {"dataset": self.dataset, **shown, "record": record.hash}
