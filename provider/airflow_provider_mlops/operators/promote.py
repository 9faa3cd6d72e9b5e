"""Moving the champion's alias, with evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.alias_moves import (
    CHAMPION,
    PROMOTION,
    RECONCILIATION,
    RETIREMENT,
    deciding_move,
    partition_of,
    promotion_of_gate,
    record_move,
    withdrawn_versions,
)
from airflow_provider_mlops.core.approval import approval_of, judged_since
from airflow_provider_mlops.core.base import learned_snapshots
from airflow_provider_mlops.core.citations import MEMBER, check_citations, newest_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import (
    evaluation_by_id,
    gate_by_hash,
    registration_by_version,
    training_of,
    validation_outcomes,
)
from airflow_provider_mlops.core.governance import RISK_TIER, governance_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.promotion import decide_promotion
from airflow_provider_mlops.core.promotion_evidence import artifact_unchanged, checks_of, failed_by_others
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import MAX_REASON_LENGTH, Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.alias_moves import Standing, carry_out, standing, verdict_tags
from airflow_provider_mlops.hooks.artifact_check import changed_artifact
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import bundle_file, policy_hash

if TYPE_CHECKING:
    from airflow.sdk import Context

REFUSALS = ("skip", "fail")
NOT_REGISTERED = "(dry run)"


class PromoteModelOperator(MLOpsOperator):
    """Move an alias to a version that the gate passed: write-ahead record first, then the alias.

    Refuses without a PASS of the gate for exactly this version and digest (or, where the gate could not decide, a
    human's approval of that very verdict), by another policy than ``policy``, without a PASS of every training
    snapshot's validation and of the checks of the training rows, when the stored bytes are not the recorded ones, when
    the alias has moved since the evaluation, when the champion was promoted for a newer partition, when the version
    was retired or rolled back from, and without the tags that the policy's ``governance`` demands. The record is a
    compare-and-set, with rollbacks, retirements and reconciliations too: of two at once one wins, the other is refused
    and told who won. A retry after a kill finishes a half-done move. In ``audit`` mode nothing is decided, and nothing
    moves.

    :param model_name: name of the registered model. (templated)
    :param gate_record: hash of the gate's record, as `GateModelOperator` returns it under ``record``. (templated)
    :param policy: policy file, relative to the Dag bundle's root or absolute, by which the verdict must have been
        given, and not by a laxer one; default: any. The task groups give theirs. (templated)
    :param checks: file of checks, likewise, that the training rows must have passed; default: those that were made
        must have passed, none need be made. (templated)
    :param alias: alias to move.
    :param force_reason: why the model of an older partition than the champion's, or one that was rolled back from, is
        promoted nevertheless; recorded, and the verdict is marked ``forced``. (templated)
    :param on_refusal: ``skip`` or ``fail`` the task when a rule forbids the promotion.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "alias", "version", "previous_version", "moved", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "gate_record",
        "policy",
        "checks",
        "force_reason",
        "mlflow_conn_id",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    operator_extra_links = (ModelVersionLink(),)
    ui_color = "#d4efdf"

    def __init__(
        self,
        *,
        model_name: str,
        gate_record: str,
        policy: str | None = None,
        checks: str | None = None,
        alias: str = CHAMPION,
        force_reason: str | None = None,
        on_refusal: str = "skip",
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.gate_record = gate_record
        self.policy = policy
        self.checks = checks
        self.alias = alias
        self.force_reason = force_reason
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
        hook = MlflowHook(self.mlflow_conn_id)
        record, pinned = None, self._pinned(context)
        while record is None:
            now = standing(hook, ledger, self.model_name, self.alias)
            decided = deciding_move(ledger.records(), self.alias)
            record = promotion_of_gate(ledger.records(), gate.hash, self.alias)
            if record is None or decided is None or record.hash != decided.hash:
                record = self._decide(ledger, gate, now, run, pinned)
        if run.mode is Mode.LIVE:
            carry_out(hook, ledger, self.model_name, record, self.log, verdict_tags(gate))
        self._push_link(context, version)
        return self._result(record, version)

    def _pinned(self, context: Context) -> dict[str, Any]:
        """Read what the evidence must have been judged by."""
        checks = None
        if self.checks:
            from airflow_provider_mlops.backends.checks_file import load_checks

            checks = load_checks(bundle_file(context, self.checks)).hash
        return {"pinned_policy": policy_hash(context, self.policy), "demanded_checks": checks}

    def _decide(
        self, ledger: Ledger, gate: Record, now: Standing, run: RunFacts, pinned: dict[str, Any]
    ) -> Record | None:
        """Decide and record; None when the alias was reconciled at the same moment: look again then."""
        records = ledger.records()
        version = gate.body["candidate_version"] or NOT_REGISTERED
        training = self._training(records, gate, run)
        name = training.body["manifest"]["dataset"]
        dataset = dataset_ledger(name, self.ledger_root).records()
        check_citations(records, f"dataset/{name}", dataset)
        governance = self._governance(version, gate.body.get("governance") or ())
        verdict = self._judge(records, dataset, gate, training, now, run, governance, pinned)
        self.log_rules(verdict.rules)
        self.log.info("Promotion: %s", verdict.summary())
        body = self._body(gate, training, now.current, verdict) | {"governance": governance, MEMBER: newest_of(dataset)}
        if "forced" in verdict.marks:
            body["force_reason"] = self.force_reason
        if not verdict.passed:
            self._refuse(ledger, body, verdict, run)
        record = record_move(ledger, PROMOTION, before=now.before, body=body, run=run, dry={"gate": gate.hash})
        if record.kind == RECONCILIATION:
            return None
        if record.body.get("gate_record_hash") != gate.hash:
            rule = RuleResult(rule="champion_unchanged", outcome=Outcome.FAIL, reason=_lost(record, version))
            self._refuse(ledger, body, Verdict.from_rules([rule]), run)
        return record

    def _judge(
        self,
        records: Sequence[Record],
        dataset: Sequence[Record],
        gate: Record,
        training: Record,
        now: Standing,
        run: RunFacts,
        governance: Mapping[str, str],
        pinned: Mapping[str, Any],
    ) -> Verdict:
        """Judge by the records of the model and of its dataset, and in a live run by the stored bytes."""
        version = gate.body["candidate_version"] or NOT_REGISTERED
        approval, again = approval_of(records, gate.hash), judged_since(records, gate)
        failed = failed_by_others(records, gate)
        for other in failed:
            told = (version, other.body.get("policy"), other.body.get("policy_hash"), other.seq)
            self.log.warning("Version %s was judged FAIL by another policy, %s %s (record %d).", *told)
        verdict = decide_promotion(
            candidate_version=version,
            candidate_digest=training.body["model_digest"],
            partition_key=gate.body["partition_key"],
            gate=_with_version(gate, version) if gate.mode == run.mode else None,
            validations=validation_outcomes(dataset, learned_snapshots(records, training)),
            current_champion=now.champion,
            evaluated_champion=gate.body["champion_version"],
            champion_partition_key=partition_of(deciding_move(records, self.alias)),
            alias=self.alias,
            approval=approval.to_dict() if approval else None,
            risk_tier=governance.get(RISK_TIER),
            judged_again=again.hash if again else None,
            judged_again_as=again.outcome if again else None,
            withdrawn=withdrawn_versions(records).get(version),
            required_tags=gate.body.get("governance") or (),
            governance=governance,
            force_reason=(self.force_reason or "").strip()[:MAX_REASON_LENGTH] or None,
            checked=checks_of(dataset, training.body["manifest"], run.mode),
            failed_by_others=bool(failed),
            **pinned,
        )
        if verdict.passed and run.mode is Mode.LIVE:
            changed = changed_artifact(MlflowHook(self.mlflow_conn_id), training, self.model_name, version)
            verdict = Verdict.from_rules([*verdict.rules, artifact_unchanged(changed)], marks=verdict.marks)
        return verdict

    def _governance(self, version: str, required: Sequence[str]) -> dict[str, str]:
        from airflow_provider_mlops.backends import mlflow_registry as registry

        if version == NOT_REGISTERED:
            return {}
        with MlflowHook(self.mlflow_conn_id).session() as client:
            tags = registry.version_tags(client, self.model_name, version) or {}
            return governance_of(required, tags, registry.model_tags(client, self.model_name))

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


def _with_version(gate: Record, version: str) -> dict[str, Any]:
    return {**gate.to_dict(), "body": {**gate.body, "candidate_version": version}}


def _lost(record: Record, version: str) -> str:
    """Say who was first."""
    if record.kind == RETIREMENT:
        return f"Version {record.body['retired_version']} was retired at the same moment; look at what is left."
    how = "promoted" if record.kind == PROMOTION else f"put in place by a {record.kind}"
    winner = record.body["version"]
    return f"Version {winner} was {how} at the same moment; evaluate and judge version {version} against it."
