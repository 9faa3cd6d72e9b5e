"""Moving the champion's alias, with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.approval import approval_of, judged_since
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import (
    evaluation_by_id,
    gate_by_hash,
    latest_promotion,
    promotion_of_gate,
    registration_by_version,
    training_of,
    validation_outcomes,
)
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.promotion import decide_promotion
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

REFUSALS = ("skip", "fail")
NOT_REGISTERED = "(dry run)"


class PromoteModelOperator(MLOpsOperator):
    """Move an alias to a version that the gate passed: write-ahead record first, then the alias.

    Refuses without a PASS of the gate for exactly this version and digest (or, where the gate could not decide, a
    human's approval of that very verdict), without a PASS of every training snapshot's
    validation, when the alias has moved since the evaluation, and when the champion was promoted for a newer
    partition. The record is a compare-and-set: of two promotions at once one wins, the other is refused. A retry after
    a kill finishes a half-done move. In ``audit`` mode nothing is decided and nothing moves.

    :param model_name: name of the registered model. (templated)
    :param gate_record: hash of the gate's record, as `GateModelOperator` returns it under ``record``. (templated)
    :param alias: alias to move.
    :param on_refusal: ``skip`` or ``fail`` the task when a rule forbids the promotion.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "alias", "version", "previous_version", "moved", "record"}``.
    """

    template_fields: Sequence[str] = ("model_name", "gate_record", "mlflow_conn_id", "ledger_root")
    operator_extra_links = (ModelVersionLink(),)
    ui_color = "#d4efdf"

    def __init__(
        self,
        *,
        model_name: str,
        gate_record: str,
        alias: str = "champion",
        on_refusal: str = "skip",
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.gate_record = gate_record
        self.alias = alias
        self.on_refusal = on_refusal
        self.mlflow_conn_id = mlflow_conn_id
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Decide, record, move; or finish the move of an earlier try."""
        if self.on_refusal not in REFUSALS:
            raise BadInput(f"on_refusal={self.on_refusal!r} must be one of: {', '.join(REFUSALS)}.")
        ledger = model_ledger(self.model_name, self.ledger_root)
        gate = gate_by_hash(ledger.records(), self.model_name, self.gate_record)
        version = gate.body["candidate_version"]
        if run.mode is Mode.AUDIT:
            self.log.info("Audit: version %s was judged again; no alias moves.", version)
            return self._result(None, version)
        # In the reverse order of a promotion: what another one does meanwhile shows in the append at the latest.
        before = latest_promotion(ledger.records(), self.alias)
        current, champion = self._read_alias(before)
        record = promotion_of_gate(ledger.records(), gate.hash, self.alias)
        if record is None or record.hash != _hash(before):
            record = self._decide(ledger, gate, before, current, champion, run)
        if run.mode is Mode.LIVE:
            self._move(record, current)
        self._push_link(context, version)
        return self._result(record, version)

    def _read_alias(self, before: Record | None) -> tuple[str | None, str | None]:
        """Return where the alias is, and who is champion: between a promotion's record and its move the alias lags."""
        from airflow_provider_mlops.backends import mlflow as ml

        with MlflowHook(self.mlflow_conn_id).session() as client:
            moved = before is None or ml.was_moved(
                client, self.model_name, self.alias, before.body["version"], before.hash
            )
            current = ml.alias_version(client, self.model_name, self.alias)
        if before is None or moved or current != before.body["previous_version"]:
            return current, current
        return current, str(before.body["version"])

    def _decide(
        self,
        ledger: Ledger,
        gate: Record,
        before: Record | None,
        current: str | None,
        champion: str | None,
        run: RunFacts,
    ) -> Record:
        records = ledger.records()
        version = gate.body["candidate_version"] or NOT_REGISTERED
        training = self._training(records, gate, run)
        manifest = training.body["manifest"]
        approval = approval_of(records, gate.hash)
        judged = {**gate.to_dict(), "body": {**gate.body, "candidate_version": version}}
        verdict = decide_promotion(
            candidate_version=version,
            candidate_digest=training.body["model_digest"],
            partition_key=gate.body["partition_key"],
            gate=judged if gate.mode == run.mode else None,
            validations=validation_outcomes(
                dataset_ledger(manifest["dataset"], self.ledger_root).records(),
                [item["snapshot_id"] for item in manifest["train"]["snapshots"]],
            ),
            current_champion=champion,
            evaluated_champion=gate.body["champion_version"],
            champion_partition_key=before.body["partition_key"] if before else None,
            alias=self.alias,
            approval=approval.to_dict() if approval else None,
            judged_again=_hash(judged_since(records, gate)),
        )
        for rule in verdict.rules:
            self.log.info("%-4s %s: %s", rule.outcome.value, rule.rule, rule.reason)
        self.log.info("Promotion: %s", verdict.summary())
        body = self._body(gate, training, current, verdict)
        if not verdict.passed:
            self._refuse(ledger, body, verdict, run)
        # One key for whoever comes after the same promotion: the ledger takes one of them. Dry runs do not compete.
        only = {} if run.mode is Mode.LIVE else {"gate": gate.hash}
        key = sha256_of({"alias": self.alias, "after": _hash(before), **only})
        record = ledger.append(
            kind="promotion", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=verdict.outcome
        )
        if record.body["gate_record_hash"] != gate.hash:
            other = record.body["version"]
            lost = f"Version {other} was promoted at the same moment; evaluate and judge version {version} against it."
            rule = RuleResult(rule="champion_unchanged", outcome=Outcome.FAIL, reason=lost)
            self._refuse(ledger, body, Verdict.from_rules([rule]), run)
        return record

    def _training(self, records: Sequence[Record], gate: Record, run: RunFacts) -> Record:
        """Find the candidate's training by its registration; a dry run registers nothing and goes by the evaluation."""
        version = gate.body["candidate_version"]
        if version is None and run.mode is Mode.DRY_RUN:
            evaluation = evaluation_by_id(records, self.model_name, gate.body["evaluation_id"])
            return training_of(records, self.model_name, evaluation.body["candidate"]["manifest_hash"])
        registered = registration_by_version(records, self.model_name, version)
        return training_of(records, self.model_name, registered.body["manifest_hash"])

    def _body(self, gate: Record, training: Record, current: str | None, verdict: Verdict) -> dict[str, Any]:
        return {
            "partition_key": gate.body["partition_key"],
            "alias": self.alias,
            "version": gate.body["candidate_version"],
            "previous_version": current if current != gate.body["candidate_version"] else gate.body["champion_version"],
            "model_digest": training.body["model_digest"],
            "manifest_hash": training.body["manifest_hash"],
            "gate_record_hash": gate.hash,
            "evaluation_id": gate.body["evaluation_id"],
            "reason": verdict.summary(),
            "verdict": verdict.to_dict(),
        }

    def _refuse(self, ledger: Ledger, body: dict[str, Any], verdict: Verdict, run: RunFacts) -> None:
        body = {**body, "reason": verdict.summary(), "verdict": verdict.to_dict()}
        key = self.decision_key(run, {"alias": self.alias, "gate": self.gate_record, "verdict": verdict.to_dict()})
        ledger.append(kind="promotion", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=Outcome.FAIL)
        if self.on_refusal == "fail":
            raise Refused(f"Version {body['version']} is not promoted. {verdict.summary()}")
        raise AirflowSkipException(f"Version {body['version']} is not promoted. {verdict.summary()}")

    def _move(self, record: Record, current: str | None) -> None:
        from airflow_provider_mlops.backends import mlflow as ml

        version, before = record.body["version"], record.body["previous_version"]
        if current not in (version, before):
            raise Refused(
                f"Alias {self.alias!r} is on version {current}, but the ledger says {before}: something else moved it. "
                f"Move it back, or promote anew."
            )
        with MlflowHook(self.mlflow_conn_id).session() as client:
            if current != version:
                ml.set_alias(client, self.model_name, self.alias, version)
            ml.mark_moved(client, self.model_name, self.alias, version, record.hash)
        self.log.info("Alias %s of model %s: version %s -> %s.", self.alias, self.model_name, before, version)

    def _push_link(self, context: Context, version: str) -> None:
        push_links(context, version=MlflowHook(self.mlflow_conn_id).version_url(self.model_name, version))

    def _result(self, record: Record | None, version: str) -> dict[str, Any]:
        return {
            "model_name": self.model_name,
            "alias": self.alias,
            "version": version,
            "previous_version": record.body["previous_version"] if record else None,
            "moved": record is not None and record.mode == Mode.LIVE,
            "record": record.hash if record else None,
        }


def _hash(record: Record | None) -> str | None:
    return record.hash if record else None
