"""Compare groups with a reference group: the value of a fairness measure and its bounds, at any level."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.fairness_groups import Cells
from airflow_provider_mlops.statistics.fairness_intervals import METHOD, Bounds, Shares, difference_bounds, ratio_bounds
from airflow_provider_mlops.statistics.intervals import MIN_ROWS_FOR_MEAN, unseen

RATIO = "demographic_parity_ratio"
CALIBRATION = "calibration_gap"
EQUALIZED_ODDS = "equalized_odds_difference"
_ROUNDING = 1e-12

Rate = Callable[[Cells], Shares]

RATES: Mapping[str, tuple[Rate, ...]] = {
    "demographic_parity_difference": (lambda cells: cells.selected,),
    RATIO: (lambda cells: cells.selected,),
    "equal_opportunity_difference": (lambda cells: cells.true_positives,),
    "false_positive_rate_difference": (lambda cells: cells.false_positives,),
    EQUALIZED_ODDS: (lambda cells: cells.true_positives, lambda cells: cells.false_positives),
}
"""The rates that a measure compares; `CALIBRATION` compares means instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Every group against the reference, by one measure, from counts of independent rows.

    :param metric: name of the measure.
    :param cells: the counts of all groups.
    :param reference: index of the reference group.
    """

    metric: str
    cells: Cells
    reference: int

    @property
    def method(self) -> str:
        """How the bounds are made, where they do not say so themselves."""
        return "welch" if self.metric == CALIBRATION else METHOD

    @property
    def weighted(self) -> Cells:
        """The counts, as the rows weigh."""
        return self.cells

    def bounds(self, level: float) -> Bounds:
        """Give the measure of each group its interval.

        Differences and the calibration gap are group minus reference, the ratio is group over reference. Equalized
        odds is the larger absolute difference of its two rates: its upper bound is the larger one of theirs, for
        its lower bound each errs half as often.

        :param level: two-sided confidence level.
        :return: one interval per group, NaN where it cannot be measured.
        """
        if self.metric != EQUALIZED_ODDS:
            return self.part(0, level)
        wide, strict = ([self.part(index, at) for index in (0, 1)] for at in (level, (1 + level) / 2))
        value = np.max([abs(bounds.value) for bounds in wide], axis=0)
        high = np.max([np.maximum(-bounds.low, bounds.high) for bounds in wide], axis=0)
        low = np.max([np.maximum(np.maximum(bounds.low, -bounds.high), 0.0) for bounds in strict], axis=0)
        larger = np.argmax([np.nan_to_num(abs(bounds.value)) for bounds in wide], axis=0)
        methods = [bounds.methods for bounds in wide if bounds.methods]
        return Bounds(
            value, np.minimum(low, value), high, tuple(methods[at][i] for i, at in enumerate(larger) if methods)
        )

    def part(self, index: int, level: float) -> Bounds:
        """Give one of the compared rates, or the calibration gap, its interval.

        :param index: which of the measure's `RATES`.
        :param level: two-sided confidence level.
        :return: one signed interval per group.
        """
        if self.metric == CALIBRATION:
            return calibration_bounds(self.cells, self.reference, level)
        group = RATES[self.metric][index](self.cells)
        size = len(group.rows)
        reference = Shares(np.full(size, group.cases[self.reference]), np.full(size, group.rows[self.reference]))
        with np.errstate(divide="ignore", invalid="ignore"):
            return (ratio_bounds if self.metric == RATIO else difference_bounds)(group, reference, level)


def calibration_bounds(cells: Cells, reference: int, level: float) -> Bounds:
    """Give the difference of calibration gaps its interval (Welch 1947).

    Where neither group's gaps vary, the interval is what `unseen` rows of the smaller group could change.

    :param cells: the counts.
    :param reference: index of the reference group.
    :param level: two-sided confidence level.
    :return: gap of the group minus gap of the reference; NaN where a group has fewer than 30 rows.
    """
    n, mean, error = _gaps(cells)
    value, total = mean - mean[reference], error + error[reference]
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / (error**2 / (n - 1) + error[reference] ** 2 / (n[reference] - 1))
    return _student(value, total, freedom, np.minimum(n, n[reference]), level)


def calibration_of(cells: Cells, level: float) -> Bounds:
    """Give each group's calibration gap, mean score minus observed rate, its interval (Student).

    :param cells: the counts.
    :param level: two-sided confidence level.
    :return: one interval per group; NaN with fewer than 30 rows.
    """
    n, mean, error = _gaps(cells)
    return _student(mean, error, n - 1, n, level)


def _gaps(cells: Cells) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rows, mean gap and squared standard error of each group, NaN where a mean is not taken for normal."""
    n = np.where(cells.rows >= MIN_ROWS_FOR_MEAN, cells.rows, np.nan)
    mean = cells.gaps / n
    variance = cells.squares / n - mean * mean
    # What is left of equal gaps is rounding, no variance.
    return n, mean, np.where(variance <= _ROUNDING, np.where(np.isnan(n), np.nan, 0.0), variance) / (n - 1)


def _student(value: FloatArray, squared: FloatArray, freedom: FloatArray, n: FloatArray, level: float) -> Bounds:
    least = np.array([np.nan if np.isnan(rows) else unseen(int(rows), level) for rows in n])
    usable = np.isfinite(freedom) & (squared > 0)
    half = special.stdtrit(np.where(usable, freedom, 1.0), (1 + level) / 2) * np.sqrt(squared)
    half = np.where(usable, half, least)
    return Bounds(value, value - half, value + half)
