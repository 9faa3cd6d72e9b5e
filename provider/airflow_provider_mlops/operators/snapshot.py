"""Taking an immutable copy of a partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.source import Source, parse_source
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.lineage import report_hook_lineage, snapshot_lineage
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path
from airflow_provider_mlops.hooks.sources.reading import AUTO, ENGINES, Where
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.take_snapshot import take_snapshot
from airflow_provider_mlops.hooks.taking import check_still_there, was_pruned_since
from airflow_provider_mlops.links.storage import SnapshotLink, push_snapshot_link
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_facts, bundle_root

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context


class SnapshotDatasetOperator(MLOpsOperator):
    """Copy a partition of a dataset into an immutable Parquet snapshot whose id is the hash of its content.

    Taking the same rows again finds the snapshot that is there. In ``audit`` mode the source is not read: the
    recorded snapshot of the partition is returned, so that an audit works on the rows of its time. With the alias
    ``assets.snapshot_alias(dataset)`` among the outlets, a live run emits an event of ``assets.snapshot(dataset)``.

    :param dataset: name of the dataset; its ledger is ``dataset/<name>``. (templated)
    :param source: what to take it from: a mapping that `airflow_provider_mlops.sources` builds (a query, files, a
        function, snapshots of another dataset, a DVC-tracked file), or the import path ``package.module:function`` of
        a function that takes a ``Partition`` and yields frames of one schema, in canonical row order. (templated)
    :param partition_key: partition to copy, ``2013-01`` or ``2013-01-31``; default: that of the run. (templated)
    :param time_column: column of times or dates whose range the manifest states; windows are cut by it.
    :param engine: ``auto``; ``spark``: Spark reads the source, files or a function, for the same id.
    :param allow_empty: whether the partition may have no rows: its snapshot is empty then, with the columns of the
        source, or of the last snapshot. Without it a source that gives no row is an error.
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"dataset", "partition_key", "snapshot_id", "rows", "uri", "record"}``.
    """

    by_index = True
    template_fields: Sequence[str] = ("dataset", "source", "partition_key", "storage_root", "ledger_root")
    template_fields_renderers: ClassVar[dict[str, str]] = {"source": "json"}
    operator_extra_links = (SnapshotLink(),)
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        dataset: str,
        source: str | Mapping[str, Any],
        partition_key: str = PARTITION_KEY,
        time_column: str | None = None,
        engine: str = AUTO,
        allow_empty: bool = False,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.source = source
        self.partition_key = partition_key
        self.time_column = time_column
        self.engine = engine
        self.allow_empty = allow_empty
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Take the snapshot, or find the recorded one in audit mode."""
        if self.engine not in ENGINES:
            raise BadInput(f"Engine {self.engine!r} is not known; it must be one of: {', '.join(ENGINES)}.")
        partition = Partition.parse(self.partition_key)
        source = parse_source(self.source)
        ledger = dataset_ledger(self.dataset, self.ledger_root)
        recorded = ledger.latest(kind="snapshot", partition_key=partition.key)
        if run.mode is Mode.AUDIT:
            return self._recorded(context, recorded, partition)
        body = self._take(context, run, source, partition, ledger)
        unchanged = recorded is not None and recorded.body["snapshot_id"] == body["snapshot_id"]
        if recorded is None or not unchanged or run.mode is not Mode.LIVE or was_pruned_since(ledger, recorded):
            # The key names what came before, so that rows which return to an earlier state are recorded again.
            after = recorded.hash if recorded else None
            key = sha256_of({"partition": partition.key, "snapshot": body["snapshot_id"], "after": after})
            recorded = ledger.append(kind="snapshot", key=key, body=body, run=run.to_record(), mode=run.mode)
        else:
            self.log.info("Partition %s has not changed: found %s.", partition.key, body["snapshot_id"])
        check_still_there(Storage(self.storage_root, self.ledger_root), self.dataset, body["snapshot_id"])
        result = self._result(context, recorded)
        facts = {name: result[name] for name in ("dataset", "snapshot_id", "rows")}
        self.emit(context, run, assets.snapshot_alias(self.dataset), assets.snapshot(self.dataset), facts)
        return result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what was read and made, for the OpenLineage provider.

        :param task_instance: Airflow's task instance.
        :return: inputs and the snapshot; None when this run took none.
        """
        taken = getattr(self, "_taken", None)
        return None if taken is None else snapshot_lineage(*taken)

    def _take(
        self, context: Context, run: RunFacts, source: Source, partition: Partition, ledger: Ledger
    ) -> dict[str, Any]:
        storage = Storage(self.storage_root, self.ledger_root)
        where = Where(
            partition=partition,
            bundle=bundle_root(context),
            storage=storage,
            ledger_root=self.ledger_root,
            time_column=self.time_column,
            log=self.log,
            engine=self.engine,
            allow_empty=self.allow_empty,
        )
        user = getattr(context["dag_run"], "triggering_user_name", None)
        made = {"made_by": {**run.to_record(), "user": user}, "bundle": bundle_facts(context)}
        manifest, facts = take_snapshot(source, where, dataset=self.dataset, ledger=ledger, made=made)
        self._taken = (source, manifest, facts, storage, where.bundle)
        report_hook_lineage(self, source, manifest["uri"], where.bundle)
        low, high = manifest.get("time_range") or (None, None)
        return {
            "partition_key": partition.key,
            "partition_keys": [member["partition_key"] for member in manifest.get("members", ())] or [partition.key],
            "snapshot_id": manifest["snapshot_id"],
            "rows": manifest["rows"],
            "uri": manifest["uri"],
            "time_min": low,
            "time_max": high,
            **facts,
            "manifest_sha256": manifest["manifest_sha256"],
        }

    def _recorded(self, context: Context, recorded: Record | None, partition: Partition) -> dict[str, Any]:
        if recorded is None:
            raise AirflowSkipException(
                f"Dataset {self.dataset!r} has no recorded snapshot of {partition.key}: there is nothing to audit."
            )
        self.log.info("Audit works on the recorded snapshot %s.", recorded.body["snapshot_id"])
        return self._result(context, recorded)

    def _result(self, context: Context, record: Record) -> dict[str, Any]:
        shown = {name: record.body[name] for name in ("partition_key", "snapshot_id", "rows", "uri")}
        if self.storage_root is None:
            push_snapshot_link(context, snapshot_path(self.dataset, shown["snapshot_id"]))
        self.log.info("Its manifest: %s/manifest.json", shown["uri"])
        return {"dataset": self.dataset, **shown, "record": record.hash}
