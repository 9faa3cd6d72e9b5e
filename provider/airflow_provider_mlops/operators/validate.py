"""Judging a snapshot by its suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_of
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.rows import snapshot_path
from airflow_provider_mlops.hooks.storage import MARKER, Storage
from airflow_provider_mlops.operators.base import PARTITION_KEY, MLOpsOperator, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateDatasetOperator(MLOpsOperator):
    """Judge a snapshot by a Great Expectations suite; what breaks a critical expectation goes no further.

    A verdict FAIL is recorded and then fails the task for good: a retry cannot change the rows. Broken expectations
    of severity ``warning`` pass and are marked. The full result is kept beside the snapshots.

    :param dataset: name of the dataset. (templated)
    :param snapshot_id: snapshot to judge. (templated)
    :param suite: suite file, YAML or JSON, relative to the Dag bundle's root or absolute. (templated)
    :param partition_key: partition that the snapshot stands for; default: that of the run. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"dataset", "partition_key", "snapshot_id", "verdict", "report_uri", "record"}``; ``snapshot_id`` is the
    accepted one.
    """

    template_fields: Sequence[str] = (
        "dataset",
        "snapshot_id",
        "suite",
        "partition_key",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#d5f5e3"

    def __init__(
        self,
        *,
        dataset: str,
        snapshot_id: str,
        suite: str,
        partition_key: str = PARTITION_KEY,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.snapshot_id = snapshot_id
        self.suite = suite
        self.partition_key = partition_key
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Validate, or find the verdict of the same snapshot by the same suite."""
        from airflow_provider_mlops.backends.great_expectations import load_suite

        suite = load_suite(bundle_file(context, self.suite))
        suite_hash = sha256_of(suite)
        ledger = dataset_ledger(self.dataset, self.ledger_root)
        last = ledger.latest(kind="validation", mode=None, snapshot_id=self.snapshot_id)
        if last is not None and last.body["suite_hash"] == suite_hash and last.mode == run.mode == "live":
            self.log.info("Found the verdict of this snapshot by this suite.")
            return self._result(last)
        verdict, report_uri = self._judge(suite, suite_hash)
        decision = {"snapshot": self.snapshot_id, "suite": suite_hash, "after": last.hash if last else None}
        record = ledger.append(
            kind="validation",
            key=self.decision_key(run, decision),
            body={
                "partition_key": self.partition_key,
                "snapshot_id": self.snapshot_id,
                "accepted_snapshot_id": self.snapshot_id if verdict.passed else None,
                "suite": self.suite,
                "suite_hash": suite_hash,
                "report_uri": report_uri,
                "verdict": verdict.to_dict(),
            },
            run=run.to_record(),
            mode=run.mode,
            outcome=verdict.outcome,
        )
        return self._result(record)

    def _judge(self, suite: Mapping[str, Any], suite_hash: str) -> tuple[Verdict, str]:
        from airflow_provider_mlops.backends.great_expectations import validate
        from airflow_provider_mlops.backends.parquet import read_snapshot

        storage = Storage(self.storage_root, self.ledger_root)
        with storage.open(snapshot_path(self.dataset, self.snapshot_id)) as folder:
            table = read_snapshot(folder, self.snapshot_id)
        self.log.info("Judging %s rows by %s.", f"{table.num_rows:,}", self.suite)
        verdict, report = validate(table.to_pandas(), suite)
        name = sha256_of({"snapshot": self.snapshot_id, "suite": suite_hash}).removeprefix(PREFIX)
        return verdict, _store_report(storage, f"reports/{self.dataset}/{name}", report)

    def _result(self, record: Record) -> dict[str, Any]:
        verdict = Verdict.from_dict(record.body["verdict"])
        self.log.info("Validation of %s: %s", self.partition_key, verdict.summary())
        if record.outcome != Outcome.PASS:
            raise Refused(
                f"Partition {self.partition_key} of dataset {self.dataset!r} is not accepted. {verdict.summary()}"
            )
        return {
            "dataset": self.dataset,
            "partition_key": self.partition_key,
            "snapshot_id": record.body["accepted_snapshot_id"],
            "verdict": verdict.to_xcom(),
            "report_uri": record.body["report_uri"],
            "record": record.hash,
        }


def _store_report(storage: Storage, relative: str, report: Mapping[str, Any]) -> str:
    """Keep the whole result; its marker names the file, as for every stored folder."""
    import json

    with storage.staging() as folder:
        (folder / "result.json").write_text(json.dumps(report, indent=1, default=str))
        Path(folder / MARKER).write_text(canonical_json({"schema": 1, "files": ["result.json"]}) + "\n")
        return storage.publish(folder, relative)
