"""Sums of weights by group, for many sets of weights at once."""

from collections.abc import Callable

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray

_DENSE_GROUPS = 16
"""Up to this many groups one product of matrices is fastest; beyond, rows are sorted by group."""


def sums_by(groups: IntArray, size: int, values: FloatArray | None = None) -> Callable[[FloatArray], FloatArray]:
    """Prepare the sums of weights by group.

    :param groups: code of each row's group, below ``size``.
    :param size: number of groups.
    :param values: what each row's weight is multiplied with; None for 1.
    :return: maps weights of shape (k, rows) to sums of shape (k, groups).
    """
    if size <= _DENSE_GROUPS:
        members = (groups[:, None] == np.arange(size)).astype(np.float64)
        if values is not None:
            members *= values[:, None]
        return lambda weights: np.asarray(weights @ members)
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


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide, with NaN where the denominator is zero.

    :param numerator: the numerators.
    :param denominator: the denominators, not negative, of the same shape.
    :return: the quotients.
    """
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0)
