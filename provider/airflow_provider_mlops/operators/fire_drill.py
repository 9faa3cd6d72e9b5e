"""Trying whether the drift alarms of a model ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.fire_drill import judge_drill, share_of, shifts_of
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Verdict
from airflow_provider_mlops.hooks.ledger import dataset_ledger, known_model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.drift import DriftReportLink
from airflow_provider_mlops.links.mlflow import push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_mlops.core.drift_policy import DriftPolicy
    from airflow_provider_mlops.core.fire_drill import Shift
    from airflow_provider_mlops.core.performance_policy import PerformancePolicy
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan
    from airflow_provider_mlops.hooks.fire_drill import DrillRun


class DriftFireDrillOperator(MLOpsOperator):
    """Do known shifts to a copy of recent rows, and see whether the model's drift policy finds them.

    Each shift (nulls, a changed unit, swapped categories, flipped labels) is judged on all rows and on halves of them,
    which tells how many rows an alarm needs; untouched earlier partitions tell how often it rings for nothing. FAIL
    when an alarm that must ring did not. The copy lies in a scratch folder, nothing is emitted, and the record has the
    mode ``dry_run`` whatever the run's mode is.

    :param model_name: name of the registered model. (templated)
    :param dataset: name of the dataset. (templated)
    :param policy: drift policy file, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param partition_key: partition whose rows are copied; empty: the newest accepted one. (templated)
    :param shifts: ``nulls``, ``unit_change``, ``swapped_category``, ``label_flip``; names with commas between them,
        or a list; empty: all. (templated)
    :param size: share of the rows that a shift hits, above 0 and at most 1. (templated)
    :param history: how many untouched earlier partitions are judged.
    :param performance_policy: monitoring policy file; flipped labels must then break it, as the champion's scores of
        the copy show. Empty: they are judged by label shift, with the thresholds of ``policy``. (templated)
    :param mlflow_conn_id: id of the MLflow connection, where the champion is loaded from. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "verdict", "drills", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "policy",
        "partition_key",
        "shifts",
        "size",
        "performance_policy",
        "mlflow_conn_id",
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
        partition_key: str = "",
        shifts: str | Sequence[str] = "",
        size: float | str = 0.5,
        history: int = 6,
        performance_policy: str = "",
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.dataset = dataset
        self.policy = policy
        self.partition_key = partition_key
        self.shifts = shifts
        self.size = size
        self.history = history
        self.performance_policy = performance_policy
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Drill, record, and say what rang."""
        from airflow_provider_mlops.backends.policy_file import load_drift_policy, load_performance_policy

        shifts, share = shifts_of(self.shifts), share_of(self.size)
        if isinstance(self.history, bool) or not isinstance(self.history, int) or self.history < 0:
            raise BadInput(f"history={self.history!r} must be a whole number of partitions, 0 or more.")
        policy = load_drift_policy(bundle_file(context, self.policy))
        by_labels = self.performance_policy
        performance = load_performance_policy(bundle_file(context, by_labels)) if by_labels else None
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        drill = self._drill(policy, performance, ledger.records(), share)
        plan = drill.plan()
        decision = {
            **plan.decision(),
            "shifts": [item.value for item in shifts],
            "size": share,
            "history": self.history,
            **({"performance_policy": performance.hash} if performance else {}),
        }
        key = self.decision_key(run, decision)
        record = ledger.find(kind="fire_drill", key=key, mode=Mode.DRY_RUN)
        if record is None:
            body = self._body(drill, plan, shifts)
            outcome = body["verdict"]["outcome"]
            record = ledger.append(
                kind="fire_drill", key=key, body=body, run=run.to_record(), mode=Mode.DRY_RUN, outcome=outcome
            )
        return self._result(context, record)

    def _drill(
        self, policy: DriftPolicy, performance: PerformancePolicy | None, records: Sequence[Record], share: float
    ) -> DrillRun:
        from airflow_provider_mlops.hooks.drift_plan import DriftQuestion
        from airflow_provider_mlops.hooks.fire_drill import DrillRun

        question = DriftQuestion(
            model_name=self.model_name,
            dataset=self.dataset,
            partition_key=self._partition(),
            kind=DriftKind.FEATURE,
            policy=policy,
            ledger_root=self.ledger_root,
        )
        return DrillRun(
            storage=Storage(self.storage_root, self.ledger_root),
            question=question,
            records=records,
            share=share,
            log=self.log,
            performance=performance,
            hook=MlflowHook(self.mlflow_conn_id),
        )

    def _body(self, drill: DrillRun, plan: DriftPlan, shifts: Sequence[Shift]) -> dict[str, Any]:
        """Try the shifts, and judge what rang."""
        from airflow_provider_mlops.hooks import fire_drill_page

        drills, untouched = drill.run(shifts), drill.untouched(self.history)
        policy, performance = drill.question.policy, drill.performance
        body: dict[str, Any] = {
            "partition_key": drill.question.partition_key,
            "dataset": self.dataset,
            "snapshot_id": plan.snapshots[-1]["snapshot_id"],
            "reference_snapshot_ids": [item["snapshot_id"] for item in plan.reference],
            "champion_version": plan.version,
            "policy": self.policy,
            "policy_hash": policy.hash,
            "policy_content": policy.content,
            "performance_policy": self.performance_policy or None,
            "performance_policy_hash": performance.hash if performance else None,
            "performance_policy_content": performance.content if performance else None,
            "size": drill.share,
            "drills": [item.to_dict() for item in drills],
            "untouched": untouched,
            "verdict": judge_drill(drills, untouched).to_dict(),
        }
        body["report"] = fire_drill_page.publish(drill.storage, self.model_name, body)
        return body

    def _result(self, context: Context, record: Record) -> dict[str, Any]:
        from airflow_provider_mlops.hooks import fire_drill_page

        push_links(context, drift_report=fire_drill_page.page_url(self.model_name, record.body["report"]))
        found = Verdict.from_dict(record.body["verdict"])
        for rule in found.rules:
            self.log.info("%-12s %s", rule.outcome.value, rule.reason)
        self.log.info("Report: %s/%s", record.body["report"]["uri"], fire_drill_page.PAGE)
        kept = ("shift", "feature", "rang", "rows_to_detect", "days_to_detect")
        return {
            "model_name": self.model_name,
            "partition_key": record.body["partition_key"],
            "verdict": found.to_xcom(),
            "drills": [{name: item[name] for name in kept} for item in record.body["drills"]],
            "record": record.hash,
        }

    def _partition(self) -> str:
        if self.partition_key:
            return self.partition_key
        accepted = accepted_snapshots(dataset_ledger(self.dataset, self.ledger_root).records())
        if not accepted:
            raise Refused(f"Dataset {self.dataset!r} has no accepted snapshot to copy; validate one first.")
        return max(accepted, key=lambda key: Partition.parse(key).end)
