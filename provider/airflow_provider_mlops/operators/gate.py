"""Judging an evaluation by a policy."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.utils.skipmixin import SkipMixin

from airflow_provider_mlops.core.errors import FinalError, Refused
from airflow_provider_mlops.core.evidence import latest_of_run, looks_at, training_of
from airflow_provider_mlops.core.gate_facts import gate_facts
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.outcomes import Steering, steering
from airflow_provider_mlops.core.policy import SKIP
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks.alias_moves import verdict_tags
from airflow_provider_mlops.hooks.checkpoint import keep_checkpoint
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.certificate import AuditSummaryLink, CertificateLink, push_certificate
from airflow_provider_mlops.links.mlflow import MlflowRunLink, ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator, bounded
from airflow_provider_mlops.operators.context import bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.policy import Policy


class GateModelOperator(MLOpsOperator, SkipMixin):
    """Judge a candidate's evaluation by a policy: PASS, FAIL or INCONCLUSIVE, with the reason of every rule.

    A refusal is a normal result: the task succeeds, the steps directly after it are skipped, the verdict is a record.
    The policy's ``outcomes`` may say otherwise, for FAIL and for INCONCLUSIVE apart: ``fail`` the task, which is not
    retried, or ``route``: other steps run instead, for example one that asks a human (`ModelApprovalOperator`).
    The version is tagged with it, and a page with every rule's interval against its bound is logged to the candidate's
    MLflow run. In ``audit`` mode the
    recorded verdict stands beside today's; another outcome of the same policy on the same scores fails the task.

    :param model_name: name of the registered model. (templated)
    :param evaluation_id: evaluation to judge, as `EvaluateModelOperator` returns it. (templated)
    :param policy: policy file, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param on_refusal: ``skip`` the steps directly after this one, or ``fail`` the task, when the verdict is not PASS
        and the policy's ``outcomes`` do not say what to do.
    :param routes: tasks directly after this one that run instead of the others, by outcome: ``{"fail": [task ids],
        "inconclusive": [task ids]}``. They are skipped on PASS, unless ``"pass"`` names them too.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where evaluations lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "evaluation_id", "candidate_version", "champion_version", "verdict",
    "record"}``.
    """

    ends_audits = True
    template_fields: Sequence[str] = (
        "model_name",
        "evaluation_id",
        "policy",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    operator_extra_links = (MlflowRunLink(), ModelVersionLink(), CertificateLink(), AuditSummaryLink())
    ui_color = "#fadbd8"

    def __init__(
        self,
        *,
        model_name: str,
        evaluation_id: str,
        policy: str,
        on_refusal: str = SKIP,
        routes: Mapping[str, Sequence[str]] | None = None,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.evaluation_id = evaluation_id
        self.policy = policy
        self.on_refusal = on_refusal
        self.routes = routes
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Judge, record, and hold back what follows unless the verdict is PASS."""
        from airflow_provider_mlops.backends.policy_file import load_policy

        policy = load_policy(bundle_file(context, self.policy))
        after = steering(
            policy.outcomes, on_refusal=self.on_refusal, routes=self.routes, after=self.downstream_task_ids
        )
        ledger = model_ledger(self.model_name, self.ledger_root)
        evaluation = self._evaluation(ledger.records(), run)
        record = self._record(ledger, evaluation, policy, run)
        verdict = Verdict.from_dict(record.body["verdict"])
        self.log.info(
            "Candidate version %s against champion version %s, by %s.",
            record.body["candidate_version"],
            record.body["champion_version"] or "(none)",
            self.policy,
        )
        self._log_rules(verdict)
        self._show(context, ledger, record, evaluation, verdict, run)
        if run.mode is Mode.AUDIT:
            self._certify(context, ledger, run)
        if (recorded := record.body.get("recorded")) and not recorded["agrees"]:
            raise Refused(
                f"The audit of {record.body['partition_key']} gives {record.outcome} where the same policy on the same "
                f"scores gave {recorded['outcome']}: the code that judges has changed."
            )
        result = self._result(record, verdict)
        self._steer(context, verdict, result, after)
        return result

    def _record(self, ledger: Ledger, evaluation: Record, policy: Policy, run: RunFacts) -> Record:
        """Find the verdict that was recorded on the same inputs, or judge and record one."""
        from airflow_provider_mlops.statistics.rule_checks import checked_code

        # The record's hash, not the id alone: ages and serving are of one evaluation, the scores may be of several.
        decision = {"evaluation": evaluation.hash, "policy": policy.hash, **checked_code(policy.rules)}
        key = self.decision_key(run, decision)
        records = ledger.records()
        if (record := ledger.find(kind="gate", key=key, mode=run.mode)) is not None:
            self.log.info("Found the verdict on this evaluation by this policy: record %d.", record.seq)
            return record
        body = self._judge(self._of_the_time(records, evaluation, run), evaluation, policy)
        while run.mode is Mode.LIVE and body["looks"] != self._look(ledger.records(), evaluation):
            self.log.info("Another candidate was judged on these test rows meanwhile; its look counts too.")
            records = ledger.records()
            body = self._judge(records, evaluation, policy)
        if run.mode is Mode.AUDIT:
            self._compare(records, body, run)
        outcome = body["verdict"]["outcome"]
        return ledger.append(kind="gate", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=outcome)

    def _evaluation(self, records: Sequence[Record], run: RunFacts) -> Record:
        for record in reversed(records):
            same = record.kind == "evaluation" and record.body["evaluation_id"] == self.evaluation_id
            if same and record.mode in (run.mode, Mode.LIVE):
                return record
        raise Refused(
            f"The ledger of model {self.model_name!r} holds no evaluation {self.evaluation_id!r}; evaluate the "
            "candidate first."
        )

    def _of_the_time(self, records: Sequence[Record], evaluation: Record, run: RunFacts) -> Sequence[Record]:
        """Return the records that a verdict may know: an audit does not count the looks that came later."""
        partition_key = evaluation.body["partition_key"]
        if run.mode is Mode.AUDIT and (
            recorded := latest_of_run(records, kind="gate", partition_key=partition_key, run=run)
        ):
            return [record for record in records if record.seq < recorded.seq]
        return records

    def _look(self, records: Sequence[Record], evaluation: Record) -> int:
        return 1 + looks_at(records, evaluation.body["test"]["snapshot_id"], self.evaluation_id)

    def _judge(self, records: Sequence[Record], evaluation: Record, policy: Policy) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.scores_store import recorded_scores
        from airflow_provider_mlops.statistics.gate import judge

        body = evaluation.body
        storage = Storage(self.storage_root, self.ledger_root)
        table = recorded_scores(storage, self.model_name, body)
        looks = self._look(records, evaluation)
        facts = gate_facts(records, evaluation)
        verdict = judge(policy, table, evaluation_id=self.evaluation_id, looks=looks, facts=facts)
        return {
            "partition_key": body["partition_key"],
            "evaluation_id": self.evaluation_id,
            "candidate_version": body["candidate"]["version"],
            "model_digest": body["candidate"]["model_digest"],
            "champion_version": body["champion"]["version"] if body["champion"] else None,
            "golden_version": body["golden"]["version"] if body.get("golden") else None,
            "policy": self.policy,
            "policy_hash": policy.hash,
            "policy_content": policy.content,
            "looks": looks,
            **({"approval": policy.approval.to_dict()} if policy.approval else {}),
            **({"governance": list(policy.governance)} if policy.governance else {}),
            "verdict": verdict.to_dict(),
        }

    def _steer(self, context: Context, verdict: Verdict, result: dict[str, Any], after: Steering) -> None:
        """Let the steps that the verdict asks for run, and skip the others."""
        if after.fails(verdict.outcome):
            raise Refused(f"The gate refuses the candidate. {verdict.summary()}")
        follow = after.follow(verdict.outcome)
        if not verdict.passed:
            self.log.info(
                "The candidate is not promoted by this verdict; next: %s.", ", ".join(sorted(follow)) or "nothing"
            )
        if follow == after.after:
            return
        # Skipping ends the task by an exception, so that the result must be pushed before it.
        context["ti"].xcom_push(key="return_value", value=bounded(result))
        if follow:
            self.skip_all_except(ti=context["ti"], branch_task_ids=follow)
        else:
            self.skip(ti=context["ti"], tasks=context["task"].downstream_list)

    def _show(
        self,
        context: Context,
        ledger: Ledger,
        record: Record,
        evaluation: Record,
        verdict: Verdict,
        run: RunFacts,
    ) -> None:
        """Tag the version and attach the verdict's page to its MLflow run; the record is the evidence."""
        training = training_of(ledger.records(), self.model_name, evaluation.body["candidate"]["manifest_hash"])
        if run.mode is not Mode.LIVE:
            return
        hook, version = MlflowHook(self.mlflow_conn_id), record.body["candidate_version"]
        experiment, run_id = training.body["mlflow_experiment_id"], training.body["mlflow_run_id"]
        from airflow_provider_mlops.backends import mlflow_registry as registry
        from airflow_provider_mlops.hooks.artifacts import write_gate_artifacts

        try:
            keep_checkpoint(hook, ledger)
            push_links(
                context,
                run=hook.run_url(experiment, run_id),
                version=hook.version_url(self.model_name, version) if version else "",
            )
            with tempfile.TemporaryDirectory(prefix="mlops-gate-") as folder, hook.session() as client:
                if version:
                    registry.tag_version(client, self.model_name, version, verdict_tags(record))
                write_gate_artifacts(Path(folder), verdict, record.body, model_name=self.model_name)
                client.log_artifacts(run_id, folder, "gate")
        except FinalError:
            raise
        except Exception as err:  # noqa: BLE001 - whatever MLflow's client raises: the verdict stands without its picture
            self.log.warning("The verdict's page or tags are not in MLflow (run %s): %s", run_id, str(err)[:200])

    def _compare(self, records: Sequence[Record], body: dict[str, Any], run: RunFacts) -> None:
        """Put the recorded verdict beside this one; another policy or other scores may well judge otherwise."""
        recorded = latest_of_run(records, kind="gate", partition_key=body["partition_key"], run=run)
        if recorded is None:
            body["recorded"] = None
            return
        today = body["verdict"]["outcome"]
        comparable = all(recorded.body[name] == body[name] for name in ("policy_hash", "evaluation_id"))
        body["recorded"] = {
            "outcome": recorded.outcome,
            "policy_hash": recorded.body["policy_hash"],
            "record": recorded.hash,
            "agrees": recorded.outcome == today or not comparable,
        }
        policy = "the same" if comparable else "another"
        self.log.info("Audit: the record said %s by %s policy, today says %s.", recorded.outcome, policy, today)

    def _certify(self, context: Context, ledger: Ledger, run: RunFacts) -> None:
        """Issue the audit's certificate: the gate is the last step that judges."""
        from airflow_provider_mlops.core.audit_summary_page import summary_line
        from airflow_provider_mlops.hooks.audit_summary import summarise_audit
        from airflow_provider_mlops.hooks.certificate import certify_audit

        storage = Storage(self.storage_root, self.ledger_root)
        issued = certify_audit(storage, ledger, self.model_name, run)
        if issued is None:
            return
        self.log.info("Certificate of the audit: %s, %s: %s", issued.outcome, issued.body["level"], issued.body["uri"])
        summary = summarise_audit(storage, ledger, self.model_name, run)
        push_certificate(context, self.model_name, certificate=issued, summary=summary)
        self.log.info("Summary of the audit: %s", summary_line(summary.body, summary.outcome))

    def _log_rules(self, verdict: Verdict) -> None:
        self.log_rules(verdict.rules)
        blocking = [rule.rule for rule in verdict.rules if rule.outcome is not Outcome.PASS]
        because = f", because of {', '.join(blocking[:10])}" if blocking else f": all {len(verdict.rules)} rules hold"
        first = " (no champion to compare with: absolute rules only)" if "no_baseline" in verdict.marks else ""
        self.log.info("Verdict: %s%s%s", verdict.outcome.value, because, first)

    def _result(self, record: Record, verdict: Verdict) -> dict[str, Any]:
        names = ("partition_key", "evaluation_id", "candidate_version", "champion_version")
        shown = {name: record.body[name] for name in names}
        return {"model_name": self.model_name, **shown, "verdict": verdict.to_xcom(), "record": record.hash}
