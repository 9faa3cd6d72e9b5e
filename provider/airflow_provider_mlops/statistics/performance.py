"""Realised performance: the metrics, the loss and the calibration of labelled live rows, against promotion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.gate import decide_maximum, decide_minimum, decide_non_inferior
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.performance_policy import MetricLimits, PerformancePolicy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.few_clusters import measure_together
from airflow_provider_mlops.statistics.live_calibration import judge_calibration
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.metrics import metric_named
from airflow_provider_mlops.statistics.performance_decision import Errors, result, shift_text, unanswered
from airflow_provider_mlops.statistics.resampling import DRAWS
from airflow_provider_mlops.statistics.score_table import BINARY, MULTICLASS, REGRESSION
from airflow_provider_mlops.statistics.scores import scores_of, threshold_of
from airflow_provider_mlops.statistics.seeds import derive_seed
from airflow_provider_mlops.statistics.slicing import Rows
from airflow_provider_mlops.statistics.two_samples import change
from airflow_provider_mlops.statistics.wording import interval_text, limit_text

REALISED, CONCEPT = "realised", "concept"
TASKS = (BINARY, MULTICLASS, REGRESSION)
_LOSSES = {BINARY: ("log_loss", "brier"), MULTICLASS: ("multiclass_log_loss",), REGRESSION: ("mae",)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """Labelled rows of one time: of today, or those of the evaluation at promotion.

    :param rows: the rows, the model's scores as ``candidate``; None where there are none to judge by.
    :param problem: why there are none, or why they cannot be judged.
    """

    rows: Rows | None = None
    problem: str = ""

    def get(self) -> Rows:
        """Return the rows.

        :raises NotMeasurable: with the problem.
        """
        if self.rows is None or self.problem:
            raise NotMeasurable(self.problem or "There are no rows.")
        return self.rows

    def measure(self, metric: Metric, limits: MetricLimits, seed: int, level: float, draws: int) -> Interval:
        """Measure a metric.

        :param metric: the metric.
        :param limits: its threshold and params.
        :param seed: seed of the draws.
        :param level: two-sided confidence level.
        :param draws: resamples.
        :return: the value with its interval.
        :raises NotMeasurable: when the rows cannot answer.
        """
        rows = self.get()
        options = Options(
            level=level,
            seed=seed,
            threshold=threshold_of(limits.threshold),
            draws=draws,
            clusters=rows.clusters,
            weights=rows.table.weights,
            params={**metric.params, **limits.params},
        )
        at = limits.threshold if metric.thresholded else None
        return measure_together(metric, rows.table.labels, scores_of(rows.table, "candidate", at), options)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A served version before its monitoring policy.

    :param policy: the policy.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param who: the version in words, e.g. ``version 3``.
    :param now: labelled rows of the window.
    :param then: rows of the evaluation at promotion.
    :param seed: hash of what is judged; seeds derive from it.
    :param classes: names of the classes of a multiclass model, in the order of its scores; None where nobody gave any.
    """

    policy: PerformancePolicy
    task: str
    who: str
    now: Side
    then: Side
    seed: str
    classes: Sequence[Any] | None = None
    errors: Errors = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", Errors(self.policy.alpha, self.policy.alarms))

    def seed_of(self, name: str, side: str = "") -> int:
        """Derive a seed.

        :param name: what is measured.
        :param side: ``then`` for the rows at promotion.
        """
        return derive_seed(self.seed, name, side)

    def levels(self, limits: MetricLimits, level: float, draws: int) -> tuple[Interval, Interval]:
        """Measure a metric now and at promotion.

        :param limits: the metric.
        :param level: two-sided confidence level.
        :param draws: resamples.
        :return: now and then.
        :raises NotMeasurable: when one of them cannot be measured.
        """
        metric = checked_metric(limits.metric, self.task)
        now = self.now.measure(metric, limits, self.seed_of(limits.metric), level, draws)
        return now, self.then.measure(metric, limits, self.seed_of(limits.metric, "then"), level, draws)


