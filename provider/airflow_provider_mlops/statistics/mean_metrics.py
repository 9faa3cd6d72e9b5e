"""Metrics that are a mean over rows: losses with Student intervals, shares of rows with Wilson's and Tango's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray
from airflow_provider_mlops.statistics.folding import OfSums, Statistic, weighted_mean
from airflow_provider_mlops.statistics.intervals import mean_interval, proportion
from airflow_provider_mlops.statistics.metric import Metric, Options, with_rows
from airflow_provider_mlops.statistics.paired import tango
from airflow_provider_mlops.statistics.weighted import Sum, ratio

RowLoss = Callable[..., FloatArray]
"""Maps labels, scores and the metric's params by name to one loss per row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanLoss(Metric):
    """A mean loss.

    :param loss: the loss of a row.
    """

    loss: RowLoss

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted mean of the losses; see `Metric.statistic`."""
        return weighted_mean(self._losses(truth, scores, options))

    def _interval(self, truth: FloatArray, scores: FloatArray, options: Options) -> Interval:
        losses = self._losses(truth, scores, options)
        return mean_interval(losses, options.level, scale=self._scale(truth, (scores,), options))

    def _difference(self, truth: FloatArray, candidate: FloatArray, champion: FloatArray, options: Options) -> Interval:
        gaps = self._losses(truth, candidate, options) - self._losses(truth, champion, options)
        scale = self._scale(truth, (candidate, champion), options)
        return mean_interval(gaps, options.level, scale=scale, method="student_t_paired")

    def _losses(self, truth: FloatArray, scores: FloatArray, options: Options) -> FloatArray:
        return self.loss(truth, scores, **self._params(options))

    def _scale(self, truth: FloatArray, scores: tuple[FloatArray, ...], options: Options) -> float:
        """Return the largest loss seen; where no model ever errs, that of a model which knows the mean only."""
        seen = max(float(np.max(self._losses(truth, model, options))) for model in scores)
        if seen <= 0 and truth.ndim == scores[0].ndim:
            seen = float(np.max(self._losses(truth, np.full(len(truth), np.mean(truth)), options)))
        if seen <= 0:
            raise NotMeasurable("No row has a loss and all labels are the same: nothing shows how far a row may err.")
        return seen


class Share(Metric):
    """A share of rows: those that count as right among those that are asked about."""

    def right(self, truth: FloatArray, scores: FloatArray, options: Options) -> BoolArray:
        """Say which rows are right.

        :param truth: the labels, checked.
        :param scores: the scores, checked.
        :param options: how to measure.
        :return: mask of the rows.
        """
        return np.asarray((scores >= options.threshold) == (truth == 1))

    def asked(self, truth: FloatArray) -> BoolArray:
        """Say which rows are asked about, by their labels.

        :param truth: the labels, checked.
        :return: mask of the rows.
        """
        return np.ones(len(truth), dtype=bool)

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted share; see `Metric.statistic`."""
        asked = self.asked(truth)
        found = (self.right(truth, scores, options) & asked).astype(np.float64)
        return OfSums(ratio, (Sum(found), Sum(asked.astype(np.float64))))

    def _interval(self, truth: FloatArray, scores: FloatArray, options: Options) -> Interval:
        asked = self.asked(truth)
        found = int(np.count_nonzero(self.right(truth, scores, options) & asked))
        return with_rows(proportion(found, int(np.count_nonzero(asked)), options.level), len(truth))

    def _difference(self, truth: FloatArray, candidate: FloatArray, champion: FloatArray, options: Options) -> Interval:
        asked = self.asked(truth)
        ours = self.right(truth, candidate, options)[asked]
        theirs = self.right(truth, champion, options)[asked]
        gained, lost = int(np.count_nonzero(ours & ~theirs)), int(np.count_nonzero(theirs & ~ours))
        return with_rows(tango(gained, lost, len(ours), options.level), len(truth))


class Recall(Share):
    """Share of the positive rows that are predicted positive."""

    def asked(self, truth: FloatArray) -> BoolArray:
        """Ask about the positive rows; see `Share.asked`."""
        return np.asarray(truth == 1)


class MulticlassAccuracy(Share):
    """Share of rows whose class has the highest score."""

    def right(self, truth: FloatArray, scores: FloatArray, options: Options) -> BoolArray:
        """Say which rows are predicted right; see `Share.right`."""
        return np.asarray(np.argmax(scores, axis=1) == truth)
