"""Scoring candidate, champion and golden version on the same rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.dependence import read_dependence
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evaluation import (
    CANDIDATE,
    CHAMPION,
    GOLDEN,
    METRICS_OF,
    Asked,
    Contender,
    Contenders,
    models_of,
    moment,
    names_of,
    summary_lines,
)
from airflow_provider_mlops.core.evidence import latest_of_run, registration_by_manifest, training_of
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rules import ArtifactScan
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.variants import read_variants
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.contenders import contenders_of, versions_now, versions_recorded
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.mlflow import MlflowRunLink, ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context

AS_OF = "{{ dag_run.run_after.isoformat() }}"
EXPLAIN = ("permutation", "shap")
ARTIFACTS = "evaluation"
MOST_METRICS = 20


class EvaluateModelOperator(MLOpsOperator):
    """Score a candidate, the champion and the golden version on the same held-out rows, and keep every row's scores.

    The versions are pinned when the task starts. The scores are stored as Parquet under their hash, so that any
    policy can be judged later without a model. What a policy may ask besides is measured and recorded too: leakage,
    altered rows, how the model serves, which features it rests on. Figures and tables are logged to the candidate's
    MLflow run, in ``live`` mode only. In ``audit`` mode the recorded versions of the time are scored again; scores that
    are not the recorded ones, bit by bit, are recorded as FAIL and fail the task.

    :param model_name: name of the registered model. (templated)
    :param manifest_hash: names the candidate's training, as `TrainModelOperator` returns it. (templated)
    :param slices: columns of the test rows that a policy slices by. (templated)
    :param columns: further columns to keep with the scores: groups, clusters, the time. (templated)
    :param metrics: metrics to measure, with two-sided 90 % intervals; default: those of the task. (templated)
    :param weight_column: column with the weight of each row. (templated)
    :param entity_column: column that says whom or what a row is about: none should be trained on and tested on.
        (templated)
    :param stress: by name, how the test rows are disturbed: ``{"noise": {"scale": 0.5}}``, ``{"missing": {"share":
        0.1}}``, ``{"out_of_range": {"factor": 2}}`` (each with ``columns`` if not all), ``{"rare_category": {"column":
        "carrier"}}``; another name says its ``kind``. (templated)
    :param counterfactuals: by name, which fact is exchanged: ``{"sex": {"column": "sex", "values": {"f": "m", "m":
        "f"}}}``. (templated)
    :param dependence: rows that belong together, as in a policy: ``{"cluster": "customer"}`` or ``{"time":
        "departure", "block_days": 1}``; the intervals here then draw them together. (templated)
    :param golden_alias: alias of the golden version; where it is not set, the first champion is golden. None for no
        golden version. (templated)
    :param as_of: when the evaluation is made, ISO 8601; the age of the labels is counted up to it. (templated)
    :param policy: gate policy, relative to the Dag bundle's root: where its rule of the kind ``artifact_scan`` says
        ``allow_pickle``, an adopted champion that is no skops archive is loaded. None: it is refused. (templated)
    :param leakage: whether the training rows are read again and compared with the test rows.
    :param infrastructure: whether the model is loaded, checked and timed in a process of its own.
    :param artifact_scan: whether the model's files are looked at, for pickles and untrusted types.
    :param explain: importance of the features by ``permutation`` or ``shap``; None for none.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots and evaluations lie; default: ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "evaluation_id", "candidate_version", "champion_version",
    "golden_version", "rows", "positives", "metrics", "record"}``; of more than 20 metrics the first 20.
    """

    checkpoint_after = True
    ends_audits = True
    template_fields: Sequence[str] = (
        "model_name",
        "manifest_hash",
        "slices",
        "columns",
        "metrics",
        "weight_column",
        "entity_column",
        "stress",
        "counterfactuals",
        "dependence",
        "golden_alias",
        "as_of",
        "policy",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    operator_extra_links = (MlflowRunLink(), ModelVersionLink())
    ui_color = "#ebdef0"

    def __init__(
        self,
        *,
        model_name: str,
        manifest_hash: str,
        slices: Sequence[str] = (),
        columns: Sequence[str] = (),
        metrics: Sequence[str] | None = None,
        weight_column: str | None = None,
        entity_column: str | None = None,
        stress: Mapping[str, Mapping[str, Any]] | None = None,
        counterfactuals: Mapping[str, Mapping[str, Any]] | None = None,
        dependence: Mapping[str, Any] | None = None,
        golden_alias: str | None = GOLDEN,
        as_of: str = AS_OF,
        policy: str | None = None,
        leakage: bool = True,
        infrastructure: bool = True,
        artifact_scan: bool = True,
        explain: str | None = EXPLAIN[0],
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.manifest_hash = manifest_hash
        self.slices = slices
        self.columns = columns
        self.metrics = metrics
        self.weight_column = weight_column
        self.entity_column = entity_column
        self.stress = stress
        self.counterfactuals = counterfactuals
        self.dependence = dependence
        self.golden_alias = golden_alias
        self.as_of = as_of
        self.policy = policy
        self.leakage = leakage
        self.infrastructure = infrastructure
        self.artifact_scan = artifact_scan
        self.explain = explain
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Score, measure and record; or find the evaluation of the same models on the same rows."""
        ledger = model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        training = training_of(records, self.model_name, self.manifest_hash)
        recorded = None
        if run.mode is Mode.AUDIT:
            partition = training.body["partition_key"]
            recorded = latest_of_run(records, kind="evaluation", partition_key=partition, run=run)
        contenders = self._contenders(records, training, run, recorded)
        self._push_links(context, contenders[CANDIDATE])
        asked = self._asked(contenders[CANDIDATE], allow_pickle=self._allow_pickle(context))
        as_of = self._as_of(recorded)
        key = self.decision_key(run, self._decision(contenders, asked, as_of))
        record = ledger.find(kind="evaluation", key=key, mode=run.mode)
        if record is None:
            body = self._evaluate(contenders, asked, as_of, run, recorded)
            outcome = self._compare(recorded, body) if run.mode is Mode.AUDIT else None
            record = ledger.append(
                kind="evaluation", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=outcome
            )
        else:
            self.log.info("Found the evaluation of these models on these rows: record %s.", record.hash)
        if run.mode is Mode.LIVE:
            self._log_to_mlflow(training, record)
        for line in summary_lines(record.body):
            self.log.info("%s", line)
        if record.outcome == Outcome.FAIL:
            raise Refused(
                f"The audit of {record.body['partition_key']} does not give the recorded scores: evaluation "
                f"{record.body['evaluation_id']}, recorded {record.body['recorded']['evaluation_id']}."
            )
        return self._result(record)

    def _contenders(
        self, records: Sequence[Record], training: Record, run: RunFacts, recorded: Record | None
    ) -> Contenders:
        """Pin the versions that are scored: those of the registry now, in an audit those of the record."""
        registered = registration_by_manifest(records, self.manifest_hash)
        own = registered.body["version"] if registered else None
        if run.mode is Mode.AUDIT:
            versions = versions_recorded(recorded)
        else:
            versions = versions_now(MlflowHook(self.mlflow_conn_id), records, self.model_name, own, self.golden_alias)
        return contenders_of(records, self.model_name, training, own, versions, self.log)

    def _allow_pickle(self, context: Context) -> bool:
        from airflow_provider_mlops.backends.policy_file import load_policy

        rules = load_policy(bundle_file(context, self.policy)).rules if self.policy else ()
        return any(isinstance(rule, ArtifactScan) and rule.allow_pickle for rule in rules)

    def _asked(self, candidate: Contender, *, allow_pickle: bool) -> Asked:
        metrics = METRICS_OF[candidate.task] if self.metrics is None else names_of(self.metrics, "metrics")
        return Asked(
            metrics=metrics,
            slices=names_of(self.slices, "slices"),
            columns=names_of(self.columns, "columns"),
            weight=self.weight_column or None,
            entity=self.entity_column or None,
            variants=read_variants(self.stress, self.counterfactuals),
            dependence=read_dependence(self.dependence, "dependence") if self.dependence else None,
            allow_pickle=allow_pickle,
        )

    def _as_of(self, recorded: Record | None) -> str:
        """Return when the evaluation is made; an audit puts itself back into that time."""
        if recorded is not None:
            return str(recorded.body.get("as_of") or recorded.time)
        return moment(self.as_of, "as_of")

    def _decision(self, contenders: Contenders, asked: Asked, as_of: str) -> dict[str, Any]:
        if self.explain not in (None, *EXPLAIN):
            raise BadInput(f"explain={self.explain!r} must be None or one of: {', '.join(EXPLAIN)}.")
        checks = {"leakage": self.leakage, "infrastructure": self.infrastructure, "explain": self.explain}
        checks |= {"artifacts": True} if self.artifact_scan else {}
        return {"model": self.model_name, **models_of(contenders), **asked.decision(), **checks, "as_of": as_of}

    def _evaluate(
        self, contenders: Contenders, asked: Asked, as_of: str, run: RunFacts, recorded: Record | None
    ) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.evaluation import Checks, Evaluation

        audit = run.mode is Mode.AUDIT
        checks = Checks(
            leakage=self.leakage,
            infrastructure=self.infrastructure and not audit,
            artifacts=self.artifact_scan,
            explain=self.explain,
        )
        hook, storage = MlflowHook(self.mlflow_conn_id), Storage(self.storage_root, self.ledger_root)
        body = Evaluation(storage, hook, self.model_name, contenders, asked, self.log).run(checks, as_of)
        if audit and recorded is not None and (measured := recorded.body.get("infrastructure")):
            # How long an answer took then cannot be measured again.
            body["infrastructure"] = {**measured, "from_record": recorded.hash}
        return body

    def _compare(self, recorded: Record | None, body: dict[str, Any]) -> Outcome:
        """Put the recorded evaluation beside this one."""
        from airflow_provider_mlops.hooks.evaluation import same_scores

        if recorded is None:
            body["recorded"] = None
            return Outcome.INCONCLUSIVE
        body["recorded"] = {"evaluation_id": recorded.body["evaluation_id"], "record": recorded.hash}
        same = same_scores(Storage(self.storage_root, self.ledger_root), self.model_name, body, recorded.body)
        self.log.info("Audit: the scores %s the recorded ones, bit by bit.", "are" if same else "are NOT")
        return Outcome.PASS if same else Outcome.FAIL

    def _push_links(self, context: Context, candidate: Contender) -> None:
        hook, body = MlflowHook(self.mlflow_conn_id), candidate.training.body
        push_links(
            context,
            run=hook.run_url(body["mlflow_experiment_id"], body["mlflow_run_id"]),
            version=hook.version_url(self.model_name, candidate.version) if candidate.version else "",
        )

    def _log_to_mlflow(self, training: Record, record: Record) -> None:
        """Show the candidate's metrics, figures and tables beside its training; the record stays the evidence."""
        from airflow_provider_mlops.backends import mlflow as ml
        from airflow_provider_mlops.hooks.evaluation import write_artifacts

        started, run_id = time.monotonic(), training.body["mlflow_run_id"]
        storage = Storage(self.storage_root, self.ledger_root)
        measured = {name: found["candidate"] for name, found in record.body["metrics"].items()}
        metrics = {f"test_{name}": found["value"] for name, found in measured.items() if found}
        with tempfile.TemporaryDirectory(prefix="mlops-evaluation-") as folder:
            write_artifacts(storage, self.model_name, record.body, Path(folder), self.log)
            with MlflowHook(self.mlflow_conn_id).session() as client:
                ml.log_facts(client, run_id, metrics=metrics, params={})
                client.log_artifacts(run_id, folder, ARTIFACTS)
        self.log.info("Figures and tables are with MLflow run %s (%.1f s).", run_id, time.monotonic() - started)

    def _result(self, record: Record) -> dict[str, Any]:
        body = record.body
        shown = {name: body[name] for name in ("partition_key", "evaluation_id", "rows", "positives")}
        versions = {f"{role}_version": (body.get(role) or {}).get("version") for role in (CANDIDATE, CHAMPION, GOLDEN)}
        metrics = dict(list(body["metrics"].items())[:MOST_METRICS])
        return {"model_name": self.model_name, **shown, **versions, "metrics": metrics, "record": record.hash}