def judge_labelled(case: Case) -> Iterator[RuleResult]:
    """Judge what needs labels: limits of metrics, the loss, the calibration.

    :param case: the version with its rows.
    :return: one result per limit.
    :raises BadInput: when a metric does not exist or is of another task.
    """
    for limits in case.policy.metrics:
        metric = checked_metric(limits.metric, case.task)
        for name, value in (("minimum", limits.minimum), ("maximum", limits.maximum)):
            if value is not None:
                yield _limit(case, metric, limits, name, value)
        if limits.max_drop is not None:
            yield _drop(case, limits, f"{limits.metric}_max_drop", REALISED, limits.max_drop, "drop")
    if (concept := case.policy.concept) is not None:
        loss = MetricLimits(metric=concept.loss or _LOSSES[case.task][0])
        if loss.metric not in _LOSSES[case.task]:
            raise BadInput(f"The loss {loss.metric!r} is not of the task {case.task}: {', '.join(_LOSSES[case.task])}.")
        yield _drop(case, loss, f"concept_{loss.metric}", CONCEPT, concept.max_shift, "shift")
    yield from judge_calibration(case)


def measure_now(case: Case) -> dict[str, Any]:
    """Measure every metric of the policy for the record, now and at promotion.

    :param case: the version with its rows.
    :return: ``{metric: {"now", "promotion", "reason"}}``, intervals as mappings or None.
    """
    found: dict[str, Any] = {}
    for limits in case.policy.metrics:
        metric = checked_metric(limits.metric, case.task)
        entry: dict[str, Any] = {"now": None, "promotion": None}
        for name, side, seed in (("now", case.now, ""), ("promotion", case.then, "then")):
            try:
                measured = side.measure(metric, limits, case.seed_of(limits.metric, seed), case.errors.level, DRAWS)
                entry[name] = measured.to_dict()
            except NotMeasurable as error:
                entry.setdefault("reason", str(error))
        found[limits.metric] = entry
    return found


def checked_metric(name: str, task: str) -> Metric:
    """Look a metric of a task up.

    :param name: its name.
    :param task: task of the model.
    :return: the metric.
    :raises BadInput: when there is none, or it is of another task, or one's own.
    """
    if ":" in name:
        raise BadInput(f"The monitoring policy names {name!r}: one's own metrics are judged by the gate only.")
    if (found := metric_named(name)).task != task:
        raise BadInput(f"The metric {name!r} is of the task {found.task}, the model is of the task {task}.")
    return found


def _limit(case: Case, metric: Metric, limits: MetricLimits, name: str, value: float) -> RuleResult:
    rule, minimum = f"{limits.metric}_{name}", name == "minimum"
    decision = decide_minimum if minimum else decide_maximum

    def measure(level: float, draws: int) -> Interval:
        return case.now.measure(metric, limits, case.seed_of(limits.metric), level, draws)

    try:
        outcome, found, alpha = case.errors.decide(measure, lambda interval: decision(interval, value), value)
    except NotMeasurable as error:
        return unanswered(rule, REALISED, f"{limits.metric} of {case.who}", error, metric=limits.metric, limit=value)
    start = f"{limits.metric} of {case.who}"
    if outcome is Outcome.INCONCLUSIVE:
        reason = (
            f"{start} is {interval_text(found)}, on both sides of the {name} {value:g}; {found.n:,} rows cannot decide."
        )
    else:
        reason = limit_text(outcome, start, found, value, minimum=minimum, rows=None)
    return result(rule, REALISED, outcome, reason, found, metric=limits.metric, limit=value, alpha=alpha)


def _drop(case: Case, limits: MetricLimits, rule: str, kind: str, margin: float, what: str) -> RuleResult:
    higher = checked_metric(limits.metric, case.task).higher_is_better

    def measure(level: float, draws: int) -> Interval:
        return change(*case.levels(limits, level, draws))

    limit = -margin if higher else margin
    subject = f"{limits.metric} of {case.who}"
    try:
        outcome, found, alpha = case.errors.decide(
            measure, lambda interval: decide_non_inferior(interval, margin, higher_is_better=higher), limit
        )
        now, then = case.levels(limits, case.errors.level, DRAWS)
    except NotMeasurable as error:
        return unanswered(rule, kind, f"The change of {subject}", error, metric=limits.metric, limit=limit)
    start = f"{subject} is {now.value:.4g}, at promotion it was {then.value:.4g}"
    numbers = {"metric": limits.metric, "limit": limit, "alpha": alpha, "promotion": then.value}
    reason = shift_text(outcome, start, found, margin, what)
    return result(rule, kind, outcome, reason, now, change=found.to_dict(), **numbers)
