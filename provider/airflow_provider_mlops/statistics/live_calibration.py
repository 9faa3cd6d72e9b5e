"""Whether probabilities still mean what they meant at promotion: the calibration line of labelled rows, then and now.

Of several classes each has a line of its own, its probability against all others (class-wise calibration). A limit
holds when it holds for every class; a class that breaks it must prove that at an error rate divided by their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable, TooFewClusters
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.calibration_line import INTERCEPT, SLOPE, calibration_line
from airflow_provider_mlops.statistics.performance_decision import Errors, result, shift_text, unanswered
from airflow_provider_mlops.statistics.score_table import BINARY, MULTICLASS
from airflow_provider_mlops.statistics.two_samples import change

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.performance import Case, Side

CALIBRATION = "calibration"
_ORDER = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)


@dataclass(frozen=True, slots=True)
class _Shift:
    """What a line did since promotion.

    :param outcome: what that says.
    :param found: the change, with the interval that decided.
    :param alpha: error rate of that interval.
    :param now: the value today.
    :param then: the value at promotion.
    :param of_class: index of the class; None where there are two.
    """

    outcome: Outcome
    found: Interval
    alpha: float
    now: Interval
    then: Interval
    of_class: int | None = None

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts the class that decides to the front: the worst outcome, then the largest change."""
        return _ORDER.index(self.outcome), -abs(self.found.value)


def judge_calibration(case: Case) -> Iterator[RuleResult]:
    """Judge the policy's limits of the calibration line.

    :param case: the version with its rows.
    :return: one result per limit; of several classes with the class that decides.
    :raises BadInput: when the model says no probabilities of classes.
    """
    limits = case.policy.calibration
    if limits is None:
        return
    if case.task not in (BINARY, MULTICLASS):
        raise BadInput(f"calibration is for models of the tasks binary and multiclass; this one is {case.task}.")
    for part, limit in ((INTERCEPT, limits.intercept), (SLOPE, limits.slope)):
        if limit is not None:
            yield _line(case, part, limit)


def _line(case: Case, part: str, limit: float) -> RuleResult:
    rule, what = f"calibration_{part}", f"The calibration {part} of {case.who}"
    try:
        shift = _decided(case, part, limit)
    except NotMeasurable as error:
        return unanswered(rule, CALIBRATION, what, error, limit=limit)
    name = None if shift.of_class is None else _class_name(case, shift.of_class)
    start = f"{what}{f' for class {name}' if name else ''} is {shift.now.value:.3f}"
    reason = shift_text(
        shift.outcome, f"{start}, at promotion it was {shift.then.value:.3f}", shift.found, limit, "shift"
    )
    numbers = {"limit": limit, "alpha": shift.alpha, "promotion": shift.then.value, "change": shift.found.to_dict()}
    return result(rule, CALIBRATION, shift.outcome, reason, shift.now, **numbers, **{"class": name})


def _decided(case: Case, part: str, limit: float) -> _Shift:
    """Return the shift that decides: the only one, or that of the worst class."""
    if case.task == BINARY:
        return _shift(case, part, limit, case.errors)
    classes = case.then.get().table.candidate.shape[1]
    # Any class can ring, so that each must prove it at a smaller error rate; to hold, each must hold.
    errors = Errors(case.policy.alpha, case.errors.alarms * classes)
    return min((_shift(case, part, limit, errors, one) for one in range(classes)), key=lambda shift: shift.rank)


def _shift(case: Case, part: str, limit: float, errors: Errors, of_class: int | None = None) -> _Shift:
    def at(side: Side, level: float) -> Interval:
        table, clusters = side.get().table, side.get().clusters
        if of_class is None:
            return calibration_line(table.labels, table.candidate, level, clusters)[part]
        labels = (table.labels == of_class).astype(float)
        try:
            return calibration_line(labels, table.candidate[:, of_class], level, clusters)[part]
        except TooFewClusters:
            raise  # that is so of every class
        except NotMeasurable as error:
            raise NotMeasurable(f"Class {_class_name(case, of_class)} against the others: {error}") from None

    def decision(shift: Interval) -> Outcome:
        if shift.low > limit or shift.high < -limit:
            return Outcome.FAIL
        return Outcome.PASS if -limit <= shift.low and shift.high <= limit else Outcome.INCONCLUSIVE

    def measure(level: float, _: int) -> Interval:
        return change(at(case.now, level), at(case.then, level))

    outcome, found, alpha = errors.decide(measure, decision, limit)
    now, then = at(case.now, case.errors.level), at(case.then, case.errors.level)
    return _Shift(outcome, found, alpha, now, then, of_class)


def _class_name(case: Case, index: int) -> str:
    return str(case.classes[index])[:80] if case.classes else str(index)
