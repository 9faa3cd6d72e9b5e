"""Statistics that need of a cluster only what its rows add up to: a resample of clusters then costs as many sums.

Rows of a cluster are drawn together, so all of them have the cluster's weight. What they add up to is computed once,
and a resample is a set of weights of clusters; the values are those of the rows' weights.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.weighted import Sum, Sums, ratio

Statistic = Callable[[FloatArray], FloatArray]
"""Maps weights of shape (k, rows) to k values; NaN where the statistic is not defined."""

_MOST_SUMS = 4
"""Sums per row above which adding up the rows costs less than adding up the clusters."""


class Foldable(ABC):
    """A statistic of rows that can be computed from their clusters."""

    @abstractmethod
    def __call__(self, weights: FloatArray) -> FloatArray:
        """Compute the statistic of every set of weights.

        :param weights: of shape (sets, rows), finite and not negative.
        :return: one value per set.
        """

    @abstractmethod
    def folded(self, clusters: Clusters) -> Statistic | None:
        """Add the rows of each cluster up.

        :param clusters: the clusters, with the rows' own weights.
        :return: maps weights of clusters, of shape (sets, clusters), to the same values; None where that would not pay.
        """


@dataclass(frozen=True, slots=True, eq=False)
class OfSums(Foldable):
    """A function of sums of weights.

    :param of: maps the sums, one array per part, to one value per set of weights.
    :param parts: the sums.
    """

    of: Callable[..., FloatArray]
    parts: tuple[Sums, ...]

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Compute the function of every set of weights; see `Foldable`."""
        return self.of(*(part(weights) for part in self.parts))

    def folded(self, clusters: Clusters) -> Statistic | None:
        """Add each cluster up; see `Foldable.folded`."""
        if clusters.size * sum(part.size for part in self.parts) > _MOST_SUMS * len(clusters.codes):
            return None
        tables = [part.by_cluster(clusters) for part in self.parts]
        return lambda times: self.of(*(times @ table for table in tables))


@dataclass(frozen=True, slots=True, eq=False)
class Difference(Foldable):
    """One statistic minus another, of the same rows.

    :param first: the statistic.
    :param second: what is taken off.
    """

    first: Statistic
    second: Statistic

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Compute the difference of every set of weights; see `Foldable`."""
        return self.first(weights) - self.second(weights)

    def folded(self, clusters: Clusters) -> Statistic | None:
        """Fold both statistics; see `Foldable.folded`."""
        first, second = folded(self.first, clusters), folded(self.second, clusters)
        return None if first is None or second is None else Difference(first, second)


def folded(statistic: Statistic, clusters: Clusters) -> Statistic | None:
    """Fold a statistic.

    :param statistic: any statistic of rows.
    :param clusters: the clusters, with the rows' own weights.
    :return: the same of weights of clusters; None where it needs the rows.
    """
    return statistic.folded(clusters) if isinstance(statistic, Foldable) else None


def weighted_mean(values: FloatArray) -> OfSums:
    """Prepare a weighted mean.

    :param values: the value of each row.
    :return: the mean as a function of the rows' weights; NaN where they are all zero.
    """
    return OfSums(ratio, (Sum(values), Sum()))
