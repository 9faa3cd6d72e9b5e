"""The alarm that flipped labels must ring: realised performance of the champion on a copy of accepted rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import Contender
from airflow_provider_mlops.core.evidence import training_of
from airflow_provider_mlops.core.fire_drill import Seen
from airflow_provider_mlops.core.performance_policy import PerformancePolicy
from airflow_provider_mlops.core.prediction_log import score_columns
from airflow_provider_mlops.core.promotion_level import promotion_level
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks.live_case import check_task, labelled_side, promotion_side
from airflow_provider_mlops.hooks.live_rows import LiveRows
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.scoring import load_model
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.live_calibration import CALIBRATION
from airflow_provider_mlops.statistics.performance import Case, Side, judge_labelled

if TYPE_CHECKING:
    import pandas as pd

    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan

TIME = "time"
"""What a log calls the time of a row, which a policy may name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelAlarm:
    """Realised performance, as the monitoring policy of a model judges it.

    :param policy: the monitoring policy.
    :param contender: the champion.
    :param then: the rows that it was promoted on.
    :param scores: its scores of the copy as the log would hold them, by the index of the rows.
    :param seed: hash of what is judged.
    """

    policy: PerformancePolicy
    contender: Contender
    then: Side
    scores: pd.DataFrame
    seed: str

    @classmethod
    def of(
        cls,
        storage: Storage,
        hook: MlflowHook,
        plan: DriftPlan,
        records: Sequence[Record],
        policy: PerformancePolicy,
        rows: pd.DataFrame,
    ) -> LabelAlarm:
        """Score the copy by the champion.

        :param storage: where scores lie; it is only read.
        :param hook: the MLflow connection.
        :param plan: what the drift check reads: it knows the champion.
        :param records: records of the model's ledger, oldest first.
        :param policy: the monitoring policy.
        :param rows: the copy.
        :raises BadInput: when the model's task is not monitored, or it cannot score the rows.
        :raises EvidenceBroken: when the model or the scores at promotion are not the recorded ones.
        """
        from airflow_provider_mlops.backends import scikit_learn as sk

        model, version = plan.question.model_name, str(plan.version)
        if plan.manifest_hash is None:
            raise BadInput(f"Model {model!r} has no champion whose performance could ring an alarm.")
        contender = Contender(training_of(records, model, plan.manifest_hash), version)
        check_task(model, contender)
        features = list(contender.manifest["features"])
        if missing := [name for name in features if name not in rows.columns]:
            raise BadInput(f"The rows have no column {missing[0]!r}, which version {version} was trained on.")
        found = sk.score(load_model(hook, contender.training), rows[features], contender.task)
        return cls(
            policy=policy,
            contender=contender,
            then=promotion_side(storage, model, promotion_level(records, plan.manifest_hash, version)),
            scores=load("pandas", "parquet").DataFrame(found, rows.index, score_columns(contender.classes)),
            seed=sha256_of({"plan": plan.decision(), "policy": policy.hash}),
        )

    def look(self, rows: pd.DataFrame) -> Seen:
        """Judge rows whose labels may have been changed, as the monitor would.

        :param rows: some rows of the copy.
        :return: what the alarm says.
        """
        verdict = self._judge(rows)
        told = [rule for rule in verdict.rules if rule.outcome is verdict.outcome] or verdict.rules
        reason = "; ".join(rule.reason for rule in told)
        return Seen(outcome=verdict.outcome.value, effect=_largest_change(verdict), reason=reason)

    def _judge(self, rows: pd.DataFrame) -> Verdict:
        from airflow_provider_mlops.backends import scikit_learn as sk

        asked = {"label": self.contender.manifest["label"], "task": self.contender.task}
        _, labels, unlabelled = sk.split_features(rows, features=[], classes=self.contender.classes, **asked)
        live = self._as_served(rows.loc[labels.index], labels)
        case = Case(
            policy=self.policy,
            task=self.contender.task,
            who=f"version {self.contender.version}",
            now=labelled_side(live, self.policy, self.contender, unlabelled),
            then=self.then,
            seed=self.seed,
            classes=self.contender.classes,
        )
        return Verdict.from_rules(list(judge_labelled(case)))

    def _as_served(self, rows: pd.DataFrame, labels: pd.Series[Any]) -> LiveRows:
        """Give rows the columns of a prediction log."""
        arrow = load("pyarrow", "parquet")
        scores, classes = self.scores.loc[rows.index], self.contender.classes
        known = labels.to_numpy(dtype="float64") if classes is None else [str(classes[at]) for at in labels]
        columns: dict[str, Any] = {**{str(name): scores[name].to_numpy() for name in scores}, "label": known}
        if (dependence := self.policy.dependence) is not None:
            manifest = self.contender.manifest
            own = {TIME: manifest["time_column"], "row_id": manifest["row_id"]}.get(dependence.column)
            name = own or dependence.column
            if name not in rows.columns:
                raise BadInput(f"The rows have no column {name!r}, by which the monitoring policy says they depend.")
            columns[dependence.column] = rows[name]
        table = arrow.Table.from_pandas(load("pandas", "parquet").DataFrame(columns), preserve_index=False)
        return LiveRows.of([table.combine_chunks().to_batches()])


def _largest_change(verdict: Verdict) -> float:
    """Return the largest change since promotion over what the policy allows."""
    sizes = [1.0 for rule in verdict.rules if rule.outcome is Outcome.FAIL]
    for rule in verdict.rules:
        change, limit = rule.numbers.get("change"), rule.numbers.get("limit")
        if change and limit:
            size = change["value"] / limit
            # A calibration may move to both sides; a metric only for the worse, which is the side of its limit.
            sizes.append(abs(size) if rule.numbers["kind"] == CALIBRATION else size)
    return max(sizes, default=0.0)
