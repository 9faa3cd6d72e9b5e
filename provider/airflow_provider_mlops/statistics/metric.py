"""What a metric is: its direction, its value under weights of the rows, its interval and its paired difference."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.folding import Difference, Statistic
from airflow_provider_mlops.statistics.metric_params import check_params
from airflow_provider_mlops.statistics.metric_rows import Rows, checked_rows
from airflow_provider_mlops.statistics.resampling import DRAWS, Plan, resample
from airflow_provider_mlops.statistics.score_table import BINARY

DEFAULT_THRESHOLD = 0.5
ANY_TASK = "any"
"""The task of a metric that knows for itself what its labels and scores are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """How to measure.

    :param level: two-sided confidence level; 1 - 2 alpha holds two one-sided bounds at alpha.
    :param seed: seed of the draws, for intervals that draw.
    :param threshold: scores at or above it count as positive, for metrics that need it.
    :param draws: resamples, for intervals that draw.
    :param clusters: code of each row's cluster or block of time; None where rows are independent.
    :param weights: weight of each row; None where all count the same.
    :param params: further numbers that the metric takes, by name; those not given have their default.
    """

    level: float
    seed: int = 0
    threshold: float = DEFAULT_THRESHOLD
    draws: int = DRAWS
    clusters: IntArray | None = None
    weights: FloatArray | None = None
    params: Mapping[str, float] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether rows are independent and count the same, as closed forms ask."""
        return self.clusters is None and self.weights is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(ABC):
    """A metric of scores against labels.

    Intervals have a closed form where rows are independent and count the same, if the metric has one; else the rows
    are drawn again, whole clusters of them where there are clusters.

    :param name: the name in policies and records.
    :param task: ``binary``, ``multiclass``, ``regression``, or ``any``.
    :param higher_is_better: its direction.
    :param thresholded: whether it needs a threshold.
    :param seeded: whether its intervals draw random numbers for rows that are independent and count the same.
    :param probabilities: whether scores must be probabilities.
    :param least: rows that each class must have.
    :param least_rows: rows that an interval needs.
    :param strata_below: classes are drawn separately where one has fewer rows: few where the metric depends on how
        frequent the classes are, so that this frequency is drawn too; 0 where it needs no class.
    :param params: names of the further numbers that it takes, with their defaults.
    :param within: what its value can be at all.
    """

    name: str
    task: str = BINARY
    higher_is_better: bool = True
    thresholded: bool = False
    seeded: bool = False
    probabilities: bool = False
    least: int = 0
    least_rows: int = 1
    strata_below: int = 0
    params: Mapping[str, float] = field(default_factory=dict)
    within: tuple[float, float] = (0.0, 1.0)

    def point(self, labels: Any, scores: Any, options: Options) -> float:
        """Measure the value alone.

        :param labels: 0 or 1 per row, the index of the class, or the value, by the task.
        :param scores: one score per row, or a row of class probabilities per row (multiclass).
        :param options: how to measure.
        :return: the value.
        :raises NotMeasurable: when the rows cannot answer.
        :raises BadInput: when the arrays do not pair up, or a param is not what the metric takes.
        """
        rows = self._checked(labels, (scores,), options)
        return self._value(rows.truth, rows.scores[0], options)

    def measure(self, labels: Any, scores: Any, options: Options) -> Interval:
        """Measure the value with its interval.

        :param labels: as for `point`.
        :param scores: as for `point`.
        :param options: how to measure.
        :return: the value with its interval.
        :raises NotMeasurable: when the rows cannot answer.
        :raises BadInput: when the arrays do not pair up, or a param is not what the metric takes.
        """
        rows = self._checked(labels, (scores,), options)
        self._check_enough(rows)
        self._value(rows.truth, rows.scores[0], options)
        closed = self._interval(rows.truth, rows.scores[0], options) if options.plain else None
        if closed is not None:
            return closed
        return self._resampled(
            rows, self.statistic(rows.truth, rows.scores[0], options), self._within(options), options
        )

    def compare(self, labels: Any, candidate: Any, champion: Any, options: Options) -> Interval:
        """Measure the difference of two models on the same rows.

        :param labels: as for `point`.
        :param candidate: scores, as for `point`.
        :param champion: scores of the same rows.
        :param options: how to measure.
        :return: value of the candidate minus value of the champion, with its interval.
        :raises NotMeasurable: when the rows cannot answer.
        :raises BadInput: when the arrays do not pair up, or a param is not what the metric takes.
        """
        rows = self._checked(labels, (candidate, champion), options)
        self._check_enough(rows)
        for scores in rows.scores:
            self._value(rows.truth, scores, options)
        first, second = rows.scores
        closed = self._difference(rows.truth, first, second, options) if options.plain else None
        if closed is not None:
            return closed
        ours, theirs = (self.statistic(rows.truth, scores, options) for scores in rows.scores)
        low, high = self._within(options)
        return self._resampled(rows, Difference(ours, theirs), (low - high, high - low), options)

    def values(self, truth: Any, scores: FloatArray, weights: FloatArray, options: Options) -> FloatArray:
        """Compute the metric under many sets of row weights at once, without checking the rows.

        :param truth: labels that `point` accepts.
        :param scores: scores that `point` accepts.
        :param weights: of shape (sets, rows), finite and not negative.
        :param options: how to measure; its own weights and clusters are not used.
        :return: one value per set; NaN where the metric is not defined.
        """
        return self.statistic(np.asarray(truth, dtype=np.float64), scores, options)(weights)

    def draws_for(self, options: Options) -> bool:
        """Say whether an interval draws random numbers, so that its seed belongs to the evidence.

        :param options: how to measure.
        """
        return self.seeded or not options.plain

    def check_params(self, params: Mapping[str, float]) -> None:
        """Refuse params that the metric does not take, or out of their range.

        :param params: numbers by name.
        :raises BadInput: naming what it takes, or the range.
        """
        check_params(self.name, self.params, params)

    @abstractmethod
    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the metric of these rows, so that many sets of weights cost little.

        :param truth: the labels, checked.
        :param scores: the scores, checked.
        :param options: how to measure.
        :return: the metric as a function of the rows' weights; a `Foldable` where clusters can stand in for rows.
        """

    def _interval(self, truth: FloatArray, scores: FloatArray, options: Options) -> Interval | None:
        """Give the closed form for rows that are independent and count the same, None where there is none."""
        return None

    def _difference(
        self, truth: FloatArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval | None:
        """Give the closed form of the paired difference, None where there is none."""
        return None

    def _scale(self, truth: FloatArray, scores: tuple[FloatArray, ...], options: Options) -> float:
        """Return the largest change that one row could make if it were the only one."""
        return 1.0

    def _within(self, options: Options) -> tuple[float, float]:
        """Return what the value can be at all."""
        return self.within

    def _value(self, truth: FloatArray, scores: FloatArray, options: Options) -> float:
        weights = np.ones(len(truth)) if options.weights is None else options.weights
        value = float(self.statistic(truth, scores, options)(weights[None, :])[0])
        return value if math.isfinite(value) else self._refuse(options)

    def _refuse(self, options: Options) -> NoReturn:
        raise NotMeasurable(f"{self.name} is not defined on these rows: {self._undefined(options)}.")

    def _undefined(self, options: Options) -> str:
        """Say in which case the value has a denominator of zero."""
        return "its denominator is zero"

    def _params(self, options: Options) -> dict[str, float]:
        return {**self.params, **options.params}

    def _checked(self, labels: Any, scores: tuple[Any, ...], options: Options) -> Rows:
        self.check_params(options.params)
        return checked_rows(
            self.task,
            labels,
            scores,
            weights=options.weights,
            clusters=options.clusters,
            least=self.least,
            probabilities=self.probabilities,
        )

    def _check_enough(self, rows: Rows) -> None:
        if rows.counted < self.least_rows:
            raise NotMeasurable(
                f"There are {rows.counted} rows; {self.name} needs at least {self.least_rows} for its interval."
            )

    def _resampled(self, rows: Rows, statistic: Statistic, within: tuple[float, float], options: Options) -> Interval:
        apart = options.clusters is None and rows.smallest < self.strata_below
        plan = Plan(
            n=len(rows.truth),
            seed=options.seed,
            draws=options.draws,
            strata=rows.classes if apart else None,
            clusters=options.clusters,
            weights=options.weights,
        )
        return resample(
            statistic,
            plan,
            options.level,
            smallest=rows.smallest if self.strata_below else rows.counted,
            scale=self._scale(rows.truth, rows.scores, options),
            within=within,
        )


def with_rows(interval: Interval, n: int) -> Interval:
    """Say of how many rows an interval is, where it was computed on some of them.

    :param interval: the interval.
    :param n: all rows.
    :return: the same bounds.
    """
    return replace(interval, n=n)
