"""The monitoring policy: what a served model must keep up, and what its label-free estimate may decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.dependence import Dependence, read_dependence
from airflow_provider_mlops.core.errors import BadInput

SCHEMA = 1
OFF, WARNS, DECIDES = "off", "warns", "decides"
ESTIMATES = (OFF, WARNS, DECIDES)
P95_MS = 200.0
"""Bound on the 95th percentile of the latency where the policy states none, milliseconds."""

_WHERE = "The monitoring policy"
_LOSSES = ("log_loss", "brier", "multiclass_log_loss", "mae")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLimits:
    """What one metric must keep up on labelled rows.

    :param metric: name of the metric.
    :param minimum: smallest value that is allowed.
    :param maximum: largest value that is allowed.
    :param max_drop: how much worse than at promotion it may be, in the unit of the metric: a non-inferiority margin.
    :param threshold: scores at or above it count as positive; a number, or ``operating`` for the model's own.
    :param params: further numbers that the metric takes.
    """

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    max_drop: float | None = None
    threshold: float | str | None = None
    params: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptLimit:
    """How far the mean loss of labelled rows may rise above that at promotion.

    :param max_shift: the rise, in the unit of the loss.
    :param loss: ``log_loss`` or ``brier`` (binary), ``multiclass_log_loss`` (multiclass), ``mae`` (regression); None:
        the first of the model's task.
    """

    max_shift: float
    loss: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationLimits:
    """How far the calibration line of labelled rows may move from that at promotion, either way.

    Of several classes each has a line, and each must keep the limits.

    :param intercept: largest shift of the intercept, on the logit scale; None: not judged.
    :param slope: largest shift of the slope; None: not judged.
    """

    intercept: float | None = None
    slope: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceLimit:
    """How far the ranking of the features may change.

    :param min_correlation: smallest rank correlation with the importances of the evaluation at promotion.
    :param top: how many of the first features are named when they enter or leave.
    """

    min_correlation: float
    top: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformancePolicy:
    """What a served model must keep up.

    :param name: name of the policy.
    :param alpha: one-sided error rate of every rule, above 0 and below 0.5; a breach is corrected for their number.
    :param metrics: limits of metrics on labelled rows.
    :param dependence: rows of the log that belong together, by the log's ``time`` or another of its columns; None when
        all are independent.
    :param min_rows: labelled rows that the window must have.
    :param min_labelled: share of the scored rows of mature partitions that must have a label.
    :param p95_ms: bound on the 95th percentile of the latency, milliseconds; None: not judged.
    :param max_error_rate: bound on the share of rows that could not be scored; None: not judged.
    :param concept: limit of the loss; None: not judged.
    :param calibration: limits of the calibration line; None: not judged.
    :param fairness: gate policy whose fairness rules are judged on live rows, relative to the bundle; None: none.
    :param importance: limit of the features' ranking; None: not judged.
    :param estimate: what the label-free estimate may do: ``off``, ``warns``, or ``decides``: its breach is a FAIL.
    :param hash: hash of the mapping that it was read from.
    :param content: that mapping.
    """

    name: str
    alpha: float = 0.05
    metrics: tuple[MetricLimits, ...] = ()
    dependence: Dependence | None = None
    min_rows: int = 200
    min_labelled: float = 0.8
    p95_ms: float | None = None
    max_error_rate: float | None = None
    concept: ConceptLimit | None = None
    calibration: CalibrationLimits | None = None
    fairness: str | None = None
    importance: ImportanceLimit | None = None
    estimate: str = WARNS
    hash: str
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "PerformancePolicy":
        """Read a monitoring policy.

        :param mapping: the loaded file; ``schema``, ``name`` and at least one thing to judge are required.
        :return: the policy.
        :raises BadInput: on an unknown, missing or malformed key, a metric named twice, or nothing to judge.
        """
        reading.check_keys(mapping, _WHERE, allowed=("schema", "name", *_READERS), required=("schema", "name"))
        reading.check_schema(mapping, _WHERE, SCHEMA)
        values: dict[str, Any] = {}
        for key, (name, read) in _READERS.items():
            if key in mapping:
                values[name] = read(mapping[key], f"{_WHERE}'s {key}")
        name = reading.text(mapping["name"], f"{_WHERE}'s name")
        found = cls(name=name, hash=sha256_of(mapping), content=mapping, **values)
        if not found.labelled_rules and found.p95_ms is None and found.max_error_rate is None:
            raise BadInput(f"{_WHERE} demands nothing: give metrics, latency, error_rate or another thing to judge.")
        return found

    @property
    def labelled_rules(self) -> bool:
        """Whether anything is judged on labelled rows."""
        return bool(self.metrics or self.concept or self.calibration or self.fairness or self.importance)

    @property
    def alarms(self) -> int:
        """How many bounds can each be found broken: what a breach is corrected for (Bonferroni)."""
        of_metrics = sum(
            value is not None for limits in self.metrics for value in (limits.minimum, limits.maximum, limits.max_drop)
        )
        lines = (self.calibration.intercept, self.calibration.slope) if self.calibration else ()
        others = (self.p95_ms, self.max_error_rate, self.concept, self.fairness, self.importance, *lines)
        return max(1, of_metrics + sum(value is not None for value in others))


def _metrics(value: Any, where: str) -> tuple[MetricLimits, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise BadInput(f"{where} must be a list with at least one metric, not {value!r}.")
    found = tuple(_limits(item, f"{where}[{index}]") for index, item in enumerate(value))
    names = [limits.metric for limits in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"{where} has {twice!r} twice; put its limits together.")
    return found


def _limits(item: Any, where: str) -> MetricLimits:
    readers = {
        "metric": reading.text,
        "minimum": reading.number,
        "maximum": reading.number,
        "max_drop": reading.above_zero,
        "threshold": reading.threshold,
        "params": reading.numbers,
    }
    reading.check_keys(item, where, allowed=readers, required=("metric",))
    found = MetricLimits(**{key: readers[key](item[key], f"{where}: {key}") for key in item})  # type: ignore[arg-type]  # each reader gives its own
    if found.minimum is None and found.maximum is None and found.max_drop is None:
        raise BadInput(f"{where} demands nothing of {found.metric}: give minimum, maximum or max_drop.")
    return found


def _latency(value: Any, where: str) -> float:
    reading.check_keys(value, where, allowed=("p95_ms",))
    return reading.above_zero(value.get("p95_ms", P95_MS), f"{where}: p95_ms")


def _error_rate(value: Any, where: str) -> float:
    if not 0 < reading.number(value, where) < 1:
        raise BadInput(
            f"{where} must be above 0 and below 1, not {value!r}: no number of calls proves that none fails."
        )
    return float(value)


def _concept(value: Any, where: str) -> ConceptLimit:
    reading.check_keys(value, where, allowed=("max_shift", "loss"), required=("max_shift",))
    loss = reading.one_of(*_LOSSES)(value["loss"], f"{where}: loss") if "loss" in value else None
    return ConceptLimit(max_shift=reading.above_zero(value["max_shift"], f"{where}: max_shift"), loss=loss)


def _calibration(value: Any, where: str) -> CalibrationLimits:
    reading.check_keys(value, where, allowed=("intercept", "slope"))
    if not value:
        raise BadInput(f"{where} demands nothing: give intercept, slope, or both.")
    return CalibrationLimits(**{key: reading.above_zero(limit, f"{where}: {key}") for key, limit in value.items()})


def _importance(value: Any, where: str) -> ImportanceLimit:
    reading.check_keys(value, where, allowed=("min_correlation", "top"), required=("min_correlation",))
    top = reading.count(value.get("top", 5), f"{where}: top")
    smallest = reading.share(value["min_correlation"], f"{where}: min_correlation")
    return ImportanceLimit(min_correlation=smallest, top=top)


_READERS: Mapping[str, tuple[str, Any]] = {
    "alpha": ("alpha", reading.alpha),
    "metrics": ("metrics", _metrics),
    "dependence": ("dependence", read_dependence),
    "min_rows": ("min_rows", reading.count),
    "min_labelled": ("min_labelled", reading.share),
    "latency": ("p95_ms", _latency),
    "error_rate": ("max_error_rate", _error_rate),
    "concept": ("concept", _concept),
    "calibration": ("calibration", _calibration),
    "fairness": ("fairness", reading.text),
    "importance": ("importance", _importance),
    "estimate": ("estimate", reading.one_of(*ESTIMATES)),
}
