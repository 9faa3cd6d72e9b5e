"""Scoring candidate and champion on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import (
    baseline_of,
    latest_of_run,
    registration_by_manifest,
    registration_by_version,
    training_of,
)
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.mlflow import MlflowRunLink, ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

DEFAULT_METRICS = ("roc_auc", "brier", "log_loss")
LEVEL = 0.90
_MEASURED = ("candidate", "champion", "difference")


class EvaluateModelOperator(MLOpsOperator):
    """Score a candidate and the champion on the same held-out rows, and keep the score of every row.

    The champion is pinned by version when the task starts. The scores are stored as Parquet under their hash, so that
    any policy can be judged later without a model. In ``audit`` mode the recorded champion of the time is scored
    again; scores that are not the recorded ones, bit by bit, are recorded as FAIL and fail the task.

    :param model_name: name of the registered model. (templated)
    :param manifest_hash: names the candidate's training, as `TrainModelOperator` returns it. (templated)
    :param slices: columns of the test rows that a policy slices by.
    :param metrics: metrics to measure, with two-sided 90 % intervals.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots and evaluations lie; default: ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "evaluation_id", "candidate_version", "champion_version", "rows",
    "positives", "metrics", "record"}``.
    """

    template_fields: Sequence[str] = ("model_name", "manifest_hash", "mlflow_conn_id", "storage_root", "ledger_root")
    operator_extra_links = (MlflowRunLink(), ModelVersionLink())
    ui_color = "#ebdef0"

    def __init__(
        self,
        *,
        model_name: str,
        manifest_hash: str,
        slices: Sequence[str] = (),
        metrics: Sequence[str] = DEFAULT_METRICS,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.manifest_hash = manifest_hash
        self.slices = slices
        self.metrics = metrics
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Score, measure and record; or find the evaluation of the same models on the same rows."""
        ledger = model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        candidate = training_of(records, self.model_name, self.manifest_hash)
        registered = registration_by_manifest(records, self.manifest_hash)
        version = registered.body["version"] if registered else None
        champion_version = self._champion_version(records, candidate, version, run)
        champion = self._champion(records, champion_version)
        self._push_links(context, candidate, version)
        key = self.decision_key(run, self._decision(candidate, champion))
        record = ledger.find(kind="evaluation", key=key, mode=run.mode)
        if record is None:
            body = self._evaluate(candidate, champion, version, champion_version)
            outcome = self._compare(records, body, run) if run.mode is Mode.AUDIT else None
            record = ledger.append(
                kind="evaluation", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=outcome
            )
        if run.mode is Mode.LIVE:
            self._log_to_mlflow(candidate, record)
        self._log_metrics(record)
        if record.outcome == Outcome.FAIL:
            raise Refused(
                f"The audit of {record.body['partition_key']} does not give the recorded scores: evaluation "
                f"{record.body['evaluation_id']}, recorded {record.body['recorded']['evaluation_id']}."
            )
        return self._result(record)

    def _champion_version(
        self, records: Sequence[Record], candidate: Record, version: str | None, run: RunFacts
    ) -> str | None:
        if run.mode is Mode.AUDIT:
            recorded = latest_of_run(records, kind="evaluation", partition_key=candidate.body["partition_key"], run=run)
            champion = recorded.body["champion"] if recorded else None
            return str(champion["version"]) if champion else None
        from airflow_provider_mlops.backends import mlflow as ml

        with MlflowHook(self.mlflow_conn_id).session() as client:
            current = ml.alias_version(client, self.model_name, "champion")
        return baseline_of(records, version) if current is not None and current == version else current

    def _champion(self, records: Sequence[Record], version: str | None) -> Record | None:
        if version is None:
            self.log.info("Model %s has no champion yet.", self.model_name)
            return None
        registered = registration_by_version(records, self.model_name, version)
        return training_of(records, self.model_name, registered.body["manifest_hash"])

    def _decision(self, candidate: Record, champion: Record | None) -> dict[str, Any]:
        return {
            "model": self.model_name,
            "candidate": candidate.body["manifest_hash"],
            "champion": champion.body["manifest_hash"] if champion else None,
            "slices": list(self.slices),
            "metrics": list(self.metrics),
        }

    def _evaluate(
        self, candidate: Record, champion: Record | None, version: str | None, champion_version: str | None
    ) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.scoring import score_table, score_test_rows, store_scores
        from airflow_provider_mlops.statistics.gate import measure_all

        storage, test = Storage(self.storage_root), candidate.body["manifest"]["test"]
        hook = MlflowHook(self.mlflow_conn_id)
        scored = score_test_rows(storage, hook, candidate, champion, self.slices)
        facts = {"kind": "scores", "model_name": self.model_name, **self._decision(candidate, champion)}
        scores_id, uri = store_scores(storage, self.model_name, scored, facts)
        evaluation_id = sha256_of({"scores": scores_id, **self._decision(candidate, champion)})
        table = score_table(scored.frame)
        return {
            "partition_key": candidate.body["partition_key"],
            "evaluation_id": evaluation_id,
            "candidate": _identity(candidate, version),
            "champion": _identity(champion, champion_version) if champion else None,
            "test": {"snapshot_id": test["snapshot_id"], "since": test["since"]},
            "rows": table.rows,
            "positives": table.positives,
            "unlabelled": scored.unlabelled,
            "metrics": measure_all(table, self.metrics, LEVEL, evaluation_id=evaluation_id),
            "scores_id": scores_id,
            "scores_uri": uri,
        }

    def _compare(self, records: Sequence[Record], body: dict[str, Any], run: RunFacts) -> Outcome:
        """Put the recorded evaluation beside this one; the id is a hash over every score."""
        recorded = latest_of_run(records, kind="evaluation", partition_key=body["partition_key"], run=run)
        if recorded is None:
            body["recorded"] = None
            return Outcome.INCONCLUSIVE
        body["recorded"] = {"evaluation_id": recorded.body["evaluation_id"], "record": recorded.hash}
        same = recorded.body["evaluation_id"] == body["evaluation_id"]
        self.log.info("Audit: the scores %s the recorded ones, bit by bit.", "are" if same else "are NOT")
        return Outcome.PASS if same else Outcome.FAIL

    def _push_links(self, context: Context, candidate: Record, version: str | None) -> None:
        hook, body = MlflowHook(self.mlflow_conn_id), candidate.body
        push_links(
            context,
            run=hook.run_url(body["mlflow_experiment_id"], body["mlflow_run_id"]),
            version=hook.version_url(self.model_name, version) if version else "",
        )

    def _log_to_mlflow(self, candidate: Record, record: Record) -> None:
        """Show the candidate's metrics beside its training; the record stays the evidence."""
        from airflow_provider_mlops.backends import mlflow as ml

        measured = {name: found["candidate"] for name, found in record.body["metrics"].items()}
        metrics = {f"test_{name}": found["value"] for name, found in measured.items() if found}
        with MlflowHook(self.mlflow_conn_id).session() as client:
            ml.log_facts(client, candidate.body["mlflow_run_id"], metrics=metrics, params={})

    def _log_metrics(self, record: Record) -> None:
        body = record.body
        champion = body["champion"]["version"] if body["champion"] else "(none)"
        self.log.info(
            "Version %s against champion %s on %s rows of %s, %s of them positive.",
            body["candidate"]["version"],
            champion,
            f"{body['rows']:,}",
            body["partition_key"],
            f"{body['positives']:,}",
        )
        for name, measured in body["metrics"].items():
            self.log.info("%s: %s", name, "; ".join(_figure(who, measured.get(who)) for who in _MEASURED))

    def _result(self, record: Record) -> dict[str, Any]:
        body = record.body
        shown = {name: body[name] for name in ("partition_key", "evaluation_id", "rows", "positives", "metrics")}
        return {
            "model_name": self.model_name,
            **shown,
            "candidate_version": body["candidate"]["version"],
            "champion_version": body["champion"]["version"] if body["champion"] else None,
            "record": record.hash,
        }


def _figure(who: str, found: dict[str, Any] | None) -> str:
    return f"{who} {found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]" if found else f"no {who}"


def _identity(training: Record, version: str | None) -> dict[str, Any]:
    body = training.body
    return {"version": version, "model_digest": body["model_digest"], "manifest_hash": body["manifest_hash"]}
