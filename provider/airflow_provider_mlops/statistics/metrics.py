"""The metrics that a policy can name: their direction, their interval, and their paired difference."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics import auc, bootstrap, loss, precision_recall
from airflow_provider_mlops.statistics.arrays import (
    BoolArray,
    FloatArray,
    as_floats,
    check_classes,
    check_finite,
    check_probabilities,
    check_same_length,
    positives_of,
)
from airflow_provider_mlops.statistics.intervals import wilson
from airflow_provider_mlops.statistics.paired import tango

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to measure.

    :param level: two-sided confidence level; 1 - 2 alpha holds two one-sided bounds at alpha.
    :param seed: seed of the draws, for metrics that draw.
    :param threshold: scores at or above it count as positive, for metrics that need it.
    """

    level: float
    seed: int = 0
    threshold: float = DEFAULT_THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(ABC):
    """A metric of scores against labels.

    :param name: the name in policies and records.
    :param higher_is_better: its direction.
    :param thresholded: whether it needs a threshold.
    :param seeded: whether its intervals draw random numbers.
    :param probabilities: whether scores must be within 0 and 1.
    :param least: rows that each class must have.
    """

    name: str
    higher_is_better: bool = True
    thresholded: bool = False
    seeded: bool = False
    probabilities: bool = False
    least: int = 0

    def point(self, labels: Any, scores: Any, options: Options) -> float:
        """Measure the value alone.

        :param labels: 0 or 1 per row.
        :param scores: one score per row.
        :param options: how to measure.
        :return: the value.
        :raises NotMeasurable: when the rows cannot answer.
        :raises BadInput: when the arrays do not pair up.
        """
        positive, (checked,) = self._checked(labels, scores)
        return self._point(positive, checked, options)

    def measure(self, labels: Any, scores: Any, options: Options) -> Interval:
        """Measure the value with its interval.

        :param labels: 0 or 1 per row.
        :param scores: one score per row.
        :param options: how to measure.
        :return: the value with its interval.
        :raises NotMeasurable: when the rows cannot answer.
        :raises BadInput: when the arrays do not pair up.
        """
        positive, (checked,) = self._checked(labels, scores)
        return self._interval(positive, checked, options)

    def compare(self, labels: Any, candidate: Any, champion: Any, options: Options) -> Interval:
        """Measure the difference of two models on the same rows.

        :param labels: 0 or 1 per row.
        :param candidate: one score per row.
        :param champion: one score per row, of the same rows.
        :param options: how to measure.
        :return: value of the candidate minus value of the champion, with its interval.
        :raises NotMeasurable: when the rows cannot answer.
        :raises BadInput: when the arrays do not pair up.
        """
        positive, (ours, theirs) = self._checked(labels, candidate, champion)
        return self._difference(positive, ours, theirs, options)

    def _checked(self, labels: Any, *scores: Any) -> tuple[BoolArray, list[FloatArray]]:
        arrays = [as_floats(values, "scores") for values in scores]
        truth = as_floats(labels, "labels")
        check_same_length(labels=truth, **{f"scores {index + 1}": array for index, array in enumerate(arrays)})
        positive = positives_of(truth)
        for array in arrays:
            check_finite(array)
            if self.probabilities:
                check_probabilities(array)
        check_classes(positive, self.least)
        return positive, arrays

    @abstractmethod
    def _point(self, positive: BoolArray, scores: FloatArray, options: Options) -> float: ...

    @abstractmethod
    def _interval(self, positive: BoolArray, scores: FloatArray, options: Options) -> Interval: ...

    @abstractmethod
    def _difference(
        self, positive: BoolArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval: ...


class RocAuc(Metric):
    """Area under the ROC curve, with DeLong intervals."""

    def _point(self, positive: BoolArray, scores: FloatArray, options: Options) -> float:
        return auc.auc_value(positive, scores)

    def _interval(self, positive: BoolArray, scores: FloatArray, options: Options) -> Interval:
        return auc.auc_interval(positive, scores, options.level)

    def _difference(
        self, positive: BoolArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval:
        return auc.auc_difference(positive, candidate, champion, options.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanLoss(Metric):
    """A mean over rows, with Student intervals.

    :param loss: the loss of a row.
    """

    loss: loss.Loss

    def _point(self, positive: BoolArray, scores: FloatArray, options: Options) -> float:
        return float(np.mean(self.loss(positive, scores)))

    def _interval(self, positive: BoolArray, scores: FloatArray, options: Options) -> Interval:
        return loss.loss_interval(self.loss, positive, scores, options.level)

    def _difference(
        self, positive: BoolArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval:
        return loss.loss_difference(self.loss, positive, candidate, champion, options.level)


class Accuracy(Metric):
    """Share of rows predicted right, with Wilson's interval and Tango's for the difference."""

    def _point(self, positive: BoolArray, scores: FloatArray, options: Options) -> float:
        return float(np.mean((scores >= options.threshold) == positive))

    def _interval(self, positive: BoolArray, scores: FloatArray, options: Options) -> Interval:
        right = int(np.count_nonzero((scores >= options.threshold) == positive))
        return wilson(right, len(scores), options.level)

    def _difference(
        self, positive: BoolArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval:
        ours = (candidate >= options.threshold) == positive
        theirs = (champion >= options.threshold) == positive
        gained, lost = int(np.count_nonzero(ours & ~theirs)), int(np.count_nonzero(theirs & ~ours))
        return tango(gained, lost, len(positive), options.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMetric(Metric):
    """A metric of the confusion table, with bootstrap intervals.

    :param of: the metric of a table.
    """

    of: bootstrap.TableMetric

    def _point(self, positive: BoolArray, scores: FloatArray, options: Options) -> float:
        return float(self.of(bootstrap.table_of(positive, scores >= options.threshold))[0])

    def _interval(self, positive: BoolArray, scores: FloatArray, options: Options) -> Interval:
        return bootstrap.table_interval(self.of, positive, scores >= options.threshold, options.level, options.seed)

    def _difference(
        self, positive: BoolArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval:
        ours, theirs = candidate >= options.threshold, champion >= options.threshold
        return bootstrap.table_difference(self.of, positive, ours, theirs, options.level, options.seed)


class AveragePrecision(Metric):
    """Area under the precision-recall steps, with bootstrap intervals."""

    def _point(self, positive: BoolArray, scores: FloatArray, options: Options) -> float:
        return precision_recall.average_precision(positive, scores)

    def _interval(self, positive: BoolArray, scores: FloatArray, options: Options) -> Interval:
        return precision_recall.precision_interval(positive, scores, options.level, options.seed)

    def _difference(
        self, positive: BoolArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval:
        return precision_recall.precision_difference(positive, candidate, champion, options.level, options.seed)


def _f1(table: bootstrap.Table) -> FloatArray:
    tp, fp, fn, _ = table
    return 2 * tp / (2 * tp + fp + fn)


def _balanced_accuracy(table: bootstrap.Table) -> FloatArray:
    tp, fp, fn, tn = table
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


_FEW = auc.MIN_PER_CLASS
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            RocAuc(name="roc_auc", least=_FEW),
            MeanLoss(name="brier", higher_is_better=False, probabilities=True, least=1, loss=loss.brier),
            MeanLoss(name="log_loss", higher_is_better=False, probabilities=True, least=1, loss=loss.log_loss),
            Accuracy(name="accuracy", thresholded=True, least=1),
            AveragePrecision(name="average_precision", seeded=True, least=_FEW),
            TableMetric(name="f1", thresholded=True, seeded=True, least=_FEW, of=_f1),
            TableMetric(name="balanced_accuracy", thresholded=True, seeded=True, least=_FEW, of=_balanced_accuracy),
        )
    }
)


def metric_named(name: str) -> Metric:
    """Look a metric up.

    :param name: its name.
    :return: the metric.
    :raises BadInput: when there is none of this name, with the names that there are.
    """
    if name not in METRICS:
        raise BadInput(f"There is no metric {name!r}; there are: {', '.join(METRICS)}.")
    return METRICS[name]
