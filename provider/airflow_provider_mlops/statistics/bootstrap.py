"""Paired bootstrap for metrics of a confusion table, as fast as counting: the table itself is drawn.

The counts of resampled rows follow a multinomial law, and leaving out a row gives one of as many tables as there are
cells: the intervals are those of `resampling` on independent rows without weights, without drawing a row. With fewer
than 200 rows of a class the classes are drawn separately, so that their shares stay.
"""

from collections.abc import Callable

import numpy as np

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.bca import ANYTHING, acceleration_of, interval_of_draws
from airflow_provider_mlops.statistics.row_draws import DRAWS, STRATIFY_BELOW

Table = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""True positives, false positives, false negatives, true negatives: one of each per draw."""

TableMetric = Callable[[Table], FloatArray]

_CLASS_OF_CELL = np.arange(8) // 4


def table_of(positive: BoolArray, predicted: BoolArray) -> Table:
    """Count the confusion table.

    :param positive: mask of the positive class.
    :param predicted: mask of the rows predicted positive.
    :return: the four counts, each an array of one.
    """
    cells = _cells(positive, predicted, predicted)
    return _tables(cells[None, :].astype(np.float64))[0]


def table_difference(
    metric: TableMetric,
    positive: BoolArray,
    candidate: BoolArray,
    champion: BoolArray,
    level: float,
    seed: int,
    *,
    draws: int = DRAWS,
    scale: float = 1.0,
    within: tuple[float, float] = ANYTHING,
) -> Interval:
    """Give the difference of a confusion-table metric on the same rows its bootstrap interval.

    :param metric: the metric of a table.
    :param positive: mask of the positive class, both classes present.
    :param candidate: rows that the candidate predicts positive.
    :param champion: rows that the champion predicts positive.
    :param level: two-sided confidence level.
    :param seed: seed of the draws.
    :param draws: resamples.
    :param scale: the largest change that one row could make if it were the only one; 1 for shares.
    :param within: what the difference can be at all, e.g. -1 and 1.
    :return: metric of the candidate minus metric of the champion.
    :raises NotMeasurable: when a resample gives no value.
    """

    def difference(cells: FloatArray) -> FloatArray:
        ours, theirs = _tables(cells)
        return metric(ours) - metric(theirs)

    cells = _cells(positive, candidate, champion)
    return _interval(difference, cells, level, seed, draws=draws, scale=scale, within=within)


def table_interval(
    metric: TableMetric,
    positive: BoolArray,
    predicted: BoolArray,
    level: float,
    seed: int,
    *,
    draws: int = DRAWS,
    scale: float = 1.0,
    within: tuple[float, float] = ANYTHING,
) -> Interval:
    """Give a confusion-table metric its bootstrap interval.

    :param metric: the metric of a table.
    :param positive: mask of the positive class, both classes present.
    :param predicted: rows predicted positive.
    :param level: two-sided confidence level.
    :param seed: seed of the draws.
    :param draws: resamples.
    :param scale: the largest change that one row could make if it were the only one; 1 for shares.
    :param within: what the metric can be at all, e.g. 0 and 1.
    :return: the metric with its interval.
    :raises NotMeasurable: when a resample gives no value.
    """
    cells = _cells(positive, predicted, predicted)
    return _interval(
        lambda drawn: metric(_tables(drawn)[0]), cells, level, seed, draws=draws, scale=scale, within=within
    )


def _interval(
    statistic: Callable[[FloatArray], FloatArray],
    cells: IntArray,
    level: float,
    seed: int,
    *,
    draws: int,
    scale: float,
    within: tuple[float, float],
) -> Interval:
    smallest = min(int(cells[:4].sum()), int(cells[4:].sum()))
    stratify = smallest < STRATIFY_BELOW
    # One row less of each kind of cell that has rows.
    filled = np.flatnonzero(cells)
    counts = cells.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(counts[None, :])[0])
        drawn = np.asarray(statistic(_draw_cells(cells, seed, draws, stratify=stratify)), dtype=np.float64)
        left_out = np.asarray(statistic(counts - np.eye(len(cells))[filled]), dtype=np.float64)
    acceleration = acceleration_of(left_out, _CLASS_OF_CELL[filled] if stratify else 0, cells[filled])
    n = int(cells.sum())
    return interval_of_draws(value, drawn, acceleration, level, n=n, smallest=smallest, scale=scale, within=within)


def _cells(positive: BoolArray, candidate: BoolArray, champion: BoolArray) -> IntArray:
    """Count the eight cells of label, candidate's and champion's prediction."""
    code = 4 * positive.astype(np.int8) + 2 * candidate.astype(np.int8) + champion.astype(np.int8)
    return np.asarray(np.bincount(code, minlength=8), dtype=np.int64)


def _draw_cells(cells: IntArray, seed: int, draws: int, *, stratify: bool) -> FloatArray:
    random = np.random.Generator(np.random.PCG64(seed))
    parts = [cells[:4], cells[4:]] if stratify else [cells]
    drawn = [random.multinomial(int(part.sum()), part / max(int(part.sum()), 1), size=draws) for part in parts]
    return np.asarray(np.concatenate(drawn, axis=1), dtype=np.float64)


def _tables(cells: FloatArray) -> tuple[Table, Table]:
    """Fold the eight cells into the candidate's table and the champion's."""
    cube = cells.reshape(-1, 2, 2, 2)
    ours, theirs = cube.sum(axis=3), cube.sum(axis=2)
    return _table(ours), _table(theirs)


def _table(counts: FloatArray) -> Table:
    return counts[:, 1, 1], counts[:, 0, 1], counts[:, 1, 0], counts[:, 0, 0]
