"""Comparing a partition with the data that the champion was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.alias_moves import champion_that_served
from airflow_provider_mlops.core.drift_brief import cause_lines
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import accepted_snapshots, training_of
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks import drift_page
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.drift import DriftReportLink
from airflow_provider_mlops.links.mlflow import push_links
from airflow_provider_mlops.operators.base import PARTITION_KEY, MLOpsOperator, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_mlops.core.drift_policy import DriftPolicy

BACKENDS = ("native", "alibi")


class DetectDriftOperator(MLOpsOperator):
    """Judge whether a partition's features have drifted from the training data of the champion that served it.

    The reference is the training snapshots of the newest champion that was promoted for an earlier partition. A
    feature has drifted when its adjusted p-value, the size of the effect and the number of rows all say so. Drift is
    FAIL, none is PASS, too few rows or no champion yet is INCONCLUSIVE; the task succeeds with each. With the alias
    ``assets.drift_alias(model_name)`` among the outlets, a live FAIL emits an event of ``assets.drift(model_name)``.

    :param model_name: name of the registered model. (templated)
    :param dataset: name of the dataset. (templated)
    :param policy: drift policy file, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param partition_key: partition to judge; default: that of the run. (templated)
    :param backend: who computes the p-values: ``native``, or ``alibi`` for alibi-detect's KS and chi-squared
        tests (an extra whose licence, BSL 1.1, allows no production use without a contract). The decision is ours
        with both.
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "champion_version", "verdict", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "policy",
        "partition_key",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    operator_extra_links = (DriftReportLink(),)
    ui_color = "#fcf3cf"

    def __init__(
        self,
        *,
        model_name: str,
        dataset: str,
        policy: str,
        partition_key: str = PARTITION_KEY,
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
        self.backend = backend
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Judge, record, and emit an event when there is drift."""
        from airflow_provider_mlops.backends.policy_file import load_drift_policy

        if self.backend not in BACKENDS:
            raise BadInput(f"backend={self.backend!r} must be one of: {', '.join(BACKENDS)}.")
        policy = load_drift_policy(bundle_file(context, self.policy))
        ledger = model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        snapshot_id = self._snapshot()
        promotion = champion_that_served(records, self.partition_key)
        decision = {
            "model": self.model_name,
            "partition": self.partition_key,
            "champion": promotion.body["manifest_hash"] if promotion else None,
            "snapshot": snapshot_id,
            "policy": policy.hash,
            "backend": self.backend,
        }
        key = self.decision_key(run, decision)
        record = ledger.find(kind="drift", key=key, mode=run.mode)
        if record is None:
            body = self._judge(records, promotion, snapshot_id, policy)
            if run.mode is not Mode.AUDIT:  # its report would be the one that it audits
                body["report"] = drift_page.publish(
                    Storage(self.storage_root, self.ledger_root),
                    model=self.model_name,
                    dataset=self.dataset,
                    body=body,
                    records=records,
                    history=dataset_ledger(self.dataset, self.ledger_root).records(),
                    events=getattr(context["dag_run"], "consumed_asset_events", None) or (),
                    log=self.log,
                )
            outcome = body["verdict"]["outcome"]
            record = ledger.append(
                kind="drift", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=outcome
            )
        push_links(context, drift_report=drift_page.report_url(self.model_name, record.body))
        return self._report(context, run, record)

    def _snapshot(self) -> str:
        accepted = accepted_snapshots(dataset_ledger(self.dataset, self.ledger_root).records())
        if self.partition_key not in accepted:
            raise BadInput(
                f"Partition {self.partition_key!r} of dataset {self.dataset!r} has no accepted snapshot; it has: "
                f"{', '.join(accepted) or 'none'}."
            )
        return accepted[self.partition_key]

    def _judge(
        self, records: Sequence[Record], promotion: Record | None, snapshot_id: str, policy: DriftPolicy
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "partition_key": self.partition_key,
            "champion_version": promotion.body["version"] if promotion else None,
            "reference_snapshot_ids": [],
            "snapshot_id": snapshot_id,
            "policy": self.policy,
            "policy_hash": policy.hash,
            "policy_content": policy.content,
            "backend": self.backend,
        }
        if promotion is None:
            return {**body, "verdict": _no_reference(f"No champion served {self.partition_key}").to_dict()}
        manifest = training_of(records, self.model_name, promotion.body["manifest_hash"]).body["manifest"]
        if not manifest["train"]["snapshots"]:
            why = f"Champion version {promotion.body['version']} was not trained on snapshots of this storage"
            return {**body, "verdict": _no_reference(why).to_dict()}
        verdict = self._compare(manifest, snapshot_id, policy)
        ids = [item["snapshot_id"] for item in manifest["train"]["snapshots"]]
        return {**body, "reference_snapshot_ids": ids, "verdict": verdict.to_dict()}

    def _compare(self, manifest: Mapping[str, Any], snapshot_id: str, policy: DriftPolicy) -> Verdict:
        from airflow_provider_mlops.hooks.samples import SnapshotPairs, open_columns
        from airflow_provider_mlops.statistics.drift import detect_drift

        storage, train = Storage(self.storage_root, self.ledger_root), manifest["train"]
        features = [name for name in manifest["features"] if name not in policy.ignore]
        trained_on = open_columns(
            storage, self.dataset, train["snapshots"], time_column=manifest["time_column"], until=train["until"]
        )
        with trained_on as reference, open_columns(storage, self.dataset, [{"snapshot_id": snapshot_id}]) as current:
            pairs = SnapshotPairs(reference, current, features)
            p_values = None
            if self.backend == "alibi":
                from airflow_provider_mlops.backends.alibi_detect import univariate_p_values

                p_values = univariate_p_values(pairs)
            return detect_drift(pairs, policy, p_values=p_values)

    def _report(self, context: Context, run: RunFacts, record: Record) -> dict[str, Any]:
        verdict = Verdict.from_dict(record.body["verdict"])
        champion = record.body["champion_version"]
        if champion is not None:
            self.log.info("Compared with the training data of champion version %s.", champion)
        for rule in verdict.rules:
            if rule.outcome is not Outcome.PASS:
                self.log.info("%-12s %s", rule.outcome.value, rule.reason)
            else:
                self.log.debug("%-12s %s", rule.outcome.value, rule.reason)
        found = [rule.rule for rule in verdict.rules if rule.outcome is Outcome.FAIL]
        self.log.info(
            "Drift of %s: %s; %d of %d checks found drift%s%s.",
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
            "champion_version": record.body["champion_version"],
            "verdict": verdict.to_xcom(),
            "record": record.hash,
        }
        if record.outcome == Outcome.FAIL:
            extra = {
                "model_name": self.model_name,
                "partition_key": self.partition_key,
                "champion_version": record.body["champion_version"],
                "record_hash": record.hash,
                "reasons": result["verdict"]["reasons"][:5],
                "cause": cause_lines(record.body.get("report") or {})[:5],
            }
            self.emit(context, run, assets.drift_alias(self.model_name), assets.drift(self.model_name), extra)
        return result


def _no_reference(why: str) -> Verdict:
    reason = f"{why}: there is no reference to compare with."
    return Verdict.from_rules([RuleResult(rule="reference", outcome=Outcome.INCONCLUSIVE, reason=reason)])
