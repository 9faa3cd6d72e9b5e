"""The bootstrap of any statistic of weighted rows: independent rows, strata, clusters, blocks of time.

A resample is a set of weights, how often each row was drawn; both models of a comparison get the same weights, so
that they are compared on the same rows. Where whole clusters are drawn, the weights can be those of the clusters.
Draws come in chunks of bounded size. A seed gives the same bounds whatever the chunks.
"""

import math

import numpy as np

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.bca import ANYTHING, acceleration_of, interval_of_draws
from airflow_provider_mlops.statistics.clusters import clusters_of
from airflow_provider_mlops.statistics.folding import Statistic, folded
from airflow_provider_mlops.statistics.intervals import two_sided_z
from airflow_provider_mlops.statistics.row_draws import (
    DRAWS,
    STRATIFY_BELOW,
    Plan,
    RowDraws,
    strata_of,
    weight_chunks,
)

__all__ = [
    "DRAWS",
    "MORE_DRAWS",
    "STRATIFY_BELOW",
    "Plan",
    "Statistic",
    "clusters_of",
    "resample",
    "strata_of",
    "wants_more_draws",
    "weight_chunks",
]

MORE_DRAWS = 10_000


def resample(
    statistic: Statistic,
    plan: Plan,
    level: float,
    *,
    smallest: int,
    scale: float = 1.0,
    within: tuple[float, float] = ANYTHING,
) -> Interval:
    """Give a statistic its bootstrap interval: bias-corrected and accelerated, else percentiles, as its method says.

    :param statistic: maps weights of shape (k, rows) to k values.
    :param plan: how rows are drawn again.
    :param level: two-sided confidence level.
    :param smallest: rows of the smallest class, or all rows where there are no classes.
    :param scale: the largest change that one row could make if it were the only one; 1 for shares.
    :param within: what the statistic can be at all, e.g. 0 and 1.
    :return: the statistic on the plan's own weights, with its interval.
    :raises NotMeasurable: when there are fewer than 20 clusters, or a resample gives no value.
    """
    statistic, drawn = _folded(statistic, RowDraws(plan))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(drawn.own())[0])
        draws = np.concatenate([_values(statistic, weights) for weights in drawn.resamples()])
        acceleration = _acceleration(statistic, drawn) if np.isfinite(draws).all() else math.nan
    return interval_of_draws(
        value,
        draws,
        acceleration,
        level,
        n=plan.n,
        smallest=min(smallest, drawn.units),
        name="bootstrap" if plan.clusters is None else "cluster_bootstrap",
        scale=scale,
        within=within,
    )


def wants_more_draws(interval: Interval, limit: float, level: float) -> bool:
    """Say whether 2,000 draws are too few to judge by: a bound is within one standard error of the limit.

    :param interval: a measured interval.
    :param limit: what its bounds are judged against.
    :param level: its two-sided confidence level.
    :return: True when it must be drawn again with 10,000; False for an interval that was not drawn.
    """
    if "bootstrap" not in interval.method or interval.method.endswith(f"_{MORE_DRAWS}"):
        return False
    error = (interval.high - interval.low) / (2 * two_sided_z(level))
    return min(abs(interval.low - limit), abs(interval.high - limit)) <= error


def _folded(statistic: Statistic, drawn: RowDraws) -> tuple[Statistic, RowDraws]:
    """Compute from clusters instead of from rows, where that can be; the draws are the same."""
    of_clusters = None if drawn.clusters is None else folded(statistic, drawn.clusters)
    return (statistic, drawn) if of_clusters is None else (of_clusters, drawn.of_clusters())


def _acceleration(statistic: Statistic, drawn: RowDraws) -> float:
    parts = [(_values(statistic, weights), codes) for weights, codes in drawn.left_out()]
    return acceleration_of(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _values(statistic: Statistic, weights: FloatArray) -> FloatArray:
    return np.asarray(statistic(weights), dtype=np.float64)
