"""Judging a snapshot by its suite and its contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.code_identity import import_callable, is_import_path
from airflow_provider_mlops.core.contract_diff import diff_lines
from airflow_provider_mlops.core.errors import BadInput, FinalError, Refused
from airflow_provider_mlops.core.evidence import latest_of_run
from airflow_provider_mlops.core.gone import ids_in
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.suite import judged_by, suite_hash
from airflow_provider_mlops.core.suite_verdict import findings
from airflow_provider_mlops.core.validation_record import AUTO, page_facts, question, question_of
from airflow_provider_mlops.core.verdict import MAX_REASON_LENGTH, MAX_REASONS, Outcome, Verdict
from airflow_provider_mlops.hooks.contract import LAST, ContractInForce, contract_in_force
from airflow_provider_mlops.hooks.ledger import known_dataset_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.validation import Validation, report_path, store_report, validate_snapshot
from airflow_provider_mlops.hooks.validation_page import log_page, page_url
from airflow_provider_mlops.links.data_docs import DataDocsLink
from airflow_provider_mlops.links.mlflow import push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateDatasetOperator(MLOpsOperator):
    """Judge a snapshot by a Great Expectations suite and a schema contract; what is not accepted goes no further.

    A broken ``critical`` expectation is FAIL, a broken ``warning`` passes and is marked. Rows that break an
    expectation of severity ``quarantine`` are set aside as a snapshot of their own, with the reasons; the rest becomes
    a new snapshot, which must meet the whole suite, and goes on, unless more rows break than the suite allows. A
    verdict that is not PASS is recorded and then fails the task for good: a retry cannot change the rows. The full
    result and its Data Docs are kept beside the snapshots. In ``audit`` mode the snapshot is judged again and
    compared, and nothing is stored beside the record.

    :param dataset: name of the dataset. (templated)
    :param snapshot_id: snapshot to judge. (templated)
    :param suite: suite file, YAML or JSON, relative to the Dag bundle's root or absolute; or the import path
        ``package.module:function`` of a function without arguments that returns a suite. (templated)
    :param contract: contract file, YAML, likewise; ``last`` to compare the columns with those of the last accepted
        partition; None for no contract. (templated)
    :param engine: ``auto``: one DuckDB scan of what compiles, Great Expectations for the rest; ``spark``: Great
        Expectations on Spark.
    :param partition_key: partition that the snapshot stands for; default: that of the run. (templated)
    :param mlflow_conn_id: MLflow connection to log the Data Docs to; None logs them nowhere. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"dataset", "partition_key", "snapshot_id", "rows", "quarantine", "verdict", "findings", "report_uri",
    "record"}``; ``snapshot_id`` is the accepted one, ``quarantine`` names the rows set aside, None where there are
    none, ``findings`` are the first reasons of warnings and quarantine.
    """

    by_index = True
    ends_audits = True
    template_fields: Sequence[str] = (
        "dataset",
        "snapshot_id",
        "suite",
        "contract",
        "partition_key",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    operator_extra_links = (DataDocsLink(),)
    ui_color = "#d5f5e3"

    def __init__(
        self,
        *,
        dataset: str,
        snapshot_id: str,
        suite: str,
        contract: str | None = None,
        engine: str = AUTO,
        partition_key: str = PARTITION_KEY,
        mlflow_conn_id: str | None = None,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.snapshot_id = snapshot_id
        self.suite = suite
        self.contract = contract
        self.engine = engine
        self.partition_key = partition_key
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Validate, or find the verdict of the same snapshot by the same suite, contract and engine."""
        Partition.parse(self.partition_key)
        if self.mlflow_conn_id:
            MlflowHook(self.mlflow_conn_id).tracking_uri  # noqa: B018 - a misspelt one fails before anything is judged
        suite, storage = self._load_suite(context), Storage(self.storage_root, self.ledger_root)
        ledger = known_dataset_ledger(self.dataset, self.ledger_root)
        # The newest first: it is one of them, and the bodies of old ones need not be read.
        if not any(self.snapshot_id in ids_in(record.body) for record in reversed(ledger.records())):
            raise BadInput(f"The ledger of dataset {self.dataset!r} knows no snapshot {self.snapshot_id!r}.")
        contract = self._load_contract(context, storage, ledger.records()) if self.contract is not None else None
        by_contract = (contract.hash or LAST) if contract is not None else None
        key = question(self.snapshot_id, suite_hash(suite), by_contract, self.engine)
        last = ledger.latest(kind="validation", mode=None, snapshot_id=self.snapshot_id)
        if last is not None and self._stands(last, key, run, storage):
            self.log.info("Found the verdict of this snapshot by this suite.")
            self._link(context, report_path(self.dataset, key), last.body)
            return self._result(last)
        found = validate_snapshot(
            storage,
            self.dataset,
            self.snapshot_id,
            suite,
            engine=self.engine,
            publish=run.mode is not Mode.AUDIT,
            judge_columns=contract.judge if contract else None,
        )
        self._log(found)
        body = self._body(found, key) | {"suite_content": judged_by(suite)}
        if run.mode is Mode.AUDIT:
            body["recorded"] = self._compared(ledger.records(), body, run)
        else:
            body |= store_report(storage, self.dataset, found, suite, page_facts(self.dataset, body), key)
            body |= self._show(context, storage, found, key, run)
        body["contract_record"] = self._record_contract(ledger, contract, found, last, run)
        record = ledger.append(
            kind="validation",
            key=self.decision_key(run, {**key, "after": last.hash if last else None}),
            body=body,
            run=run.to_record(),
            mode=run.mode,
            outcome=found.verdict.outcome,
        )
        return self._result(record)

    def _load_suite(self, context: Context) -> dict[str, Any]:
        from airflow_provider_mlops.backends.suite_file import call_suite, load_suite

        if is_import_path(self.suite):
            return call_suite(import_callable(self.suite), self.suite)
        return load_suite(bundle_file(context, self.suite))

    def _load_contract(self, context: Context, storage: Storage, records: Sequence[Record]) -> ContractInForce:
        from airflow_provider_mlops.backends.contract_file import load_contract

        asked = None if self.contract == LAST else load_contract(bundle_file(context, str(self.contract)))
        return contract_in_force(asked, storage, self.dataset, self.partition_key, records)

    def _stands(self, last: Record, key: Mapping[str, Any], run: RunFacts, storage: Storage) -> bool:
        """Whether a recorded verdict answers this question; not so when what it stored is there no more."""
        accepted = last.body["accepted_snapshot_id"]
        return (
            last.mode == run.mode == Mode.LIVE
            and question_of(last.body) == dict(key)
            # Two partitions may have the same rows: none at all, say.
            and last.body["partition_key"] == self.partition_key
            and (accepted is None or storage.exists(snapshot_path(self.dataset, accepted)))
            and storage.exists(report_path(self.dataset, key))
        )

    def _log(self, found: Validation) -> None:
        self.log_rules(findings(found.verdict))
        for line in diff_lines(found.contract) if found.contract else ():
            self.log.info("contract %s", line)
        if found.quarantine:
            self.log.info(
                "%s of %s rows are set aside in %s.",
                f"{found.quarantine['rows']:,}",
                f"{found.rows:,}",
                found.quarantine["uri"],
            )

    def _body(self, found: Validation, key: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "partition_key": self.partition_key,
            "snapshot_id": self.snapshot_id,
            "accepted_snapshot_id": found.accepted["snapshot_id"] if found.accepted else None,
            "rows": found.rows,
            "accepted_rows": found.accepted["rows"] if found.accepted else None,
            "suite": self.suite,
            "suite_hash": key["suite"],
            "engine": self.engine,
            "contract": self.contract,
            "contract_hash": key.get("contract"),
            "quarantine": found.quarantine,
            "report_uri": None,
            "verdict": found.verdict.to_dict(),
        }

    def _show(
        self, context: Context, storage: Storage, found: Validation, key: Mapping[str, Any], run: RunFacts
    ) -> dict[str, str]:
        """Log the page to MLflow, and link it; the record is the evidence, not the page."""
        report, logged = report_path(self.dataset, key), dict[str, str]()
        if self.mlflow_conn_id and run.mode is Mode.LIVE:
            metrics = {"rows": found.rows, "rows_set_aside": (found.quarantine or {}).get("rows", 0)}
            try:
                hook = MlflowHook(self.mlflow_conn_id)
                logged = log_page(hook, storage, report, run, dataset=self.dataset, key=sha256_of(key), metrics=metrics)
            except FinalError:
                raise
            except Exception as err:  # noqa: BLE001 - whatever MLflow's client raises: the verdict stands without it
                self.log.warning("The Data Docs could not be logged to MLflow: %s", str(err)[:200])
        self._link(context, report, logged)
        return logged

    def _link(self, context: Context, report: str, logged: Mapping[str, Any]) -> None:
        hook = MlflowHook(self.mlflow_conn_id) if self.mlflow_conn_id else None
        push_links(context, data_docs=page_url(report, logged, hook))

    def _record_contract(
        self, ledger: Ledger, contract: ContractInForce | None, found: Validation, last: Record | None, run: RunFacts
    ) -> str | None:
        if contract is None or found.contract is None:
            return None
        decision = {"snapshot": self.snapshot_id, "contract": contract.hash, "after": last.hash if last else None}
        return ledger.append(
            kind="contract",
            key=self.decision_key(run, {"of": "contract", **decision}),
            body={
                "partition_key": self.partition_key,
                "snapshot_id": self.snapshot_id,
                "contract_file": self.contract,
                "contract_hash": contract.hash,
                "contract": contract.contract.to_mapping() if contract.contract else None,
                "diff": diff_lines(found.contract),
                "verdict": found.contract.to_dict(),
            },
            run=run.to_record(),
            mode=run.mode,
            outcome=found.contract.outcome,
        ).hash

    def _compared(self, records: Sequence[Record], body: Mapping[str, Any], run: RunFacts) -> dict[str, Any] | None:
        """Put the recorded verdict beside this one; another suite or contract may well judge otherwise."""
        recorded = latest_of_run(records, kind="validation", partition_key=self.partition_key, run=run)
        if recorded is None:
            return None
        names = ("snapshot_id", "suite_hash", "contract_hash")
        comparable = all(recorded.body.get(name) == body[name] for name in names)
        today = body["verdict"]["outcome"], body["accepted_snapshot_id"]
        agrees = (recorded.outcome, recorded.body["accepted_snapshot_id"]) == today
        by = "the same" if comparable else "another"
        self.log.info(
            "Audit: the record said %s by %s suite and contract, today says %s.", recorded.outcome, by, today[0]
        )
        return {"record": recorded.hash, "outcome": recorded.outcome, "comparable": comparable, "agrees": agrees}

    def _result(self, record: Record) -> dict[str, Any]:
        verdict = Verdict.from_dict(record.body["verdict"])
        self.log.info("Validation of %s: %s", self.partition_key, verdict.summary())
        if record.body["report_uri"]:
            self.log.info("The full result and the page with values that break it: %s", record.body["report_uri"])
        if record.outcome != Outcome.PASS:
            raise Refused(
                f"Partition {self.partition_key} of dataset {self.dataset!r} is not accepted. {verdict.summary()}"
            )
        aside = record.body.get("quarantine")
        return {
            "dataset": self.dataset,
            "partition_key": self.partition_key,
            "snapshot_id": record.body["accepted_snapshot_id"],
            "rows": record.body.get("accepted_rows"),
            "quarantine": {name: aside[name] for name in ("snapshot_id", "uri", "rows", "share")} if aside else None,
            "verdict": verdict.to_xcom(),
            "findings": [rule.reason[:MAX_REASON_LENGTH] for rule in findings(verdict)[:MAX_REASONS]],
            "report_uri": record.body["report_uri"],
            "record": record.hash,
        }
