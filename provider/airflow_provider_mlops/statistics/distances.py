"""How far two samples are apart: statistics of sorted numbers and of category counts."""

import math

import numpy as np
from scipy import special

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.kolmogorov import kolmogorov_sf
from airflow_provider_mlops.statistics.sorted_samples import Knots

PSI_BINS = 10
_SMOOTH = 0.5
_LEAST_EXPECTED = 5.0
_MANY = 10_000


def ks_statistic(reference: FloatArray, current: FloatArray) -> float:
    """Compute the largest gap between two empirical distribution functions, exactly.

    :param reference: sorted values, not empty, no NaN.
    :param current: sorted values, not empty, no NaN.
    :return: the Kolmogorov-Smirnov statistic, 0 to 1.
    """
    return Knots.of(reference, current).largest_gap()


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """Compute the p-value of the statistic of two samples; ties make the test more careful.

    Above 10,000 values it is that of ``scipy.stats.ks_2samp`` (``kstwo``), much faster. Below, that one is too small,
    by a fifth for twice 100 values, which means more false alarms than promised: there it comes from Kolmogorov's
    limit, which from 100 values a side is at most half a percent below the exact p-value and usually above.

    :param statistic: the statistic.
    :param n: size of one sample.
    :param m: size of the other.
    :return: two-sided p-value.
    """
    values = n * m / (n + m)
    if max(n, m) > _MANY:
        return kolmogorov_sf(round(values), statistic)
    return float(special.kolmogorov(statistic * math.sqrt(values)))


def smallest_ks(alpha: float, n: int, m: int) -> float:
    """Compute the smallest statistic that is significant: what the test could have seen.

    :param alpha: error rate of this one test.
    :param n: size of one sample.
    :param m: size of the other.
    :return: the statistic, at most 1.
    """
    return min(1.0, float(special.kolmogi(alpha)) / math.sqrt(n * m / (n + m)))


def wasserstein(reference: FloatArray, current: FloatArray) -> float | None:
    """Compute the mean distance that values moved, in standard deviations of the reference.

    :param reference: sorted values, not empty, no NaN.
    :param current: sorted values, not empty, no NaN.
    :return: the first Wasserstein distance; None when the reference is constant or a value is infinite.
    """
    return Knots.of(reference, current).area_in_spreads()


def ks_and_wasserstein(reference: FloatArray, current: FloatArray) -> tuple[float, float | None]:
    """Compute both distances in one go, cheaper than one after the other.

    :param reference: sorted values, not empty, no NaN.
    :param current: sorted values, not empty, no NaN.
    :return: what `ks_statistic` and `wasserstein` return.
    """
    knots = Knots.of(reference, current)
    return knots.largest_gap(), knots.area_in_spreads()


def quantile_ranks(values: int, bins: int = PSI_BINS) -> IntArray:
    """Rank the values at which equally filled bins end.

    :param values: number of values, at least 1.
    :param bins: number of bins.
    :return: ranks from 0 of the inner edges, rising.
    """
    return np.asarray(np.ceil(np.arange(1, bins) / bins * values).astype(np.int64) - 1)


def quantile_edges(reference: FloatArray, bins: int = PSI_BINS) -> FloatArray:
    """Freeze bin edges at the quantiles of the reference.

    :param reference: sorted values, not empty, no NaN.
    :param bins: wished number of bins; ties make fewer.
    :return: the inner edges, rising; a bin holds its upper edge, the outer bins are open.
    """
    return np.asarray(np.unique(reference[quantile_ranks(len(reference), bins)]))


def bin_counts(at_most: IntArray, values: int) -> FloatArray:
    """Count values per bin.

    :param at_most: how many of them are at most as large as each inner edge.
    :param values: how many there are.
    :return: one count per bin, one more than edges.
    """
    return np.diff(at_most, prepend=0, append=values).astype(np.float64)


