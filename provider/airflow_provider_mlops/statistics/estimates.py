"""What rows without labels will show: the estimate, whether its assumptions hold, and how often it was right.

An estimate is a warning, not a proof: it assumes **no concept drift**. It can find a breach, never the absence of one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.gate import decide_maximum, decide_minimum, decide_non_inferior
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.performance_policy import MetricLimits
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics import cbpe, class_cbpe
from airflow_provider_mlops.statistics.arrays import FloatArray, check_finite
from airflow_provider_mlops.statistics.calibration_line import CalibrationTest, spiegelhalter
from airflow_provider_mlops.statistics.class_cbpe import ClassCalibration
from airflow_provider_mlops.statistics.class_expectations import CLASS_EXPECTATIONS
from airflow_provider_mlops.statistics.error_model import METRICS as ERROR_METRICS
from airflow_provider_mlops.statistics.error_model import ErrorModel, error_spread
from airflow_provider_mlops.statistics.expected_metrics import EXPECTATIONS
from airflow_provider_mlops.statistics.intervals import clopper_pearson
from airflow_provider_mlops.statistics.metric_rows import check_class_scores
from airflow_provider_mlops.statistics.performance import Case, checked_metric
from airflow_provider_mlops.statistics.performance_decision import result, unanswered
from airflow_provider_mlops.statistics.resampling import DRAWS
from airflow_provider_mlops.statistics.score_table import BINARY, MULTICLASS
from airflow_provider_mlops.statistics.scores import own_threshold, threshold_of
from airflow_provider_mlops.statistics.slicing import Rows
from airflow_provider_mlops.statistics.support import MAX_OUTSIDE
from airflow_provider_mlops.statistics.two_samples import change

ESTIMATED = "estimated"
CAVEAT = "assumes no concept drift"
CALIBRATED, SUPPORT = "calibration", "support"
"""What is tested of an estimate: that the probabilities hold, and that scores like these were held out."""

_HELD_OUT_ALPHA = 0.001
"""Error rate of the test on the held-out rows: its answer stays for as long as the version serves."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimator:
    """A label-free estimate, fitted on the rows of the evaluation at promotion.

    :param held_out: calibration of a classifier, or model of the error of a regression.
    :param level: two-sided level of its intervals.
    :param spread: how many times the variance of independent rows the rows of the log have.
    :param assumptions: what was tested, JSON-safe.
    :param problem: why it must not be believed; empty when nothing speaks against it.
    """

    held_out: cbpe.Calibration | ClassCalibration | ErrorModel
    level: float
    spread: float = 1.0
    assumptions: Mapping[str, Any]
    problem: str = ""

    def estimate(self, scores: FloatArray, limits: MetricLimits, threshold: float) -> Interval:
        """Estimate one metric of served rows.

        :param scores: their scores.
        :param limits: the metric.
        :param threshold: scores at or above it count as positive.
        :return: the estimate.
        :raises NotMeasurable: when these rows cannot carry it.
        """
        if not isinstance(self.held_out, cbpe.Calibration):
            return self.held_out.estimate(scores, limits.metric, self.level, spread=self.spread)
        found = cbpe.estimate(
            scores, self.held_out, [limits.metric], self.level, threshold=threshold, spread=self.spread
        )
        if limits.metric in found["reasons"]:
            raise NotMeasurable(found["reasons"][limits.metric])
        result: Interval = found["metrics"][limits.metric]
        return result

    def doubts(self, scores: FloatArray) -> dict[str, str]:
        """Say which assumptions do not hold for served rows.

        :param scores: their scores, finite.
        :return: why not, by ``calibration`` or ``support``.
        """
        found = {CALIBRATED: self.problem} if self.problem else {}
        if len(scores) and (outside := self.held_out.outside(scores)) > MAX_OUTSIDE:
            found[SUPPORT] = (
                f"{outside:.1%} of the scores are unlike those of the held-out rows, at most {MAX_OUTSIDE:.0%} may be"
            )
        return found


def fit_estimator(case: Case) -> Estimator:
    """Fit the estimate on the rows at promotion, and test on the labelled window what it assumes.

    :param case: the version with its rows.
    :return: the estimate.
    :raises NotMeasurable: when the rows at promotion cannot carry one.
    """
    then = case.then.get().table
    if case.task == BINARY:
        check_finite(then.candidate)
        held_out = cbpe.Calibration.of(then.labels, then.candidate, case.seed_of("calibration"))
        return _tested(case, held_out)
    if case.task == MULTICLASS:
        return _tested(case, ClassCalibration.of(then.labels, then.candidate))
    check_finite(then.candidate)
    model = ErrorModel.of(then.labels, then.candidate)
    if case.now.rows is None or case.now.problem:
        untested = {"labelled_window": None, "spread": 1.0}
        return Estimator(held_out=model, level=case.errors.level, assumptions=untested)
    now = case.now.rows
    check_finite(now.table.candidate)
    spread = error_spread(now.table.labels, now.table.candidate, model, now.clusters)
    bias = float(np.mean(np.abs(now.table.candidate - now.table.labels) - model.expected(now.table.candidate)))
    tested = {"labelled_window": {"mean_gap": bias, "n": now.table.rows}, "spread": spread}
    return Estimator(held_out=model, level=case.errors.level, spread=spread, assumptions=tested)


def estimable(case: Case) -> list[MetricLimits]:
    """List the metrics of the policy that can be estimated without labels.

    :param case: the version.
    """
    known = {BINARY: tuple(EXPECTATIONS), MULTICLASS: tuple(CLASS_EXPECTATIONS)}.get(case.task, ERROR_METRICS)
    return [limits for limits in case.policy.metrics if limits.metric in known]


