"""Groups compared where rows are not independent, or not of equal weight: all from one set of resamples.

Clusters can have rows of several groups, so all groups are drawn together; a bound at another level is another
quantile of the same draws.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.bca import acceleration_of, interval_of_draws
from airflow_provider_mlops.statistics.fairness_compare import CALIBRATION, RATES, RATIO, Comparison
from airflow_provider_mlops.statistics.fairness_groups import Cells, Groups, sums_of
from airflow_provider_mlops.statistics.fairness_intervals import Bounds
from airflow_provider_mlops.statistics.intervals import MIN_ROWS_FOR_MEAN
from airflow_provider_mlops.statistics.resampling import Plan, weight_chunks

_JACKKNIFE_GROUPS = 200
_FIGURES = 5
"""Sums of one group: four cells and the gaps."""
_MOST_CELLS = 10_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows behind the counts, and how they are drawn again.

    :param groups: the group of each row.
    :param positive: mask of the positive class.
    :param selected: mask of the rows that the model decides for.
    :param gap: score minus label.
    :param plan: how they are drawn again.
    """

    groups: Groups
    positive: BoolArray
    selected: BoolArray
    gap: FloatArray
    plan: Plan

    def sums(self, weights: FloatArray) -> Cells:
        """Add weights up.

        :param weights: one weight per row.
        :return: the sums of all groups.
        """
        return sums_of(self.groups, self.positive, self.selected, self.gap, weights=weights)

    @property
    def weights(self) -> FloatArray:
        """The rows' own weights."""
        return np.ones(self.plan.n) if self.plan.weights is None else self.plan.weights

    @property
    def units(self) -> IntArray:
        """What each row is drawn with: its cluster, or itself."""
        if self.plan.clusters is None:
            return np.arange(self.plan.n)
        return np.asarray(np.unique(self.plan.clusters, return_inverse=True)[1], dtype=np.int64)

    def resamples(self) -> Iterator[Cells]:
        """Yield the sums of every resample."""
        units = self.units
        total = int(units.max()) + 1
        if self.plan.clusters is None or total * _FIGURES * len(self.groups.names) > _MOST_CELLS:
            yield from (self.sums(weights) for chunk in weight_chunks(self.plan) for weights in chunk)
            return
        # A cluster always counts as a whole, so its rows are added up once. The draws are those of the rows.
        by_cluster = self._sums_by(units, total)
        plan = replace(self.plan, n=total, clusters=np.arange(total), weights=None)
        for chunk in weight_chunks(plan):
            yield from map(_cells, chunk @ by_cluster)

    def jackknife(self) -> Iterator[Cells]:
        """Yield the sums without one part of the clusters, or of the rows, after the other."""
        units = self.units
        total = int(units.max()) + 1
        parts = min(_JACKKNIFE_GROUPS, total)
        random = np.random.Generator(np.random.PCG64([self.plan.seed, 1]))
        by_part = self._sums_by(random.permutation(np.arange(total) % parts)[units], parts)
        return map(_cells, by_part.sum(axis=0) - by_part)

    def _sums_by(self, codes: IntArray, size: int) -> FloatArray:
        """Return one line of sums per code: the cells of all groups, then the gaps."""
        groups, own = len(self.groups.names), self.weights
        cell = (self.groups.codes << 2) + 2 * self.positive + self.selected
        table = np.bincount(codes * (4 * groups) + cell, weights=own, minlength=size * 4 * groups)
        gaps = np.bincount(codes * groups + self.groups.codes, weights=own * self.gap, minlength=size * groups)
        return np.hstack([table.reshape(size, 4 * groups), gaps.reshape(size, groups)])


