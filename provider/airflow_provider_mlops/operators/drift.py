"""Comparing what is served with the data that the champion was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops import assets
from airflow_provider_mlops.backends import drift_backends
from airflow_provider_mlops.core.citations import MEMBER, newest_of
from airflow_provider_mlops.core.drift_brief import cause_lines
from airflow_provider_mlops.core.drift_options import Data, DriftKind
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.mute import Mute, active_mutes
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks import drift_publish
from airflow_provider_mlops.hooks.ledger import dataset_ledger, known_model_ledger
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.drift import DriftReportLink, EvidentlyReportLink
from airflow_provider_mlops.links.mlflow import push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_mlops.core.drift_policy import DriftPolicy
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan


class DetectDriftOperator(MLOpsOperator):
    """Judge whether partitions have drifted from the reference of the champion that served them.

    The reference is the training snapshots of the newest champion that was promoted for an earlier partition, or what
    the policy says. A feature has drifted when its adjusted p-value, the size of the effect and the number of rows all
    say so. Drift is FAIL, none is PASS, too few rows or no champion yet is INCONCLUSIVE; the task succeeds with each. A
    model that has no record is an error: its name is misspelt, or nothing was ever trained under it.
    With the alias ``assets.drift_alias(model_name)`` among the outlets, a live FAIL emits an event of
    ``assets.drift(model_name)``. Drift that a person has muted is listed and does not decide.

    :param model_name: name of the registered model. (templated)
    :param dataset: name of the dataset that is judged, or that was scored. (templated)
    :param policy: drift policy file, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param partition_key: the newest partition to judge; default: that of the run. (templated)
    :param kind: what is compared: ``feature``, ``recent_change``, ``prediction``, ``confidence``, ``label`` or
        ``skew``.
    :param window: number of partitions that end there and are judged together.
    :param reference_dataset: of ``skew``, the dataset of the training data, where it is not the one that the champion
        was trained on. (templated)
    :param backend: ``native``; ``alibi`` or ``alibi_tabular``, whose p-values are taken; ``alibi_mmd``, ``alibi_lsdd``,
        ``alibi_classifier`` or ``alibi_online``, whose opinion on all features stands beside the verdict; ``evidently``
        for its page. The decision is ours with each. alibi-detect is an extra whose licence, BSL 1.1, allows no
        production use without a contract.
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "kind", "champion_version", "verdict", "record"}``.
    """

    by_index = True
    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "policy",
        "partition_key",
        "reference_dataset",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    operator_extra_links = (DriftReportLink(), EvidentlyReportLink())
    ui_color = "#fcf3cf"

    def __init__(
        self,
        *,
        model_name: str,
        dataset: str,
        policy: str,
        partition_key: str = PARTITION_KEY,
        kind: str = DriftKind.FEATURE.value,
        window: int = 1,
        reference_dataset: str | None = None,
        backend: str = "native",
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.dataset = dataset
        self.policy = policy
        self.partition_key = partition_key
        self.kind = kind
        self.window = window
        self.reference_dataset = reference_dataset
        self.backend = backend
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Judge, record, and emit an event when there is drift."""
        from airflow_provider_mlops.backends.policy_file import load_drift_policy
        from airflow_provider_mlops.hooks.drift_plan import plan_drift

        kind = self._kind()
        policy = load_drift_policy(bundle_file(context, self.policy))
        if policy.data is Data.PROFILE and self.backend != drift_backends.NATIVE:
            raise BadInput(f"backend={self.backend!r} needs rows, and the policy says data: profile; use 'native'.")
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        plan = plan_drift(self._question(kind, policy), records)
        mutes = [mute for mute in active_mutes(records, datetime.now(UTC)) if mute.drift_kind in (None, kind.value)]
        decision = {**plan.decision(), "backend": self.backend}
        if mutes:
            decision["mutes"] = [mute.record for mute in mutes]
        key = self.decision_key(run, decision)
        record = ledger.find(kind="drift", key=key, mode=run.mode)
        if record is None:
            body = self._judge(plan, policy, mutes)
            body[MEMBER] = newest_of(dataset_ledger(self.dataset, self.ledger_root).records())
            if run.mode is not Mode.AUDIT:  # its report would be the one that it audits
                body["report"] = self._publish(context, body, records, plan)
            outcome = body["verdict"]["outcome"]
            record = ledger.append(
                kind="drift", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=outcome
            )
        push_links(context, **drift_publish.report_links(self.model_name, record.body))
        return self._report(context, run, record)

    def _kind(self) -> DriftKind:
        drift_backends.backend_named(self.backend)
        if notice := drift_backends.notice_of(self.backend):
            self.log.warning("%s", notice)
        try:
            kind = DriftKind(self.kind)
        except ValueError:
            raise BadInput(f"kind={self.kind!r} must be one of: {', '.join(DriftKind)}.") from None
        if self.reference_dataset and kind is not DriftKind.SKEW:
            raise BadInput(f"reference_dataset is for kind='skew' only, not for {kind.value!r}.")
        return kind

    def _question(self, kind: DriftKind, policy: DriftPolicy) -> Any:
        from airflow_provider_mlops.hooks.drift_plan import DriftQuestion

        return DriftQuestion(
            model_name=self.model_name,
            dataset=self.dataset,
            reference_dataset=self.reference_dataset or None,
            partition_key=self.partition_key,
            window=self.window,
            kind=kind,
            policy=policy,
            ledger_root=self.ledger_root,
        )

    def _judge(self, plan: DriftPlan, policy: DriftPolicy, mutes: Sequence[Mute]) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.drift_check import judge_drift

        def muted(feature: str, rule: str) -> str | None:
            kind = plan.question.kind.value
            held = (mute for mute in mutes if mute.covers(feature=feature, rule=rule, drift_kind=kind))
            return next((mute.words() for mute in held), None)

        p_values = drift_backends.per_feature(self.backend)
        verdict = judge_drift(Storage(self.storage_root, self.ledger_root), plan, muted=muted, p_values=p_values)
        return {
            **plan.body(),
            "policy": self.policy,
            "policy_hash": policy.hash,
            "policy_content": policy.content,
            "backend": self.backend,
            "mutes": [mute.record for mute in mutes],
            "verdict": verdict.to_dict(),
        }

    def _publish(
        self, context: Context, body: dict[str, Any], records: Sequence[Record], plan: DriftPlan
    ) -> dict[str, Any] | None:
        return drift_publish.publish(
            Storage(self.storage_root, self.ledger_root),
            model=self.model_name,
            dataset=self.dataset,
            body=body,
            records=records,
            history=dataset_ledger(self.dataset, self.ledger_root).records(),
            events=getattr(context["dag_run"], "consumed_asset_events", None) or (),
            log=self.log,
            plan=plan,
        )

    def _report(self, context: Context, run: RunFacts, record: Record) -> dict[str, Any]:
        verdict = Verdict.from_dict(record.body["verdict"])
        champion = record.body["champion_version"]
        if champion is not None:
            self.log.info("Compared with the reference of champion version %s.", champion)
        for rule in verdict.rules:
            if rule.outcome is not Outcome.PASS:
                self.log.info("%-12s %s", rule.outcome.value, rule.reason)
            else:
                self.log.debug("%-12s %s", rule.outcome.value, rule.reason)
        found = [rule.rule for rule in verdict.rules if rule.outcome is Outcome.FAIL]
        self.log.info(
            "Drift (%s) of %s: %s; %d of %d checks found drift%s%s.",
            self.kind,
            self.partition_key,
            verdict.outcome.value,
            len(found),
            len(verdict.rules),
            ": " if found else "",
            ", ".join(found[:10]),
        )
        result = {
            "model_name": self.model_name,
            "partition_key": self.partition_key,
            "kind": self.kind,
            "champion_version": record.body["champion_version"],
            "verdict": verdict.to_xcom(),
            "record": record.hash,
        }
        if record.outcome == Outcome.FAIL:
            extra = {
                "model_name": self.model_name,
                "partition_key": self.partition_key,
                "kind": self.kind,
                "window": record.body.get("partition_keys") or [self.partition_key],
                "champion_version": record.body["champion_version"],
                "record_hash": record.hash,
                "reasons": result["verdict"]["reasons"][:5],
                "cause": cause_lines(record.body.get("report") or {})[:5],
            }
            self.emit(context, run, assets.drift_alias(self.model_name), assets.drift(self.model_name), extra)
        return result