def threshold_at(case: Case, limits: MetricLimits) -> float:
    """Return the number that a metric's scores are compared with.

    :param case: the version.
    :param limits: the metric.
    :raises NotMeasurable: when it is the model's own threshold and the model has none.
    """
    if isinstance(limits.threshold, str):
        return own_threshold(case.then.get().table, "candidate")
    return threshold_of(limits.threshold)


def judge_estimates(case: Case, estimator: Estimator, scores: FloatArray) -> list[RuleResult]:
    """Judge the policy's limits of metrics on rows without labels.

    :param case: the version.
    :param estimator: as `fit_estimator` gives it.
    :param scores: scores of the rows whose labels are not mature.
    :return: one result per limit; never PASS, since an estimate proves nothing.
    """
    found = []
    for limits in estimable(case):
        named = (("minimum", limits.minimum), ("maximum", limits.maximum), ("max_drop", limits.max_drop))
        found += [_judge(case, estimator, scores, limits, what, value) for what, value in named if value is not None]
    return found


def coverage(pairs: Iterable[Mapping[str, Any]], level: float) -> dict[str, Any]:
    """Say how often realised values lay within the intervals that were estimated before.

    :param pairs: the track record: each with ``inside``.
    :param level: two-sided confidence level of the share's own interval.
    :return: ``{"estimates", "inside", "share": interval or None}``.
    """
    hits = [bool(pair["inside"]) for pair in pairs]
    share = clopper_pearson(sum(hits), len(hits), level).to_dict() if hits else None
    return {"estimates": len(hits), "inside": sum(hits), "share": share}


def _tested(case: Case, held_out: cbpe.Calibration | ClassCalibration) -> Estimator:
    """Test the probabilities: on the labelled window, and of several classes on the held-out rows too."""
    level, then = case.errors.level, case.then.get().table
    tested: dict[str, Any] = {"labelled_window": None, "calibrator": held_out.calibrator.to_dict(), "spread": 1.0}
    problem, spread = "", 1.0
    if isinstance(held_out, ClassCalibration):
        own = class_cbpe.check_held_out(then.labels, then.candidate, held_out.calibrator)
        tested["held_out"] = own.to_dict()
        if own.p_value < _HELD_OUT_ALPHA:
            problem = f"no map makes probabilities of the scores at promotion (p = {own.p_value:.2g})"
    if case.now.rows is not None and not case.now.problem:
        if isinstance(held_out, cbpe.Calibration):
            check_finite(case.now.rows.table.candidate)
        test, found, spread = _on_labels(case.now.rows, held_out)
        tested |= {"labelled_window": test.to_dict() if test else None, "spread": spread}
        if test is None or test.p_value < case.policy.alpha:
            problem = problem or found
    return Estimator(held_out=held_out, level=level, spread=spread, assumptions=tested, problem=problem)


def _on_labels(rows: Rows, held_out: cbpe.Calibration | ClassCalibration) -> tuple[CalibrationTest | None, str, float]:
    """Test the probabilities on labelled rows: the test, what to say where they do not hold, and the design effect."""
    table, clusters, spread = rows.table, rows.clusters, 1.0
    try:
        if isinstance(held_out, ClassCalibration):
            check_class_scores(table.candidate, probabilities=True)
            p = held_out.calibrator.probabilities(table.candidate)
            test = class_cbpe.class_test(table.labels, p, clusters)
            spread = class_cbpe.class_design_effect(table.labels, p, table.candidate, clusters)
        else:
            p = held_out.calibrator.probabilities(table.candidate)
            spread = cbpe.design_effect(table.labels, p, clusters)
            test = spiegelhalter(table.labels, p, clusters)
    except NotMeasurable as error:
        return None, f"its probabilities could not be tested: {error}", spread
    found = f"on the newest labelled rows its probabilities do not hold (z = {test.z:.2f}, p = {test.p_value:.2g})"
    return test, found, spread


def _judge(
    case: Case, estimator: Estimator, scores: FloatArray, limits: MetricLimits, what: str, value: float
) -> RuleResult:
    rule = f"estimated_{limits.metric}_{what}"
    subject = f"The estimate of {limits.metric} of {case.who} ({CAVEAT})"
    numbers: dict[str, Any] = {"metric": limits.metric, "limit": value, "assumes": CAVEAT}
    higher = checked_metric(limits.metric, case.task).higher_is_better
    try:
        found = estimator.estimate(scores, limits, threshold_at(case, limits))
        if what == "max_drop":
            metric = checked_metric(limits.metric, case.task)
            then = case.then.measure(metric, limits, case.seed_of(limits.metric, "then"), estimator.level, DRAWS)
            moved = change(found, then)
            numbers |= {"promotion": then.value, "change": moved.to_dict()}
            outcome = decide_non_inferior(moved, value, higher_is_better=higher)
        else:
            outcome = (decide_minimum if what == "minimum" else decide_maximum)(found, value)
    except NotMeasurable as error:
        return unanswered(rule, ESTIMATED, subject, error, **numbers)
    text = f"{subject} is {found.value:.4g}, between {found.low:.4g} and {found.high:.4g}"
    doubts = estimator.doubts(scores)
    if outcome is Outcome.FAIL and not doubts:
        return result(rule, ESTIMATED, Outcome.FAIL, f"{text}: it breaks the {what} {value:g}.", found, **numbers)
    if doubts:
        numbers["broken_assumptions"] = list(doubts)
        reason = f"{text}; it is not to be believed: {'; '.join(doubts.values())}."
    elif outcome is Outcome.PASS:
        reason = f"{text}: nothing speaks against the {what} {value:g}, but only labels prove it."
    else:
        reason = f"{text}: on both sides of the {what} {value:g}."
    return result(rule, ESTIMATED, Outcome.INCONCLUSIVE, reason, found, **numbers)
