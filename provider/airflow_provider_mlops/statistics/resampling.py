"""The bootstrap of any statistic of weighted rows: independent rows, strata, clusters, blocks of time.

A resample is a set of weights, how often each row was drawn; both models of a comparison get the same weights, so
that they are compared on the same rows. Draws come in chunks of bounded size. A seed gives the same bounds whatever
the chunks.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.bca import ANYTHING, acceleration_of, interval_of_draws
from airflow_provider_mlops.statistics.clusters import clusters_of
from airflow_provider_mlops.statistics.intervals import two_sided_z

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

DRAWS = 2_000
MORE_DRAWS = 10_000
STRATIFY_BELOW = 200
MIN_CLUSTERS = 20
"""Clusters below which their number, not their size, decides the bounds (Cameron, Gelbach and Miller 2008)."""

Statistic = Callable[[FloatArray], FloatArray]
"""Maps weights of shape (k, rows) to k values."""

_JACKKNIFE_GROUPS = 200
_CELLS_PER_CHUNK = 250_000
"""About what a processor core keeps close: 2 MB of weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """How rows are drawn again.

    :param n: rows.
    :param seed: seed of the draws.
    :param draws: resamples.
    :param strata: code of each row's stratum, drawn separately so that their shares stay; not used with clusters.
    :param clusters: code of each row's cluster or block of time; rows of one code are drawn together.
    :param weights: weight of each row, multiplied with the number of times that it is drawn.
    :raises BadInput: when there is no row or no draw, or a code or weight is missing for a row.
    """

    n: int
    seed: int
    draws: int = DRAWS
    strata: IntArray | None = None
    clusters: IntArray | None = None
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.n < 1 or self.draws < 1:
            raise BadInput(f"There is nothing to draw: {self.n} rows, {self.draws} resamples.")
        for name in ("strata", "clusters", "weights"):
            values = getattr(self, name)
            if values is not None and np.shape(values) != (self.n,):
                raise BadInput(f"The {name} have the shape {np.shape(values)}; there are {self.n} rows.")


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """What is drawn: rows, or whole clusters of them; stratum by stratum."""

    strata: list[IntArray]
    of_row: IntArray | None
    weights: FloatArray | None

    @property
    def total(self) -> int:
        return sum(map(len, self.strata))

    def row_weights(self, times: list[IntArray], out: FloatArray) -> None:
        """Turn the times that each unit of each stratum counts into the weights of the rows."""
        if self.of_row is not None:
            out[:] = times[0][self.of_row]
        elif len(times) == 1:
            out[:] = times[0]
        else:
            for stratum, counts in zip(self.strata, times, strict=True):
                out[stratum] = counts
        if self.weights is not None:
            out *= self.weights


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
    units = _units_of(plan)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(_own_weights(plan))[0])
        draws = np.concatenate([_values(statistic, weights) for weights in _drawn(plan, units)])
        acceleration = _acceleration(statistic, plan, units) if np.isfinite(draws).all() else math.nan
    return interval_of_draws(
        value,
        draws,
        acceleration,
        level,
        n=plan.n,
        smallest=min(smallest, units.total),
        name="bootstrap" if plan.clusters is None else "cluster_bootstrap",
        scale=scale,
        within=within,
    )


def weight_chunks(plan: Plan) -> Iterator[FloatArray]:
    """Draw the weights of the resamples, some resamples at a time.

    :param plan: how rows are drawn again.
    :return: arrays of shape (resamples, rows), as many resamples in all as the plan says.
    :raises NotMeasurable: when there are fewer than 20 clusters.
    """
    return _drawn(plan, _units_of(plan))


def strata_of(positive: BoolArray) -> IntArray | None:
    """Say whether the classes must be drawn separately: where the smaller one has fewer than 200 rows.

    :param positive: mask of the positive class.
    :return: the strata of a plan, None where rows are drawn from all.
    """
    positives = int(np.count_nonzero(positive))
    return positive.astype(np.int64) if min(positives, len(positive) - positives) < STRATIFY_BELOW else None


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


def _units_of(plan: Plan) -> _Units:
    if plan.clusters is None:
        codes = np.zeros(plan.n, dtype=np.int64) if plan.strata is None else plan.strata
        strata = [np.flatnonzero(codes == code).astype(np.int64) for code in np.unique(codes)]
        return _Units(strata, None, plan.weights)
    names, of_row = np.unique(plan.clusters, return_inverse=True)
    if len(names) < MIN_CLUSTERS:
        raise NotMeasurable(
            f"There are {len(names)} clusters; an interval needs at least {MIN_CLUSTERS}: collect rows of "
            "more of them, or take shorter blocks of time."
        )
    return _Units([np.arange(len(names))], np.asarray(of_row, dtype=np.int64), plan.weights)


def _own_weights(plan: Plan) -> FloatArray:
    return np.ones((1, plan.n)) if plan.weights is None else plan.weights[None, :].astype(np.float64)


def _values(statistic: Statistic, weights: FloatArray) -> FloatArray:
    return np.asarray(statistic(weights), dtype=np.float64)


def _drawn(plan: Plan, units: _Units) -> Iterator[FloatArray]:
    random = np.random.Generator(np.random.PCG64(plan.seed))

    def times(units_of_stratum: int) -> IntArray:
        drawn = random.integers(0, units_of_stratum, units_of_stratum)
        return np.bincount(drawn, minlength=units_of_stratum)

    for size in _chunks(plan.draws, plan.n):
        weights = np.empty((size, plan.n))
        for row in weights:
            units.row_weights([times(len(stratum)) for stratum in units.strata], row)
        yield weights


def _acceleration(statistic: Statistic, plan: Plan, units: _Units) -> float:
    """Leave out one group of units after the other, whole clusters when clustered."""
    random = np.random.Generator(np.random.PCG64([plan.seed, 1]))
    most = max(2, _JACKKNIFE_GROUPS // len(units.strata))
    # Groups are of places in a stratum.
    groups = [
        (code, group)
        for code, stratum in enumerate(units.strata)
        for group in np.array_split(random.permutation(len(stratum)), min(most, len(stratum)))
    ]
    whole = [np.ones(len(stratum), dtype=np.int64) for stratum in units.strata]
    left_out: list[FloatArray] = []
    remaining = iter(groups)
    for size in _chunks(len(groups), plan.n):
        weights = np.empty((size, plan.n))
        for row, (code, group) in zip(weights, remaining, strict=False):
            whole[code][group] = 0
            units.row_weights(whole, row)
            whole[code][group] = 1
        left_out.append(_values(statistic, weights))
    return acceleration_of(np.concatenate(left_out), np.array([code for code, _ in groups]))


def _chunks(rows: int, columns: int) -> Iterator[int]:
    size = max(1, _CELLS_PER_CHUNK // columns)
    for start in range(0, rows, size):
        yield min(size, rows - start)
