"""The kinds of rule that a gate's policy can hold.

One dataclass per kind: its fields are the keys that the kind may have, those without a default are required. A new
kind is a new dataclass here, its form in ``backends/schemas/policy.schema.json`` and its judgement in ``statistics``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_mlops.core import reading

CHAMPION = "champion"
GOLDEN = "golden"
OPERATING = "operating"
"""As a threshold: the one that each model chose on its validation rows and froze when it was trained."""


def _key(read: Callable[[Any, str], Any], **default: Any) -> Any:
    """Declare a key of a rule: how it is read, and its default when it is optional."""
    return field(metadata={"read": read}, **default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule has.

    :param name: unique in its policy.
    """

    kind: ClassVar[str] = ""
    name: str = _key(reading.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinRows(Rule):
    """Enough test rows to judge at all.

    :param rows: labelled rows.
    :param positives: rows of the positive class.
    """

    kind: ClassVar[str] = "min_rows"
    rows: int = _key(reading.count)
    positives: int | None = _key(reading.count, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxLooks(Rule):
    """Not too many gates judged on the same test rows.

    :param value: looks that are allowed, the present one included.
    """

    kind: ClassVar[str] = "max_looks"
    value: int = _key(reading.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAge(Rule):
    """Test rows that span enough time, and are new enough.

    :param min_days: days between the first and the last test row.
    :param max_age_days: days since the newest labelled row, counted to the evaluation.
    """

    kind: ClassVar[str] = "data_age"
    min_days: float | None = _key(reading.above_zero, default=None)
    max_age_days: float | None = _key(reading.above_zero, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage(Rule):
    """Nothing of the test rows was in the training.

    :param max_row_overlap: test rows whose feature values and label also stand among the training rows.
    :param max_entity_overlap: entities of the test rows that were trained on too; None where that is no concern.
    :param time_ordered: whether every training row must be older than every test row.
    :param max_single_feature_auc: ROC-AUC above which one feature alone is taken to give the label away.
    """

    kind: ClassVar[str] = "leakage"
    max_row_overlap: int = _key(reading.whole, default=0)
    max_entity_overlap: int | None = _key(reading.whole, default=None)
    time_ordered: bool = _key(reading.yes_no, default=True)
    max_single_feature_auc: float = _key(reading.share, default=0.999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Infrastructure(Rule):
    """The model serves: it loads from the registry's bytes in a clean process and answers as it was trained to.

    That it loads, accepts its signature, rejects a wrong one and predicts the probe rows identically is always
    demanded.

    :param p95_latency_ms: the upper bound of the 95th percentile of the time for one row must keep it, milliseconds.
    :param peak_memory_mib: peak resident memory of the process that serves, MiB.
    """

    kind: ClassVar[str] = "infrastructure"
    p95_latency_ms: float | None = _key(reading.above_zero, default=None)
    peak_memory_mib: float | None = _key(reading.above_zero, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactScan(Rule):
    """The model's files can be loaded without running code that nobody has allowed.

    :param trusted_types: types beyond skops' own list that a skops archive may hold.
    :param allow_pickle: whether a pickle is allowed among the files.
    """

    kind: ClassVar[str] = "artifact_scan"
    trusted_types: tuple[str, ...] = _key(reading.texts, default=())
    allow_pickle: bool = _key(reading.yes_no, default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRule(Rule):
    """What every rule about a metric has.

    :param metric: name of the metric, or import path ``package.module:function`` of one's own.
    :param threshold: scores at or above it count as positive; a number, or ``operating`` for the one that each model
        froze in its training. Only for metrics that need it, there 0.5 by default.
    :param params: further numbers that the metric takes, e.g. ``{precision: 0.9}`` or the costs of a cost matrix.
    :param higher_is_better: direction of one's own metric; the built-in ones know theirs.
    :param slice: column of the test rows; the rule is then judged once per value of it.
    :param values: values of the slice column that must be there; a missing one fails closed.
    :param min_rows: rows that every slice must have, else it is inconclusive.
    """

    metric: str = _key(reading.text)
    threshold: float | str | None = _key(reading.threshold, default=None)
    params: Mapping[str, float] = _key(reading.numbers, default_factory=dict)
    higher_is_better: bool | None = _key(reading.yes_no, default=None)
    slice: str | None = _key(reading.text, default=None)
    values: tuple[str, ...] = _key(reading.texts, default=())
    min_rows: int | None = _key(reading.count, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum(MetricRule):
    """The candidate's metric is at least a value.

    :param value: smallest value that is allowed.
    """

    kind: ClassVar[str] = "minimum"
    value: float = _key(reading.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum(MetricRule):
    """The candidate's metric is at most a value.

    :param value: largest value that is allowed.
    """

    kind: ClassVar[str] = "maximum"
    value: float = _key(reading.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferior(MetricRule):
    """The candidate is not worse than the champion, or the golden version, by the margin or more.

    :param margin: loss accepted per release, in the unit of the metric, above zero.
    :param against: ``champion`` or ``golden``.
    """

    kind: ClassVar[str] = "non_inferior"
    margin: float = _key(reading.above_zero)
    against: str = _key(reading.one_of(CHAMPION, GOLDEN), default=CHAMPION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Superior(MetricRule):
    """The candidate is better than the champion, or the golden version.

    After a non-inferiority rule about the same metric it costs no further error rate: a fixed sequence.

    :param by: gain that must be exceeded, in the unit of the metric.
    :param against: ``champion`` or ``golden``.
    """

    kind: ClassVar[str] = "superior"
    by: float = _key(reading.not_negative, default=0.0)
    against: str = _key(reading.one_of(CHAMPION, GOLDEN), default=CHAMPION)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockIfWorse(MetricRule):
    """No slice is proved worse than the champion's: watched slices, corrected for their number by Holm's steps.

    Slices below ``min_rows`` are listed as not assessed. ``slice`` is required.

    :param margin: loss that is no harm, in the unit of the metric.
    :param against: ``champion`` or ``golden``.
    """

    kind: ClassVar[str] = "block_if_worse"
    margin: float = _key(reading.not_negative, default=0.0)
    against: str = _key(reading.one_of(CHAMPION, GOLDEN), default=CHAMPION)


FAIRNESS_METRICS = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "false_positive_rate_difference",
    "equalized_odds_difference",
    "calibration_gap",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness(Rule):
    """Groups are treated alike, each compared with the reference group, corrected for their number by Holm's steps.

    :param metric: one of `FAIRNESS_METRICS`; the names are fairlearn's where it has them.
    :param value: the smallest ratio (``demographic_parity_ratio``) or the largest difference that is allowed.
    :param group: columns of the test rows; several give their intersections.
    :param reference: the group to compare with, the columns' values in their order; default: the largest group.
    :param threshold: as for a metric; default 0.5.
    :param min_rows: rows that a group must have to be compared; smaller ones have too few rows to say.
    """

    kind: ClassVar[str] = "fairness"
    metric: str = _key(reading.one_of(*FAIRNESS_METRICS))
    value: float = _key(reading.share)
    group: tuple[str, ...] = _key(reading.texts)
    reference: tuple[str, ...] = _key(reading.texts, default=())
    threshold: float | str | None = _key(reading.threshold, default=None)
    min_rows: int | None = _key(reading.count, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRate(Rule):
    """Few decisions change when one fact about a case is altered (counterfactual flips).

    :param variant: name of the altered rows, as `EvaluateModelOperator` was told to make them.
    :param value: largest share of rows whose decision may change, judged on the upper bound.
    :param threshold: as for a metric; default 0.5.
    """

    kind: ClassVar[str] = "flip_rate"
    variant: str = _key(reading.text)
    value: float = _key(reading.share)
    threshold: float | str | None = _key(reading.threshold, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress(MetricRule):
    """The candidate keeps its metric, but for a margin, on rows that were disturbed.

    :param variant: name of the disturbed rows, as `EvaluateModelOperator` was told to make them.
    :param margin: largest loss against the undisturbed rows, in the unit of the metric.
    """

    kind: ClassVar[str] = "stress"
    variant: str = _key(reading.text)
    margin: float = _key(reading.above_zero)


KINDS: Mapping[str, type[Rule]] = {
    rule.kind: rule
    for rule in (
        MinRows,
        MaxLooks,
        DataAge,
        Leakage,
        Infrastructure,
        ArtifactScan,
        Minimum,
        Maximum,
        NonInferior,
        Superior,
        BlockIfWorse,
        Fairness,
        FlipRate,
        Stress,
    )
}
