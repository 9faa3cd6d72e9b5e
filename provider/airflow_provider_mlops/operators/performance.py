"""Watching how well a served model does: realised where labels are mature, estimated where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import latest_of_run, training_of
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.performance_window import PerformanceWindow, choose_window, due_times, key_of
from airflow_provider_mlops.core.performance_words import lines_of, short_estimate
from airflow_provider_mlops.core.promotion_level import PromotionLevel, promotion_level
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rules import Fairness
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks.ledger import known_model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.mlflow import MlflowRunLink, ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_mlops.core.performance_policy import PerformancePolicy


class MonitorPerformanceOperator(MLOpsOperator):
    """Judge how well the version that serves a partition does, by a monitoring policy.

    What needs labels (metrics, concept drift, calibration, fairness, importance) is judged on the newest partitions of
    that version whose labels are mature, against the evaluation that it was promoted on; latency and errors on its
    newest partitions. What has no mature labels yet is estimated, and the estimate is shown beside how right it was.
    Models of the tasks ``binary``, ``multiclass`` and ``regression`` are judged.
    A breach is FAIL, everything within is PASS, anything that cannot be proved is INCONCLUSIVE; the task succeeds with
    each. With the alias ``assets.performance_alias(model_name)`` among the outlets, a live FAIL emits an event of
    ``assets.performance(model_name)``.

    :param model_name: name of the registered model. (templated)
    :param policy: monitoring policy file, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param partition_key: newest partition to look at; default: that of the run. (templated)
    :param window: how many partitions are judged together, at most; with days, rows of one day count as one when the
        policy says that they depend on one another, so that at least 7 are needed, and 20 for fairness.
    :param dataset: dataset that was scored; default: any. (templated)
    :param arm: whose predictions are judged.
    :param mlflow_conn_id: id of the MLflow connection.
    :param storage_root: where logs, scores and snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "champion_version", "partitions", "waiting", "estimate", "verdict",
    "record"}``.
    """

    by_index = True
    checkpoint_after = True
    template_fields: Sequence[str] = (
        "model_name",
        "policy",
        "partition_key",
        "dataset",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#fcf3cf"
    operator_extra_links = (MlflowRunLink(), ModelVersionLink())

    def __init__(
        self,
        *,
        model_name: str,
        policy: str,
        partition_key: str = PARTITION_KEY,
        window: int = 1,
        dataset: str | None = None,
        arm: str = "champion",
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.policy = policy
        self.partition_key = partition_key
        self.window = window
        self.dataset = dataset
        self.arm = arm
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Judge, record, and emit an event on a breach."""
        from airflow_provider_mlops.backends.policy_file import load_performance_policy

        policy = load_performance_policy(bundle_file(context, self.policy))
        fairness, fairness_hash = self._fairness(context, policy)
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        records = self._of_the_time(ledger.records(), run)
        window = self._window(records)
        level = promotion_level(records, window.manifest_hash, window.version)
        decision = {
            "model": self.model_name,
            "partition": self.partition_key,
            "champion": window.manifest_hash,
            "evaluation": level.evaluation.hash if level.evaluation else None,
            "policy": policy.hash,
            "fairness": fairness_hash,
            **window.inputs(),
        }
        key = self.decision_key(run, decision)
        record = ledger.find(kind="performance", key=key, mode=run.mode)
        if record is None:
            body = {**self._facts(window, level, policy), "fairness_policy_hash": fairness_hash}
            body |= self._judge(records, window, level, policy, fairness, sha256_of(decision))
            if run.mode is Mode.AUDIT:
                self._compare(ledger.records(), body, run)
            outcome = body["verdict"]["outcome"]
            record = ledger.append(
                kind="performance", key=key, body=body, run=run.to_record(), mode=run.mode, outcome=outcome
            )
        self._push_links(context, records, record)
        return self._report(context, run, record)

    def _of_the_time(self, records: Sequence[Record], run: RunFacts) -> Sequence[Record]:
        """Return the records that a verdict may know: an audit does not know the labels that came later."""
        recorded = self._recorded(records, run)
        return records if recorded is None else [record for record in records if record.seq < recorded.seq]

    def _recorded(self, records: Sequence[Record], run: RunFacts) -> Record | None:
        if run.mode is not Mode.AUDIT:
            return None
        return latest_of_run(records, kind="performance", partition_key=self.partition_key, run=run)

    def _window(self, records: Sequence[Record]) -> PerformanceWindow:
        from airflow_provider_mlops.hooks.prediction_log import find_labelled

        return choose_window(
            find_labelled(records, dataset=self.dataset, arm=self.arm), self.partition_key, self.window
        )

    def _fairness(self, context: Context, policy: PerformancePolicy) -> tuple[tuple[Fairness, ...], str | None]:
        from airflow_provider_mlops.backends.policy_file import load_policy

        if policy.fairness is None:
            return (), None
        gate = load_policy(bundle_file(context, policy.fairness))
        rules = tuple(rule for rule in gate.rules if isinstance(rule, Fairness))
        if not rules:
            raise BadInput(
                f"{self.policy}: fairness names {policy.fairness!r}, which has no rule of the kind fairness."
            )
        return rules, gate.hash

    def _facts(self, window: PerformanceWindow, level: PromotionLevel, policy: PerformancePolicy) -> dict[str, Any]:
        return {
            "partition_key": self.partition_key,
            "window": self.window,
            "champion_version": window.version,
            "manifest_hash": window.manifest_hash,
            "evaluation_id": level.evaluation.body["evaluation_id"] if level.evaluation else None,
            "promotion_record": level.promotion.hash if level.promotion else None,
            "partitions": {
                "served": [key_of(one) for one in window.served],
                "mature": [key_of(one) for one in window.mature],
                "waiting": [key_of(one) for one in window.waiting],
                "due": dict(due_times(window.waiting)),
                "other_versions": list(window.others),
            },
            "inputs": window.inputs(),
            "policy": self.policy,
            "policy_hash": policy.hash,
            "policy_content": policy.content,
        }

    def _judge(
        self,
        records: Sequence[Record],
        window: PerformanceWindow,
        level: PromotionLevel,
        policy: PerformancePolicy,
        fairness: Sequence[Fairness],
        seed: str,
    ) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.live_case import Served
        from airflow_provider_mlops.hooks.performance import earlier_estimates, judge_performance

        served = Served(
            storage=Storage(self.storage_root, self.ledger_root),
            model_name=self.model_name,
            training=training_of(records, self.model_name, window.manifest_hash),
            level=level,
            window=window,
            policy=policy,
            seed=seed,
        )
        mature = [key_of(one) for one in window.mature]
        earlier = earlier_estimates(records, window.manifest_hash, self.partition_key, policy.hash, mature)
        return judge_performance(served, MlflowHook(self.mlflow_conn_id), fairness, earlier)

    def _compare(self, records: Sequence[Record], body: dict[str, Any], run: RunFacts) -> None:
        """Put the recorded verdict beside this one; another policy may well judge otherwise."""
        recorded = self._recorded(records, run)
        if recorded is None:
            body["recorded"] = None
            self.log.info("Audit: no record of this partition to compare with.")
            return
        same = all(recorded.body[name] == body[name] for name in ("policy_hash", "fairness_policy_hash", "inputs"))
        agrees = not same or recorded.body["verdict"] == body["verdict"]
        body["recorded"] = {"outcome": recorded.outcome, "record": recorded.hash, "same_inputs": same, "agrees": agrees}
        self.log.info("Audit: the record said %s, today says %s.", recorded.outcome, body["verdict"]["outcome"])

    def _push_links(self, context: Context, records: Sequence[Record], record: Record) -> None:
        training = training_of(records, self.model_name, record.body["manifest_hash"]).body
        if "mlflow_run_id" in training:
            hook = MlflowHook(self.mlflow_conn_id)
            push_links(
                context,
                run=hook.run_url(training["mlflow_experiment_id"], training["mlflow_run_id"]),
                version=hook.version_url(self.model_name, record.body["champion_version"]),
            )

    def _report(self, context: Context, run: RunFacts, record: Record) -> dict[str, Any]:
        body, verdict = record.body, Verdict.from_dict(record.body["verdict"])
        for line in lines_of(body):
            self.log.info("%s", line)
        self.log_rules(verdict.rules)
        self.log.info("Performance of version %s: %s.", body["champion_version"], verdict.outcome.value)
        if (recorded := body.get("recorded")) and not recorded["agrees"]:
            raise Refused(
                f"The audit of {self.partition_key} gives another verdict ({record.outcome}) than the record "
                f"({recorded['outcome']}) on the same rows by the same policy: the code that judges has changed."
            )
        result = {
            "model_name": self.model_name,
            "partition_key": body["partition_key"],
            "champion_version": body["champion_version"],
            "partitions": body["partitions"]["mature"][-31:],
            "waiting": body["partitions"]["waiting"][-31:],
            "estimate": short_estimate(body),
            "verdict": verdict.to_xcom(),
            "record": record.hash,
        }
        if record.outcome == Outcome.FAIL:
            broken = [rule for rule in verdict.rules if rule.outcome is Outcome.FAIL]
            extra = {
                "model_name": self.model_name,
                "partition_key": body["partition_key"],
                "champion_version": body["champion_version"],
                "record_hash": record.hash,
                "reasons": result["verdict"]["reasons"][:5],
                "kind": broken[0].numbers.get("kind", "performance") if broken else "performance",
                "window": body["partitions"]["mature"][-31:] or body["partitions"]["served"][-31:],
                "cause": [rule.rule for rule in broken[:5]],
            }
            self.emit(
                context, run, assets.performance_alias(self.model_name), assets.performance(self.model_name), extra
            )
        return result