def psi(reference: FloatArray, current: FloatArray) -> float:
    """Compute the population stability index of two rows of counts, half a case added to every bin not empty in both.

    :param reference: counts of the reference.
    :param current: counts of the same bins or categories.
    :return: the index, 0 or more; 0.1 is commonly called moderate, 0.25 large.
    """
    filled = (reference + current) > 0
    p, q = (counts[filled] + _SMOOTH for counts in (reference, current))
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: FloatArray, current: FloatArray) -> float:
    """Compute the Jensen-Shannon distance of two rows of counts, with logarithms of base 2 (Lin 1991).

    :param reference: counts of the reference.
    :param current: counts of the same bins or categories.
    :return: the distance, 0 to 1.
    """
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    total = float(np.sum(special.rel_entr(p, middle)) + np.sum(special.rel_entr(q, middle)))
    return min(1.0, math.sqrt(max(total, 0.0) / (2 * math.log(2))))


def cramers_v(reference: FloatArray, current: FloatArray) -> float:
    """Compute Cramer's V of sample against category, both samples weighted alike, less what chance alone would give.

    Weighted alike, the size of the reference does not change the effect; the correction for chance follows Bergsma
    (2013, Journal of the Korean Statistical Society 42(3)).

    :param reference: counts of the reference, none of the categories empty in both.
    :param current: counts of the same categories.
    :return: the association, 0 to 1.
    """
    p, q = reference / reference.sum(), current / current.sum()
    squared = float(np.sum(np.square(p - q) / (2 * (p + q))))
    return math.sqrt(max(0.0, squared - _chance(reference, current)))


def smallest_cramers_v(alpha: float, reference: FloatArray, current: FloatArray) -> float:
    """Compute the smallest V that is significant for categories of these counts.

    :param alpha: error rate of this one test.
    :param reference: counts of the reference.
    :param current: counts of the same categories.
    :return: the association, at most 1.
    """
    freedom = len(reference) - 1
    if freedom < 1:
        return 1.0
    excess = float(special.chdtri(freedom, alpha)) / freedom - 1
    return min(1.0, math.sqrt(max(0.0, excess * _chance(reference, current))))


def chi_squared(reference: FloatArray, current: FloatArray) -> tuple[float, float]:
    """Test whether two rows of counts come from one distribution (Pearson), without continuity correction.

    :param reference: counts of the reference, none of the categories empty in both.
    :param current: counts of the same categories.
    :return: the statistic and its p-value; 0 and 1 for a single category.
    """
    table = np.stack([reference, current])
    freedom = table.shape[1] - 1
    if freedom < 1:
        return 0.0, 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(np.sum(np.square(table - expected) / expected))
    return statistic, float(special.chdtrc(freedom, statistic))


def merge_rare(reference: FloatArray, current: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Merge the categories that the chi-squared law is too coarse for: expected count below 5 in either sample.

    :param reference: counts of the reference.
    :param current: counts of the same categories.
    :return: both counts, the rare categories as one at the end, as large as it may be.
    """
    total = reference + current
    smaller = min(reference.sum(), current.sum())
    rare = total * smaller / total.sum() < _LEAST_EXPECTED
    if not rare.any():
        return reference, current
    merged = [np.append(counts[~rare], counts[rare].sum()) for counts in (reference, current)]
    # Where even the merged rest is rare, the smallest of the others takes it in.
    if len(merged[0]) > 2 and float(total[rare].sum()) * smaller / total.sum() < _LEAST_EXPECTED:
        host = int(np.argmin((merged[0] + merged[1])[:-1]))
        for counts in merged:
            counts[host] += counts[-1]
        merged = [counts[:-1] for counts in merged]
    return merged[0], merged[1]


def two_shares(first: int, n: int, second: int, m: int) -> float:
    """Test whether two shares are equal, with the pooled normal test.

    :param first: cases that count in the first sample.
    :param n: all cases of the first sample.
    :param second: cases that count in the second sample.
    :param m: all cases of the second sample.
    :return: two-sided p-value, 1 when no case or every case counts.
    """
    pooled = (first + second) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    if variance <= 0:
        return 1.0
    return 2 * float(special.ndtr(-abs(second / m - first / n) / math.sqrt(variance)))


def _chance(reference: FloatArray, current: FloatArray) -> float:
    """Expected square of V when nothing differs."""
    return float((len(reference) - 1) * (1 / reference.sum() + 1 / current.sum()) / 4)
