"""Sums of weights by group, for many sets of weights at once; of rows, or of clusters of rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.clusters import Clusters

_DENSE_GROUPS = 16
"""Up to this many groups one product of matrices is fastest; beyond, rows are sorted by group."""


class Sums(ABC):
    """Sums of weights, each weight multiplied with a fixed number."""

    @abstractmethod
    def __call__(self, weights: FloatArray) -> FloatArray:
        """Add up.

        :param weights: of shape (k, rows).
        :return: sums of shape (k,) or (k, groups).
        """

    @abstractmethod
    def by_cluster(self, clusters: Clusters) -> FloatArray:
        """Add up the rows of each cluster, as they weigh.

        :param clusters: the clusters.
        :return: of shape (clusters,) or (clusters, groups); the sums of weights of clusters are the product with it.
        """

    @property
    @abstractmethod
    def size(self) -> int:
        """How many sums there are."""


class Sum(Sums):
    """The sum over all rows.

    :param values: what each row's weight is multiplied with; None for 1.
    """

    def __init__(self, values: FloatArray | None = None) -> None:
        self._values = values

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Add up; see `Sums`."""
        return np.asarray(weights.sum(axis=1) if self._values is None else weights @ self._values)

    def by_cluster(self, clusters: Clusters) -> FloatArray:
        """Add up the rows of each cluster; see `Sums.by_cluster`."""
        return clusters.sums(self._values)

    @property
    def size(self) -> int:
        """How many sums there are: one."""
        return 1


class GroupSums(Sums):
    """The sums by group of rows.

    :param groups: code of each row's group, below ``size``.
    :param size: number of groups.
    :param values: what each row's weight is multiplied with; None for 1.
    """

    def __init__(self, groups: IntArray, size: int, values: FloatArray | None) -> None:
        self._groups, self._size, self._values = groups, size, values

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Add up; see `Sums`."""
        if len(weights) > 1:
            return self._many(weights)
        # One set of weights needs nothing prepared, which takes as much memory as rows times groups.
        values = weights[0] if self._values is None else weights[0] * self._values
        return np.asarray(np.bincount(self._groups, weights=values, minlength=self._size), dtype=np.float64)[None, :]

    @cached_property
    def _many(self) -> Callable[[FloatArray], FloatArray]:
        prepare = _dense if self._size <= _DENSE_GROUPS else _sorted
        return prepare(self._groups, self._size, self._values)

    def by_cluster(self, clusters: Clusters) -> FloatArray:
        """Add up the rows of each cluster; see `Sums.by_cluster`."""
        return clusters.sums_by(self._groups, self._size, self._values)

    @property
    def size(self) -> int:
        """How many sums there are: groups."""
        return self._size


def sums_by(groups: IntArray, size: int, values: FloatArray | None = None) -> GroupSums:
    """Prepare the sums of weights by group.

    :param groups: code of each row's group, below ``size``.
    :param size: number of groups.
    :param values: what each row's weight is multiplied with; None for 1.
    :return: maps weights of shape (k, rows) to sums of shape (k, groups).
    """
    return GroupSums(groups, size, values)


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide, with NaN where the denominator is zero.

    :param numerator: the numerators.
    :param denominator: the denominators, not negative, of the same shape.
    :return: the quotients.
    """
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0)


def _dense(groups: IntArray, size: int, values: FloatArray | None) -> Callable[[FloatArray], FloatArray]:
    members = (groups[:, None] == np.arange(size)).astype(np.float64)
    if values is not None:
        members *= values[:, None]
    return lambda weights: np.asarray(weights @ members)


def _sorted(groups: IntArray, size: int, values: FloatArray | None) -> Callable[[FloatArray], FloatArray]:
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    ordered = None if values is None else values[order]

    def sums(weights: FloatArray) -> FloatArray:
        taken = weights[:, order]
        if ordered is not None:
            taken *= ordered
        found = np.zeros((len(weights), size))
        found[:, present] = np.add.reduceat(taken, starts, axis=1)
        return found

    return sums
