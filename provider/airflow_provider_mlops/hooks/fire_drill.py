"""Running a fire drill: known shifts in a copy of an accepted partition, judged by the model's own drift policy.

The copy lies in a scratch folder over the storage. No snapshot, no event and no live record comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.drift_history import look_of
from airflow_provider_mlops.core.drift_options import Data
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.fire_drill import Drill, Seen, Shift
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks.drift_check import judge_drift
from airflow_provider_mlops.hooks.drift_columns import as_sample
from airflow_provider_mlops.hooks.drift_plan import DriftPlan, DriftQuestion, plan_drift
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.samples import open_columns
from airflow_provider_mlops.hooks.scratch_storage import ScratchStorage, scratch_over
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from airflow_provider_mlops.core.performance_policy import PerformancePolicy
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.mlflow import MlflowHook

    Alarm = Callable[[pd.DataFrame], Seen]

STEPS = 6
"""Numbers of rows that are tried, each twice the one before; the largest are all."""
HISTORY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRun:
    """A drill in one model.

    :param storage: where snapshots lie; it is only read.
    :param question: the drift check that is drilled; its partition is the one that is copied.
    :param records: records of the model's ledger, oldest first.
    :param share: share of the rows that a shift hits.
    :param log: the task's log.
    :param performance: monitoring policy, which flipped labels must break; None to judge them by label shift.
    :param hook: the MLflow connection, where the champion is loaded from; needed with ``performance``.
    """

    storage: Storage
    question: DriftQuestion
    records: Sequence[Record]
    share: float
    log: Any
    performance: PerformancePolicy | None = None
    hook: MlflowHook | None = None

    def plan(self) -> DriftPlan:
        """Return what the real check of the partition would read.

        :raises Refused: when there is nothing to compare with.
        """
        # The copy has no profile: where a policy judges those, its rows are judged here, by the same thresholds.
        policy = replace(self.question.policy, data=Data.ROWS)
        plan = plan_drift(replace(self.question, policy=policy), self.records)
        if plan.unable is not None:
            raise Refused(f"{plan.unable}: there is no alarm to try.")
        return plan

    def run(self, shifts: Sequence[Shift]) -> list[Drill]:
        """Try shifts.

        :param shifts: the shifts.
        :return: what each did.
        """
        plan = self.plan()
        with scratch_over(self.storage) as scratch:
            rows = read_rows(self.storage, self.question.dataset, plan.snapshots)
            untouched = judge_drift(scratch, plan)
            quiet = [name for name in _features(plan) if name not in look_of(_body(plan, untouched)).failed]
            return [self._try(scratch, plan, rows, shift, quiet) for shift in shifts]

    def untouched(self, count: int = HISTORY) -> dict[str, str]:
        """Judge earlier partitions as they are, against the same reference.

        :param count: how many, the newest ones that are not part of the reference.
        :return: outcome by partition key, oldest first.
        """
        plan = self.plan()
        reference = {item["snapshot_id"] for item in plan.reference}
        accepted = accepted_snapshots(dataset_ledger(self.question.dataset, self.question.ledger_root).records())
        start = Partition.parse(self.question.partition_key).start
        earlier = [key for key in accepted if Partition.parse(key).end <= start and accepted[key] not in reference]
        earlier.sort(key=lambda key: Partition.parse(key).end)
        found = {}
        for key in earlier[-count:] if count else []:
            there = replace(plan, keys=[key], snapshots=[{"partition_key": key, "snapshot_id": accepted[key]}])
            found[key] = judge_drift(self.storage, there).outcome.value
        return found

    def _try(
        self, scratch: ScratchStorage, plan: DriftPlan, rows: pd.DataFrame, shift: Shift, quiet: Sequence[str]
    ) -> Drill:
        from airflow_provider_mlops.backends.injected_shifts import injected, suits

        label = str((plan.manifest or {}).get("label") or "")
        names = [label] if shift is Shift.LABEL_FLIP else quiet
        name = next((item for item in names if item in rows.columns and suits(shift, rows[item])), None)
        alarm = None if name is None else self._alarm(scratch, plan, rows, shift, name)
        if name is None or alarm is None:
            return Drill(shift=shift, feature=None, outcomes={})
        damaged = injected(rows, shift, name, self.share)
        counts = _counts(len(damaged), self.question.policy.min_rows)
        seen = {count: alarm(damaged.iloc[:count]) for count in counts}
        whole = seen[len(damaged)]
        self.log.info("%s of %s: %s", shift.value, name, whole.reason)
        return Drill(
            shift=shift,
            feature=name,
            effect=whole.effect,
            rang=whole.outcome == Outcome.FAIL,
            outcomes={count: one.outcome for count, one in seen.items()},
            rows=len(damaged),
            days=_days(plan),
            reason=whole.reason,
        )

    def _alarm(
        self, scratch: ScratchStorage, plan: DriftPlan, rows: pd.DataFrame, shift: Shift, name: str
    ) -> Alarm | None:
        """Choose the alarm that a shift must ring; None where it rings without the shift."""
        if shift is not Shift.LABEL_FLIP:
            return lambda part: self._seen(plan, judge_drift(scratch, self._stored(scratch, plan, part)), name)
        if self.performance is None or self.hook is None:
            return lambda part: self._seen(plan, self._judge_label(scratch, plan, part, name), name)
        from airflow_provider_mlops.hooks.drill_labels import LabelAlarm

        alarm = LabelAlarm.of(scratch, self.hook, plan, self.records, self.performance, rows)
        return None if alarm.look(rows).outcome == Outcome.FAIL else alarm.look

    @staticmethod
    def _seen(plan: DriftPlan, verdict: Verdict, name: str) -> Seen:
        """Read what a drift verdict says of one column: FAIL where any of its rules does."""
        rules = [rule for rule in verdict.rules if rule.numbers.get("feature") == name]
        outcomes = {rule.outcome for rule in rules}
        outcome = Outcome.FAIL if Outcome.FAIL in outcomes else Outcome.INCONCLUSIVE
        return Seen(
            outcome=(Outcome.PASS if outcomes == {Outcome.PASS} else outcome).value,
            effect=look_of(_body(plan, verdict)).sizes.get(name, 0.0),
            reason="; ".join(rule.reason for rule in rules),
        )

    def _stored(self, scratch: ScratchStorage, plan: DriftPlan, rows: pd.DataFrame) -> DriftPlan:
        """Store rows as a snapshot in the scratch folder, and plan to judge that one."""
        from airflow_provider_mlops.backends.parquet import write_snapshot

        key = self.question.partition_key
        facts = {"dataset": self.question.dataset, "partition_keys": [key], "source": "fire drill"}
        time = (plan.manifest or {}).get("time_column")
        if time in rows and rows[time].dtype.kind in "biuf":
            time = None  # a training may go by numbers, a snapshot names times alone
        with scratch.staging() as folder:
            found = write_snapshot([rows], folder, facts, time)["snapshot_id"]
            scratch.publish(folder, snapshot_path(self.question.dataset, found))
        return replace(plan, keys=[key], snapshots=[{"partition_key": key, "snapshot_id": found}])

    def _judge_label(self, scratch: ScratchStorage, plan: DriftPlan, rows: pd.DataFrame, name: str) -> Verdict:
        """Judge the label by label shift: it is no feature, and a flip leaves the features as they were."""
        from airflow_provider_mlops.statistics.columns import summary_of
        from airflow_provider_mlops.statistics.drift import detect_drift

        season = plan.season
        cut = bool(season.since or season.until or season.weekdays)
        with open_columns(
            scratch,
            plan.reference_dataset or self.question.dataset,
            plan.reference,
            time_column=(plan.manifest or {}).get("time_column") if cut else None,
            since=season.since,
            until=season.until,
            weekdays=season.weekdays,
        ) as reference:
            was = reference.summary(name, reference.kind(name))
        policy = replace(self.question.policy, ignore=(), dependence=None, calibration=None, slices=(), features={})
        return detect_drift([(name, was, summary_of(as_sample(rows[name])))], policy)


def _features(plan: DriftPlan) -> list[str]:
    ignored = plan.question.policy.ignore
    return [name for name in (plan.manifest or {}).get("features", ()) if name not in ignored]


def _body(plan: DriftPlan, verdict: Verdict) -> Mapping[str, Any]:
    return {"partition_key": plan.question.partition_key, "verdict": verdict.to_dict()}


def _counts(rows: int, least: int) -> list[int]:
    """Return how many rows are tried: all of them, halves of that, not fewer than the policy's least."""
    found = [rows]
    while len(found) < STEPS and found[-1] // 2 >= max(1, least):
        found.append(found[-1] // 2)
    return found[::-1]


def _days(plan: DriftPlan) -> float:
    spans = [Partition.parse(key) for key in plan.keys]
    ends: tuple[datetime, datetime] = spans[0].start, spans[-1].end
    return (ends[1] - ends[0]).total_seconds() / 86_400
