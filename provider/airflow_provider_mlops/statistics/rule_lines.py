"""The rules of a verdict on one scale: how far each measurement, with its interval, is from its bound.

Rules have different units. Each line is therefore drawn on a scale of its own: the bound is at 0, what is better than
the bound is positive, and the far end of the interval is at 1 or -1.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.rules import FAIRNESS_METRICS
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.metrics import METRICS

RATIO = "demographic_parity_ratio"
_ESTIMATES = ("difference", "estimate", "measured", "candidate", "value")
_ORDER = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule whose interval is judged against a bound, in the unit of its metric.

    :param result: what the rule said.
    :param value: the estimate.
    :param low: lower bound of its interval.
    :param high: upper bound of its interval.
    :param bound: what it is judged against.
    :param higher_is_better: the direction.
    :param paired: whether the estimate is a difference of two models, so that zero is no difference.
    :param watched: whether the rule fails only when it is proved worse than the bound.
    """

    result: RuleResult
    value: float
    low: float
    high: float
    bound: float
    higher_is_better: bool
    paired: bool
    watched: bool

    def place(self, figure: float) -> float:
        """Return where a figure of this rule's unit stands on the common scale.

        :param figure: the figure.
        """
        sign = 1.0 if self.higher_is_better else -1.0
        span = max(abs(self.low - self.bound), abs(self.high - self.bound), abs(self.value - self.bound)) or 1.0
        return sign * (figure - self.bound) / span

    @property
    def places(self) -> tuple[float, float, float]:
        """The worse end, the estimate and the better end on the common scale."""
        ends = sorted((self.place(self.low), self.place(self.high)))
        return ends[0], self.place(self.value), ends[1]


def line_of(result: RuleResult) -> RuleLine | None:
    """Read a rule as a line.

    :param result: what the rule said.
    :return: the line; None for a rule about facts, or one that could not be measured.
    """
    numbers = result.numbers
    interval, found = _interval(result), _bound(numbers, higher=_direction(result))
    if interval is None or found is None:
        return None
    value, low, high = interval
    bound, higher = found
    return RuleLine(
        result=result,
        value=value,
        low=low,
        high=high,
        bound=bound,
        higher_is_better=higher,
        paired="difference" in numbers,
        watched="worse" in numbers,
    )


def expanded(results: Iterable[RuleResult]) -> list[RuleResult]:
    """Put a line per slice in the place of a rule that watches many slices in one.

    :param results: the rules of a verdict.
    :return: the same rules, each watched slice with an outcome of its own: FAIL where it is proved worse. A rule whose
        outcome is none of its slices', such as for a slice that is missing, keeps a line of its own.
    """
    found = []
    for result in results:
        slices = _slices_of(result)
        if result.outcome not in {one.outcome for one in slices}:
            found.append(result)
        found += slices
    return found


def worst_first(results: Iterable[RuleResult]) -> list[RuleResult]:
    """Order rules for readers who stop early: what failed, what is open, then what passed by the least.

    :param results: the rules of a verdict.
    :return: the same rules.
    """

    def key(result: RuleResult) -> tuple[int, float]:
        line = line_of(result)
        return _ORDER[result.outcome], line.places[0] if line else -2.0

    return sorted(results, key=key)


def _slices_of(result: RuleResult) -> list[RuleResult]:
    shared = {name: result.numbers.get(name) for name in ("metric", "limit", "margin")}
    rows = result.numbers.get("slices")
    return [
        RuleResult(
            rule=f"{result.rule}[{row.get('slice_value')}]",
            outcome=Outcome.FAIL if row.get("worse") else Outcome.PASS,
            reason=result.reason,
            numbers={**shared, **row},
        )
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping)
    ]


def _interval(result: RuleResult) -> tuple[float, float, float] | None:
    """Return estimate and bounds; a measure of fairness, which has two sides, is folded onto its worse one."""
    numbers = result.numbers
    low, high, value = _number(numbers.get("low")), _number(numbers.get("high")), _estimate(numbers)
    if low is None or high is None or value is None:
        return None
    if numbers.get("metric") not in FAIRNESS_METRICS:
        return value, low, high
    if result.outcome is Outcome.INCONCLUSIVE:
        # The wider bounds, corrected for the number of groups, are those that could not refuse.
        corrected = _number(numbers.get("corrected_low")), _number(numbers.get("corrected_high"))
        low, high = (wide if wide is not None else narrow for wide, narrow in zip(corrected, (low, high), strict=True))
    if numbers["metric"] == RATIO:
        return (value, low, high) if value <= 1 or low <= 0 else (1 / value, 1 / high, 1 / low)
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return abs(value), nearest, max(abs(low), abs(high))


def _estimate(numbers: Mapping[str, Any]) -> float | None:
    return next((found for name in _ESTIMATES if (found := _number(numbers.get(name))) is not None), None)


def _bound(numbers: Mapping[str, Any], *, higher: bool | None) -> tuple[float, bool] | None:
    """Return the bound and the direction; None when the figures hold no bound."""
    limit, margin, gain = (_number(numbers.get(name)) for name in ("limit", "margin", "by"))
    if higher is None or (limit is None and margin is None and gain is None):
        return None
    if limit is not None:
        return limit, higher
    needed = gain if gain is not None else -(margin or 0.0)
    return (needed if higher else -needed), higher


def _direction(result: RuleResult) -> bool | None:
    """Return whether higher is better: by the bound that decided, by the metric, else by the side of the limit."""
    numbers = result.numbers
    metric = str(numbers.get("metric", ""))
    if isinstance(numbers.get("higher_is_better"), bool):
        return bool(numbers["higher_is_better"])
    if numbers.get("bound") in {"low", "high"}:
        return (numbers["bound"] == "low") is (result.outcome is not Outcome.FAIL)
    if metric in METRICS:
        return METRICS[metric].higher_is_better
    if metric in FAIRNESS_METRICS:
        return metric == RATIO
    return _from_outcome(result)


def _from_outcome(result: RuleResult) -> bool | None:
    """Tell the direction from the side of its limit that a decided rule is on."""
    low, high, limit = (_number(result.numbers.get(name)) for name in ("low", "high", "limit"))
    if low is None or high is None or limit is None or result.outcome is Outcome.INCONCLUSIVE:
        return None
    above = low >= limit
    if not above and high > limit:
        return None
    return above is (result.outcome is Outcome.PASS)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
