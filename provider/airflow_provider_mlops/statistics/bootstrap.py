"""Paired bootstrap for metrics that have no closed form (Efron and Tibshirani 1993): percentile intervals.

Metrics of a confusion table draw the table itself, by the multinomial law that resampled rows follow; only ranking
metrics draw rows. With fewer than 200 positives the classes are drawn separately, so that their shares stay.
"""

from collections.abc import Callable, Iterator

import numpy as np

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.intervals import unseen

DRAWS = 2_000
STRATIFY_BELOW = 200
_CELLS_PER_CHUNK = 2_000_000

Table = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""True positives, false positives, false negatives, true negatives: one of each per draw."""

TableMetric = Callable[[Table], FloatArray]


def table_of(positive: BoolArray, predicted: BoolArray) -> Table:
    """Count the confusion table.

    :param positive: mask of the positive class.
    :param predicted: mask of the rows predicted positive.
    :return: the four counts, each an array of one.
    """
    cells = _cells(positive, predicted, predicted)
    return _tables(cells[None, :].astype(np.float64))[0]


def table_difference(
    metric: TableMetric, positive: BoolArray, candidate: BoolArray, champion: BoolArray, level: float, seed: int
) -> Interval:
    """Give the difference of a confusion-table metric on the same rows its bootstrap interval.

    :param metric: the metric of a table.
    :param positive: mask of the positive class, both classes present.
    :param candidate: rows that the candidate predicts positive.
    :param champion: rows that the champion predicts positive.
    :param level: two-sided confidence level.
    :param seed: seed of the draws.
    :return: metric of the candidate minus metric of the champion.
    """
    cells = _cells(positive, candidate, champion)
    ours, theirs = _tables(_draw_cells(cells, seed))
    first, second = _tables(cells[None, :].astype(np.float64))
    value = float(metric(first)[0] - metric(second)[0])
    return percentile(value, metric(ours) - metric(theirs), positive, level)


def table_interval(metric: TableMetric, positive: BoolArray, predicted: BoolArray, level: float, seed: int) -> Interval:
    """Give a confusion-table metric its bootstrap interval.

    :param metric: the metric of a table.
    :param positive: mask of the positive class, both classes present.
    :param predicted: rows predicted positive.
    :param level: two-sided confidence level.
    :param seed: seed of the draws.
    :return: the metric with its interval.
    """
    drawn = _tables(_draw_cells(_cells(positive, predicted, predicted), seed))[0]
    value = float(metric(table_of(positive, predicted))[0])
    return percentile(value, metric(drawn), positive, level)


def row_weights(positive: BoolArray, seed: int) -> Iterator[FloatArray]:
    """Draw how often each row is in a resample, some resamples at a time.

    :param positive: mask of the positive class, both classes present.
    :param seed: seed of the draws.
    :return: arrays of shape (resamples, rows), 2,000 resamples in all.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    n = len(positive)
    strata = [np.flatnonzero(positive), np.flatnonzero(~positive)] if _stratify(positive) else [np.arange(n)]
    chunk = max(1, _CELLS_PER_CHUNK // n)
    for start in range(0, DRAWS, chunk):
        size = min(chunk, DRAWS - start)
        weights = np.zeros((size, n))
        for row in weights:
            for stratum in strata:
                drawn = random.integers(0, len(stratum), len(stratum))
                row[stratum] = np.bincount(drawn, minlength=len(stratum))
        yield weights


def percentile(value: float, draws: FloatArray, positive: BoolArray, level: float) -> Interval:
    """Cut the interval out of the draws.

    Where all draws are equal, the interval is what unseen rows of the smaller class could change.

    :param value: the point estimate.
    :param draws: the statistic of every resample.
    :param positive: mask of the positive class.
    :param level: two-sided confidence level.
    :return: the value with its interval.
    """
    n = len(positive)
    if float(np.ptp(draws)) == 0.0:
        positives = int(np.count_nonzero(positive))
        half = unseen(min(positives, n - positives), level)
        return Interval(value, value - half, value + half, n, "unseen_smaller_class")
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), n, f"bootstrap_{DRAWS}")


def _stratify(positive: BoolArray) -> bool:
    positives = int(np.count_nonzero(positive))
    return min(positives, len(positive) - positives) < STRATIFY_BELOW


def _cells(positive: BoolArray, candidate: BoolArray, champion: BoolArray) -> IntArray:
    """Count the eight cells of label, candidate's and champion's prediction."""
    code = 4 * positive.astype(np.int64) + 2 * candidate + champion
    return np.asarray(np.bincount(code, minlength=8), dtype=np.int64)


def _draw_cells(cells: IntArray, seed: int) -> FloatArray:
    random = np.random.Generator(np.random.PCG64(seed))
    negatives, positives = int(cells[:4].sum()), int(cells[4:].sum())
    if min(negatives, positives) >= STRATIFY_BELOW:
        drawn = random.multinomial(int(cells.sum()), cells / cells.sum(), size=DRAWS)
        return np.asarray(drawn, dtype=np.float64)
    parts = [
        random.multinomial(total, part / total, size=DRAWS)
        for total, part in ((negatives, cells[:4]), (positives, cells[4:]))
    ]
    return np.asarray(np.concatenate(parts, axis=1), dtype=np.float64)


def _tables(cells: FloatArray) -> tuple[Table, Table]:
    """Fold the eight cells into the candidate's table and the champion's."""
    cube = cells.reshape(-1, 2, 2, 2)
    ours, theirs = cube.sum(axis=3), cube.sum(axis=2)
    return _table(ours), _table(theirs)


def _table(counts: FloatArray) -> Table:
    return counts[:, 1, 1], counts[:, 0, 1], counts[:, 1, 0], counts[:, 0, 0]
