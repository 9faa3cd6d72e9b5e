"""Metrics of the confusion table: precision, F1, balanced accuracy, expected cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics import bootstrap
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.folding import OfSums, Statistic
from airflow_provider_mlops.statistics.intervals import proportion
from airflow_provider_mlops.statistics.metric import Metric, Options, with_rows
from airflow_provider_mlops.statistics.resampling import STRATIFY_BELOW
from airflow_provider_mlops.statistics.weighted import ratio, sums_by

MIN_PREDICTED = 20
"""Rows predicted positive that a difference of precisions needs: with fewer, some resample would have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMetric(Metric):
    """A metric of the confusion table, with bootstrap intervals; independent rows are drawn by the cell.

    :param of: maps a table and the metric's params by name to its value.
    """

    of: Callable[..., FloatArray]

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the metric of the weighted table; see `Metric.statistic`."""
        cells = sums_by(2 * truth.astype(np.int64) + (scores >= options.threshold), 4)
        of = self._of(options)

        def values(sums: FloatArray) -> FloatArray:
            tn, fp, fn, tp = sums.T
            return of((tp, fp, fn, tn))

        return OfSums(values, (cells,))

    def _of(self, options: Options) -> bootstrap.TableMetric:
        return partial(self.of, **self._params(options))

    def _by_cell(self, truth: FloatArray) -> bool:
        """Say whether tables are drawn as the metric asks: they keep the classes apart where one is rare."""
        positives = int(np.count_nonzero(truth))
        return min(positives, len(truth) - positives) >= STRATIFY_BELOW or self.strata_below == STRATIFY_BELOW

    def _interval(self, truth: FloatArray, scores: FloatArray, options: Options) -> Interval | None:
        if not self._by_cell(truth):
            return None
        return bootstrap.table_interval(
            self._of(options),
            truth == 1,
            scores >= options.threshold,
            options.level,
            options.seed,
            draws=options.draws,
            scale=self._scale(truth, (scores,), options),
            within=self._within(options),
        )

    def _difference(
        self, truth: FloatArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval | None:
        if not self._by_cell(truth):
            return None
        low, high = self._within(options)
        return bootstrap.table_difference(
            self._of(options),
            truth == 1,
            candidate >= options.threshold,
            champion >= options.threshold,
            options.level,
            options.seed,
            draws=options.draws,
            scale=self._scale(truth, (candidate, champion), options),
            within=(low - high, high - low),
        )


class Precision(TableMetric):
    """Share of the rows predicted positive that are; Wilson's interval, and the bootstrap for the difference."""

    def _interval(self, truth: FloatArray, scores: FloatArray, options: Options) -> Interval:
        predicted = scores >= options.threshold
        found = int(np.count_nonzero(predicted & (truth == 1)))
        return with_rows(proportion(found, int(np.count_nonzero(predicted)), options.level), len(truth))

    def _difference(
        self, truth: FloatArray, candidate: FloatArray, champion: FloatArray, options: Options
    ) -> Interval | None:
        fewest = min(int(np.count_nonzero(scores >= options.threshold)) for scores in (candidate, champion))
        if fewest < MIN_PREDICTED:
            raise NotMeasurable(
                f"A model predicts {fewest} of {len(truth)} rows positive; the difference of two precisions needs "
                f"at least {MIN_PREDICTED}."
            )
        return super()._difference(truth, candidate, champion, options)

    def _undefined(self, options: Options) -> str:
        return f"no row has a score of {options.threshold} or more"


class ExpectedCost(TableMetric):
    """Mean cost of a row by a cost matrix."""

    def check_params(self, params: Mapping[str, float]) -> None:
        """Refuse costs that do not differ; see `Metric.check_params`."""
        super().check_params(params)
        if len({*{**self.params, **params}.values()}) == 1:
            raise BadInput(f"The costs of {self.name} are all the same, so that every model costs as much.")

    def _scale(self, truth: FloatArray, scores: tuple[FloatArray, ...], options: Options) -> float:
        low, high = self._within(options)
        return high - low

    def _within(self, options: Options) -> tuple[float, float]:
        costs = self._params(options).values()
        return min(costs), max(costs)


def precision(table: bootstrap.Table) -> FloatArray:
    """Compute the share of the rows predicted positive that are; NaN where none is predicted."""
    tp, fp, _, _ = table
    return ratio(tp, tp + fp)


def f1(table: bootstrap.Table) -> FloatArray:
    """Compute the harmonic mean of precision and recall."""
    tp, fp, fn, _ = table
    return ratio(2 * tp, 2 * tp + fp + fn)


def balanced_accuracy(table: bootstrap.Table) -> FloatArray:
    """Compute the mean of the recalls of both classes."""
    tp, fp, fn, tn = table
    return (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2


def expected_cost(
    table: bootstrap.Table,
    *,
    false_positive: float,
    false_negative: float,
    true_positive: float,
    true_negative: float,
) -> FloatArray:
    """Compute the mean cost of a row."""
    tp, fp, fn, tn = table
    cost = tp * true_positive + fp * false_positive + fn * false_negative + tn * true_negative
    return ratio(cost, tp + fp + fn + tn)
