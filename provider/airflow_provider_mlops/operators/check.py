"""Checking training data before anything is trained on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import accepted_rows, accepted_snapshots, latest_of_run
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.core.window import WindowSpec
from airflow_provider_mlops.hooks.data_checks import TrainingRows, check_training_rows
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.not_accepted import not_accepted
from airflow_provider_mlops.hooks.rows import holdout_start
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.training_rows import Held, choose_training
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context


_ROWS = ("train", "test", "since", "cutoff", "checks_hash")


class CheckTrainingDataOperator(MLOpsOperator):
    """Check the rows that a training would take: against those that it is tested on, and against what came before.

    It finds the same training and test rows as `TrainModelOperator` with the same arguments. A suite judges one
    snapshot; this judges several: usual row count, duplicates, keys that are in both, order in time, labels, shares
    of groups. A verdict that is not PASS is recorded and fails the task for good. Where there is nothing to train on,
    there is nothing to check.

    :param dataset: name of the dataset. (templated)
    :param checks: file of the checks, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param test_snapshot_id: accepted snapshot of the partition; default: the one in the ledger. (templated)
    :param partition_key: partition that is held out; default: that of the run. (templated)
    :param window: which partitions before it are trained on, as for `TrainModelOperator`. (templated)
    :param holdout_days: hold out only the last days of the partition; None holds out all of it.
    :param time_column: column with the row's time; needed for ``holdout_days``.
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"dataset", "partition_key", "verdict", "record"}``; ``verdict`` and ``record`` are None when there is
    nothing to train on.
    """

    ends_audits = True
    template_fields: Sequence[str] = (
        "dataset",
        "checks",
        "test_snapshot_id",
        "partition_key",
        "window",
        "storage_root",
        "ledger_root",
    )
    ui_color = "#d5f5e3"

    def __init__(
        self,
        *,
        dataset: str,
        checks: str,
        test_snapshot_id: str | None = None,
        partition_key: str = PARTITION_KEY,
        window: WindowSpec = None,
        holdout_days: int | None = None,
        time_column: str | None = None,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.checks = checks
        self.test_snapshot_id = test_snapshot_id
        self.partition_key = partition_key
        self.window = window
        self.holdout_days = holdout_days
        self.time_column = time_column
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Check, or find the verdict on the same rows by the same checks."""
        from airflow_provider_mlops.backends.checks_file import load_checks

        checks = load_checks(bundle_file(context, self.checks))
        partition = Partition.parse(self.partition_key)
        ledger = dataset_ledger(self.dataset, self.ledger_root)
        storage, records = Storage(self.storage_root, self.ledger_root), ledger.records()
        rows = self._rows(partition, storage, records)
        if not rows.train:
            self.log.info("No accepted partition before %s: nothing to train on, nothing to check.", partition.key)
            return {"dataset": self.dataset, "partition_key": partition.key, "verdict": None, "record": None}
        # The counts before decide too: what was accepted since is judged anew.
        counts = {name: count for name, count in accepted_rows(records).items() if name <= partition.key}
        decision = {
            "rows": rows.to_record(),
            "time_column": rows.time_column,
            "checks": checks.hash,
            "counts": sha256_of(counts),
        }
        key = self.decision_key(run, decision)
        record = ledger.find(kind="data_check", key=key, mode=run.mode)
        if record is not None and run.mode is Mode.LIVE:
            self.log.info("Found the verdict on these rows by these checks.")
            return self._result(record)
        self.log.info("Checking %s against %s.", ", ".join(i["partition_key"] for i in rows.train), partition.key)
        verdict = check_training_rows(checks, rows, storage, records)
        self.log_rules(verdict.rules)
        body = {
            "partition_key": partition.key,
            **rows.to_record(),
            "checks": self.checks,
            "checks_hash": checks.hash,
            "verdict": verdict.to_dict(),
        }
        if run.mode is Mode.AUDIT:
            body["recorded"] = self._compared(records, body, run)
        record = ledger.append(
            kind="data_check",
            key=key,
            body=body,
            run=run.to_record(),
            mode=run.mode,
            outcome=verdict.outcome,
        )
        return self._result(record)

    def _rows(self, partition: Partition, storage: Storage, records: Sequence[Record]) -> TrainingRows:
        accepted = accepted_snapshots(records)
        test_id = self.test_snapshot_id or accepted.get(partition.key)
        if test_id is None:
            raise not_accepted(partition.key, self.dataset, accepted, self.ledger_root)
        cutoff = None
        if self.holdout_days is not None:
            cutoff = holdout_start(storage, self.dataset, test_id, self.holdout_days, self.time_column)
        held = Held(
            dataset=self.dataset,
            partition_key=partition.key,
            snapshot_id=test_id,
            tail_only=cutoff is not None,
            time_column=self.time_column,
        )
        chosen = choose_training(self.window, held, accepted, records, storage)
        return TrainingRows(
            dataset=self.dataset,
            train=chosen.snapshots,
            test={"partition_key": partition.key, "snapshot_id": test_id},
            since=chosen.since,
            cutoff=cutoff,
            time_column=self.time_column if cutoff or chosen.since else None,
        )

    def _compared(self, records: Sequence[Record], body: Mapping[str, Any], run: RunFacts) -> dict[str, Any] | None:
        """Put the recorded verdict beside this one."""
        recorded = latest_of_run(records, kind="data_check", partition_key=body["partition_key"], run=run)
        if recorded is None:
            return None
        comparable = all(recorded.body.get(name) == body.get(name) for name in _ROWS)
        agrees = recorded.outcome == body["verdict"]["outcome"]
        same_rows = all(recorded.body.get(name) == body.get(name) for name in _ROWS[:-1])
        told = {"record": recorded.hash, "outcome": recorded.outcome, "comparable": comparable, "agrees": agrees}
        return {**told, "same_rows": same_rows}

    def _result(self, record: Record) -> dict[str, Any]:
        verdict = Verdict.from_dict(record.body["verdict"])
        self.log.info("Training data of %s: %s", record.body["partition_key"], verdict.summary())
        if record.outcome != Outcome.PASS and not _of_other_rows(record):
            raise Refused(
                f"The training data of partition {record.body['partition_key']} of dataset {self.dataset!r} is "
                f"refused. {verdict.summary()}"
            )
        return {
            "dataset": self.dataset,
            "partition_key": record.body["partition_key"],
            "verdict": verdict.to_xcom(),
            "record": record.hash,
        }


def _of_other_rows(record: Record) -> bool:
    """Whether an audit judged other rows than the recorded verdict that let them through: some are gone since."""
    recorded = record.body.get("recorded") or {}
    return recorded.get("outcome") == Outcome.PASS and not recorded.get("same_rows", True)