@dataclass(frozen=True, slots=True, eq=False)
class Resampled(Comparison):
    """Every group against the reference, by one measure, from resamples; made by `resampled`.

    :param rows: the rows.
    :param own: the sums of the rows as they weigh.
    :param units: how many clusters, or rows, there are to draw from.
    :param draws: the compared values of every resample, of shape (resamples, rates, groups).
    :param left_out: the same of every part of the jackknife.
    """

    rows: Rows
    own: Cells
    units: int
    draws: FloatArray
    left_out: FloatArray

    @property
    def weighted(self) -> Cells:
        """The counts, as the rows weigh."""
        return self.own

    def part(self, index: int, level: float) -> Bounds:
        """Give one of the compared rates, or the calibration gap, its interval.

        :param index: which of the measure's `RATES`.
        :param level: two-sided confidence level.
        :return: one signed interval per group.
        """
        value = _values(self.metric, self.weighted, self.reference)[index]
        low, high = np.full_like(value, np.nan), np.full_like(value, np.nan)
        methods = [""] * len(value)
        for group in range(len(value)):
            try:
                found = self._interval(float(value[group]), index, group, level)
                low[group], high[group], methods[group] = found.low, found.high, found.method
            except NotMeasurable:
                value[group] = np.nan
        return Bounds(value, low, high, tuple(methods))

    def _interval(self, value: float, index: int, group: int, level: float) -> Interval:
        rate = float(self.cells.selected.share[self.reference])
        return interval_of_draws(
            value,
            self.draws[:, index, group],
            acceleration_of(self.left_out[:, index, group]),
            level,
            n=self.rows.plan.n,
            smallest=self._smallest(index, group),
            name="bootstrap" if self.rows.plan.clusters is None else "cluster_bootstrap",
            scale=1 / rate if self.metric == RATIO and rate > 0 else 1.0,
            within=(0.0, np.inf) if self.metric == RATIO else (-1.0, 1.0),
        )

    def _smallest(self, index: int, group: int) -> int:
        """Rows, or clusters if fewer, of the smaller side of a comparison."""
        counts = self.cells.rows if self.metric == CALIBRATION else RATES[self.metric][index](self.cells).rows
        smallest = int(min(counts[group], counts[self.reference]))
        if self.metric == CALIBRATION and smallest < MIN_ROWS_FOR_MEAN:
            raise NotMeasurable(f"There are {smallest} rows.")
        return min(smallest, self.units)


def resampled(metric: str, cells: Cells, reference: int, rows: Rows) -> Resampled:
    """Draw the rows again and compare the groups in every resample.

    :param metric: name of the measure.
    :param cells: the rows as they are counted, not weighted.
    :param reference: index of the reference group.
    :param rows: the rows.
    :return: the comparison.
    :raises NotMeasurable: when there are fewer than 20 clusters.
    """
    draws = np.array([_values(metric, drawn, reference) for drawn in rows.resamples()])
    left_out = np.array([_values(metric, others, reference) for others in rows.jackknife()])
    return Resampled(
        metric, cells, reference, rows, rows.sums(rows.weights), int(rows.units.max()) + 1, draws, left_out
    )


def more_draws(comparison: Resampled, draws: int) -> Resampled:
    """Ask the same question with more resamples.

    :param comparison: the comparison.
    :param draws: resamples.
    :return: the new comparison.
    """
    rows = replace(comparison.rows, plan=replace(comparison.rows.plan, draws=draws))
    return resampled(comparison.metric, comparison.cells, comparison.reference, rows)


def _cells(line: FloatArray) -> Cells:
    groups = len(line) // _FIGURES
    return Cells(line[: 4 * groups].reshape(groups, 2, 2), line[4 * groups :], np.full(groups, np.nan))


def _values(metric: str, cells: Cells, reference: int) -> FloatArray:
    """Return the compared values, of shape (rates, groups)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = [cells.gaps / cells.rows] if metric == CALIBRATION else [rate(cells).share for rate in RATES[metric]]
        if metric == RATIO:
            return np.array([share / share[reference] for share in shares])
        return np.array([share - share[reference] for share in shares])
