"""Intervals out of the draws of a bootstrap: bias-corrected and accelerated (Efron 1987), else percentiles.

The acceleration comes from a jackknife that leaves out rows, or groups of them (Efron and Tibshirani 1993, 14.3). A
bootstrap of few rows is too narrow, as a normal interval is beside Student's; the tails are widened by as much
(Hesterberg 2015, The American Statistician 69(4)), which for 200 rows and more is next to nothing.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.intervals import unseen

ANYTHING = (-math.inf, math.inf)
_ROUNDING = 1e-12


def interval_of_draws(
    value: float,
    draws: FloatArray,
    acceleration: float,
    level: float,
    *,
    n: int,
    smallest: int,
    name: str = "bootstrap",
    scale: float = 1.0,
    within: tuple[float, float] = ANYTHING,
) -> Interval:
    """Cut the interval out of the draws.

    Where all draws are equal, or a bound is the outermost of all draws, the draws cannot say what lies beyond; then
    the bound moves by what `unseen` rows of the smallest class could change.

    :param value: the point estimate.
    :param draws: the statistic of every resample.
    :param acceleration: see `acceleration_of`; NaN gives percentiles.
    :param level: two-sided confidence level.
    :param n: rows that were measured.
    :param smallest: rows of the smallest class, or clusters if there are fewer.
    :param name: how was drawn, the start of the method's name.
    :param scale: how far one unseen row in all could move the value.
    :param within: what the statistic can be at all.
    :return: the value with its interval.
    :raises NotMeasurable: when the value or a draw is NaN or infinite.
    """
    if not math.isfinite(value):
        raise NotMeasurable(f"The {n} rows give no value ({value}).")
    bad = int(np.count_nonzero(~np.isfinite(draws)))
    if bad:
        raise NotMeasurable(
            f"{bad:,} of {len(draws):,} resamples give no value: the rows of a class, or those predicted positive, are "
            f"too few among {n:,} for an interval."
        )
    margin = unseen(smallest, level) * scale
    if float(np.ptp(draws)) <= _ROUNDING * max(scale, abs(value)):
        low, high, method = value - margin, value + margin, "unseen_smaller_class"
    else:
        low, high, kind = _bounds(value, draws, acceleration, _widened(level, smallest))
        low -= margin if low <= float(np.min(draws)) else 0.0
        high += margin if high >= float(np.max(draws)) else 0.0
        method = f"{name}_{kind}_{len(draws)}"
    # A skewed statistic may leave its own value outside of its bounds; the wider claim is the honest one.
    return Interval(value, min(max(low, within[0]), value), max(min(high, within[1]), value), n, method)


def acceleration_of(left_out: FloatArray, strata: npt.ArrayLike = 0, times: npt.ArrayLike = 1) -> float:
    """Compute the acceleration from a jackknife.

    :param left_out: the statistic after a row, or a group of rows, was left out.
    :param strata: code of the stratum that each was left out of.
    :param times: in how many ways that gives this value.
    :return: the acceleration, NaN when it cannot be computed.
    """
    codes = np.broadcast_to(np.asarray(strata), left_out.shape)
    weights = np.broadcast_to(np.asarray(times, dtype=np.float64), left_out.shape)
    if not len(left_out) or not np.isfinite(left_out).all():
        return math.nan
    influence = np.zeros(len(left_out))
    for code in np.unique(codes):
        own = codes == code
        influence[own] = np.average(left_out[own], weights=weights[own]) - left_out[own]
    spread = float(np.dot(weights, influence**2))
    return float(np.dot(weights, influence**3)) / (6 * spread**1.5) if spread > 0 else math.nan


def _widened(level: float, smallest: int) -> float:
    """Say which level of draws holds the level wished, where the smallest class has few rows."""
    rows = max(smallest, 2)
    student = float(special.stdtrit(rows - 1, (1 + level) / 2)) * math.sqrt(rows / (rows - 1))
    return 2 * float(special.ndtr(student)) - 1


def _bounds(value: float, draws: FloatArray, acceleration: float, level: float) -> tuple[float, float, str]:
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    corrected = _corrected(value, draws, acceleration, tails)
    # Beyond the draws there is no quantile to read.
    usable = bool(np.all(corrected >= 1 / len(draws)) and np.all(corrected <= 1 - 1 / len(draws)))
    low, high = np.quantile(draws, corrected if usable else tails)
    return float(low), float(high), "bca" if usable else "percentile"


def _corrected(value: float, draws: FloatArray, acceleration: float, tails: FloatArray) -> FloatArray:
    """Move the tails by bias and acceleration; NaN where that has no answer."""
    below = np.mean(draws < value) + np.mean(draws == value) / 2
    bias = special.ndtri(below)
    shifted = bias + special.ndtri(tails)
    stretch = 1 - acceleration * shifted
    if not np.isfinite(shifted).all() or not np.all(stretch > 0):
        return np.full_like(tails, math.nan)
    return np.asarray(special.ndtr(bias + shifted / stretch))
