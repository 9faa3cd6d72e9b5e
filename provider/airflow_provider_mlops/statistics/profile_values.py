"""Values that stand for the bins of a profile: for figures and words about a column whose rows are not read."""

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Numbers, Summary

MOST = 50_000


def values_of(column: Summary) -> Summary:
    """Put values in the place of bins: those at an edge as they were, the others evenly inside their bin.

    :param column: a column, known by its bins or by its values.
    :return: of bins at most 50,000 values in order, with their share of nulls and infinities; else the same.
    """
    if not isinstance(column, BinnedNumbers):
        return column
    every = max(1, -(-column.present // MOST))
    finite = int(column.bins.sum())
    ranks = np.arange(every // 2, finite, every)
    below, above = -(-column.below // every), -(-column.above // every)
    ends = np.full(below, -np.inf), np.full(above, np.inf)
    inside = _at_ranks(column, ranks) if len(ranks) else np.empty(0)
    ordered = np.concatenate([ends[0], inside, ends[1]])
    return Numbers.owning(ordered, column.nulls // every)


def _at_ranks(column: BinnedNumbers, ranks: IntArray) -> FloatArray:
    upper = np.clip(np.append(column.edges, column.largest), column.smallest, column.largest)
    lower = np.clip(np.insert(column.edges, 0, column.smallest), column.smallest, column.largest)
    starts = np.concatenate([[0], np.cumsum(column.bins)])
    place = np.searchsorted(starts, ranks, side="right") - 1
    within = ranks - starts[place]
    free = (column.bins - np.append(column.at_edges, 0))[place]
    share = np.minimum(1.0, (within + 0.5) / np.maximum(free, 1))
    # By halves: the width of a bin may be more than a number can hold.
    step = share * (upper[place] / 2 - lower[place] / 2)
    found = np.where(within < free, lower[place] + step + step, upper[place])
    return np.asarray(np.sort(found), dtype=np.float64)
