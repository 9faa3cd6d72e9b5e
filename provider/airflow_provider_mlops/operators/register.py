"""Registering what was trained as a version of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import registration_by_manifest, training_of
from airflow_provider_mlops.core.governance import read_values
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.checkpoint import keep_checkpoint
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.links.mlflow import MlflowRunLink, ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

CANDIDATE = "candidate"


class RegisterModelOperator(MLOpsOperator):
    """Register a training's model as a version, once, and point the alias ``candidate`` at it.

    The version carries tags that lead to its manifest, its digest and the Airflow run. In ``audit`` and ``dry_run``
    mode nothing is registered: an audit returns the recorded version, a dry run none. With the alias
    ``assets.candidate_alias(model_name)`` among the outlets, a live run emits an event of the candidate asset.

    :param model_name: name of the registered model. (templated)
    :param manifest_hash: names the training, as `TrainModelOperator` returns it. (templated)
    :param governance: what must be known of the version, text by tag: ``owner``, ``intended_use``, ``risk_tier``,
        ``regulatory_standard``, ``retention`` and what else a policy's ``governance`` demands; set as tags of the
        version and recorded. (templated)
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "version", "manifest_hash", "model_digest", "partition_key", "record"}``.
    """

    ends_audits = True
    template_fields: Sequence[str] = ("model_name", "manifest_hash", "governance", "mlflow_conn_id", "ledger_root")
    operator_extra_links = (MlflowRunLink(), ModelVersionLink())
    ui_color = "#fdebd0"

    def __init__(
        self,
        *,
        model_name: str,
        manifest_hash: str,
        governance: Mapping[str, str] | None = None,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.manifest_hash = manifest_hash
        self.governance = governance
        self.mlflow_conn_id = mlflow_conn_id
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Register the version, or return the one that is there."""
        governance = read_values(self.governance)
        ledger = model_ledger(self.model_name, self.ledger_root)
        training = training_of(ledger.records(), self.model_name, self.manifest_hash)
        if run.mode is Mode.DRY_RUN:
            self.log.info("A dry run registers nothing.")
            return self._result(training, None, training.hash)
        if run.mode is Mode.AUDIT:
            found = registration_by_manifest(ledger.records(), self.manifest_hash)
            if found is None:
                raise Refused(
                    f"No version was registered for the training {self.manifest_hash}: there is nothing to audit "
                    "before its live run has registered one."
                )
            self.log.info("Version %s was registered for this training.", found.body["version"])
            return self._result(training, found.body["version"], found.hash)
        version = self._register(context, run, training, governance)
        record = ledger.append(
            kind="registration",
            key=self.decision_key(run, {"model": self.model_name, "manifest": self.manifest_hash}),
            body={
                "partition_key": training.body["partition_key"],
                "version": version,
                "mlflow_run_id": training.body["mlflow_run_id"],
                "model_digest": training.body["model_digest"],
                "manifest_hash": self.manifest_hash,
                **({"governance": governance} if governance else {}),
            },
            run=run.to_record(),
            mode=run.mode,
        )
        keep_checkpoint(MlflowHook(self.mlflow_conn_id), ledger)
        self.emit(
            context,
            run,
            assets.candidate_alias(self.model_name),
            assets.candidate(self.model_name),
            {"model_name": self.model_name, "version": version, "manifest_hash": self.manifest_hash},
        )
        return self._result(training, version, record.hash)

    def _register(self, context: Context, run: RunFacts, training: Record, governance: Mapping[str, str]) -> str:
        from airflow_provider_mlops.backends import mlflow as ml
        from airflow_provider_mlops.backends import mlflow_registry as registry

        body, hook = training.body, MlflowHook(self.mlflow_conn_id)
        tags = {
            "mlops.manifest_hash": self.manifest_hash,
            "mlops.model_digest": body["model_digest"],
            "mlops.partition_key": body["partition_key"],
            **run.to_tags(),
            **governance,
        }
        with hook.session() as client:
            version = ml.find_or_create_version(
                client,
                self.model_name,
                model_id=body["logged_model_id"],
                run_id=body["mlflow_run_id"],
                key=self.manifest_hash,
                tags=tags,
            )
            registry.tag_version(client, self.model_name, version, governance)
            ml.set_alias(client, self.model_name, CANDIDATE, version)
        self.log.info("Model %s version %s is the candidate.", self.model_name, version)
        push_links(
            context,
            run=hook.run_url(body["mlflow_experiment_id"], body["mlflow_run_id"]),
            version=hook.version_url(self.model_name, version),
        )
        return version

    def _result(self, training: Record, version: str | None, record: str) -> dict[str, Any]:
        return {
            "model_name": self.model_name,
            "version": version,
            "manifest_hash": self.manifest_hash,
            "model_digest": training.body["model_digest"],
            "partition_key": training.body["partition_key"],
            "record": record,
        }
