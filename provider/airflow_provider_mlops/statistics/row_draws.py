"""Which rows a resample holds: drawn one by one, by stratum, or in whole clusters; always as weights of the rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable, TooFewClusters
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.clusters import Clusters

DRAWS = 2_000
STRATIFY_BELOW = 200
MIN_CLUSTERS = 20
"""Clusters below which their number, not their size, decides the bounds (Cameron, Gelbach and Miller 2008)."""

MIN_EFFECTIVE_CLUSTERS = 10
"""Clusters of one size that these must be worth (Kish 1965; Carter, Schnepel and Steigerwald 2017)."""

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


class RowDraws:
    """The weights that a plan gives its rows.

    :param plan: how rows are drawn again.
    :raises NotMeasurable: when there are fewer than 20 clusters, or a few of them hold nearly all rows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._of_row: IntArray | None = None
        if plan.clusters is None:
            codes = np.zeros(plan.n, dtype=np.int64) if plan.strata is None else plan.strata
            self._strata = [np.flatnonzero(codes == code) for code in np.unique(codes)]
            return
        names, of_row = np.unique(plan.clusters, return_inverse=True)
        if len(names) < MIN_CLUSTERS:
            raise TooFewClusters(len(names), MIN_CLUSTERS)
        sizes = np.bincount(of_row, weights=plan.weights)
        worth = float(np.square(sizes.sum()) / np.square(sizes).sum()) if sizes.any() else 0.0
        if worth < MIN_EFFECTIVE_CLUSTERS:
            raise NotMeasurable(
                f"The {len(names)} clusters are worth {worth:.1f} of one size; an interval needs at least "
                f"{MIN_EFFECTIVE_CLUSTERS}: a few of them hold nearly all rows."
            )
        self._of_row = of_row.astype(np.int64)
        self._strata = [np.arange(len(names))]

    @property
    def clusters(self) -> Clusters | None:
        """The clusters that are drawn, None where rows are."""
        return None if self._of_row is None else Clusters(self._of_row, self.units, self._plan.weights)

    def of_clusters(self) -> "RowDraws":
        """Return the same draws as weights of the clusters, each as one row."""
        plan = self._plan
        return RowDraws(Plan(n=self.units, seed=plan.seed, draws=plan.draws, clusters=np.arange(self.units)))

    @property
    def units(self) -> int:
        """How many rows, or clusters of rows, there are to draw."""
        return sum(map(len, self._strata))

    def own(self) -> FloatArray:
        """Return the weights of the rows as they are, of shape (1, rows)."""
        weights = self._plan.weights
        return np.ones((1, self._plan.n)) if weights is None else weights[None, :].astype(np.float64)

    def resamples(self) -> Iterator[FloatArray]:
        """Draw the weights of the resamples, some at a time.

        :return: arrays of shape (resamples, rows), as many resamples in all as the plan says.
        """
        random = np.random.Generator(np.random.PCG64(self._plan.seed))
        for size in self._chunks(self._plan.draws):
            if len(self._strata) == 1:
                yield self._weighted(_times_drawn(random, self.units, size))
                continue
            weights = np.empty((size, self._plan.n))
            for row in weights:
                self._fill(row, [_times_drawn(random, len(stratum))[0] for stratum in self._strata])
            yield weights

    def _weighted(self, times: IntArray) -> FloatArray:
        """Turn the times that each unit is drawn, where there are no strata, into weights of the rows."""
        weights = times.astype(np.float64)
        if self._of_row is not None:
            weights = np.take(weights, self._of_row, axis=1)
        if self._plan.weights is not None:
            weights *= self._plan.weights
        return weights

    def left_out(self) -> Iterator[tuple[FloatArray, IntArray]]:
        """Leave out one group of rows after the other, up to 200 in all; whole clusters when there are clusters.

        :return: arrays of shape (groups, rows), with the stratum that each group was left out of.
        """
        random = np.random.Generator(np.random.PCG64([self._plan.seed, 1]))
        most = max(2, _JACKKNIFE_GROUPS // len(self._strata))
        groups = [
            (code, places)
            for code, stratum in enumerate(self._strata)
            for places in np.array_split(random.permutation(len(stratum)), min(most, len(stratum)))
        ]
        times = [np.ones(len(stratum), dtype=np.int64) for stratum in self._strata]
        remaining = iter(groups)
        for size in self._chunks(len(groups)):
            weights, codes = np.empty((size, self._plan.n)), np.empty(size, dtype=np.int64)
            for index in range(size):
                codes[index], places = next(remaining)
                times[codes[index]][places] = 0
                self._fill(weights[index], times)
                times[codes[index]][places] = 1
            yield weights, codes

    def _fill(self, row: FloatArray, times: list[IntArray]) -> None:
        """Turn the times that each unit of each stratum counts into weights of the rows."""
        if self._of_row is not None:
            row[:] = times[0][self._of_row]
        elif len(times) == 1:
            row[:] = times[0]
        else:
            for stratum, counts in zip(self._strata, times, strict=True):
                row[stratum] = counts
        if self._plan.weights is not None:
            row *= self._plan.weights

    def _chunks(self, rows: int) -> Iterator[int]:
        size = max(1, _CELLS_PER_CHUNK // self._plan.n)
        for start in range(0, rows, size):
            yield min(size, rows - start)


def weight_chunks(plan: Plan) -> Iterator[FloatArray]:
    """Draw the weights of the resamples, some resamples at a time.

    :param plan: how rows are drawn again.
    :return: arrays of shape (resamples, rows), as many resamples in all as the plan says.
    :raises NotMeasurable: when there are fewer than 20 clusters.
    """
    return RowDraws(plan).resamples()


def strata_of(positive: BoolArray) -> IntArray | None:
    """Say whether the classes must be drawn separately: where the smaller one has fewer than 200 rows.

    :param positive: mask of the positive class.
    :return: the strata of a plan, None where rows are drawn from all.
    """
    positives = int(np.count_nonzero(positive))
    return positive.astype(np.int64) if min(positives, len(positive) - positives) < STRATIFY_BELOW else None


def _times_drawn(random: np.random.Generator, units: int, size: int = 1) -> IntArray:
    """Draw as many units as there are, again and again; the numbers are those of one draw after the other."""
    drawn = random.integers(0, units, (size, units))
    drawn += np.arange(0, size * units, units)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units)
