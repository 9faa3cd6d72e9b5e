"""Lower bounds of effects: how large a difference is at least, for a policy that lets the bound decide."""

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.arrays import FloatArray

DRAWS = 1_000


def ks_bound(statistic: float, n: int, m: int, alpha: float) -> float:
    """Bound the distance of the two distribution functions from below.

    By the triangle inequality the statistic exceeds the distance by at most the largest deviation of the two empirical
    functions from their own, whose law is Kolmogorov's when the two are alike, and narrower when they are far apart.

    :param statistic: the Kolmogorov-Smirnov statistic.
    :param n: size of one sample.
    :param m: size of the other.
    :param alpha: error rate of the bound.
    :return: the bound, at least 0.
    """
    return max(0.0, statistic - distances.smallest_ks(alpha, n, m))


def share_bound(first: int, n: int, second: int, m: int, alpha: float) -> float:
    """Bound the absolute difference of two shares from below (normal interval of the difference, unpooled).

    :param first: cases that count in the first sample.
    :param n: all cases of the first sample.
    :param second: cases that count in the second sample.
    :param m: all cases of the second sample.
    :param alpha: error rate of the bound, one-sided.
    :return: the bound, at least 0.
    """
    # Two cases more on each side (Agresti and Caffo 2000): without them an empty side would have no error at all.
    p, q = (first + 1) / (n + 2), (second + 1) / (m + 2)
    error = math.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))
    return max(0.0, abs(q - p) + float(special.ndtri(alpha)) * error)


def counts_bound(
    effect: Callable[[FloatArray, FloatArray], float],
    reference: FloatArray,
    current: FloatArray,
    alpha: float,
    seed: int,
) -> float:
    """Bound an effect of two rows of counts from below, by the basic bootstrap.

    Effects that cannot be negative grow under resampling; the basic bootstrap takes that growth off again.

    :param effect: the effect of two rows of counts.
    :param reference: counts of the reference.
    :param current: counts of the same bins or categories.
    :param alpha: error rate of the bound; below 1 in `DRAWS` the largest draw counts.
    :param seed: seed of the draws.
    :return: the bound, at least 0.
    """
    random = np.random.default_rng(seed)
    drawn = [
        random.multinomial(int(counts.sum()), counts / counts.sum(), size=DRAWS).astype(np.float64)
        for counts in (reference, current)
    ]
    effects = []
    for was, now in zip(*drawn, strict=True):
        kept = was + now > 0
        effects.append(effect(was[kept], now[kept]))
    observed = effect(reference, current)
    return max(0.0, 2 * observed - float(np.quantile(effects, 1 - alpha)))
