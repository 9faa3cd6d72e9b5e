"""Which rows belong together, so that they are drawn together: by a column of names, or by blocks of time."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray

_DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Rows that are drawn together, in numbers from 0.

    :param codes: number of each row's cluster.
    :param size: clusters.
    :param weights: weight of each row, None where all count the same.
    """

    codes: IntArray
    size: int
    weights: FloatArray | None = None

    def sums(self, values: FloatArray | None = None) -> FloatArray:
        """Add up the weights of each cluster's rows.

        :param values: what each row's weight is multiplied with; None for 1.
        :return: one sum per cluster.
        """
        return self.sums_by(None, 1, values)[:, 0]

    def sums_by(self, groups: IntArray | None, size: int, values: FloatArray | None = None) -> FloatArray:
        """Add up the weights of each cluster's rows by group.

        :param groups: code of each row's group, below ``size``; None where all are of one.
        :param size: groups.
        :param values: what each row's weight is multiplied with; None for 1.
        :return: sums of shape (clusters, groups).
        """
        cells = self.codes if groups is None else self.codes * size + groups
        weights = values if self.weights is None else self.weights if values is None else self.weights * values
        sums = np.bincount(cells, weights=weights, minlength=self.size * size)
        return sums.astype(np.float64, copy=False).reshape(self.size, size)


def clusters_of(values: npt.ArrayLike, *, block_days: float | None = None) -> IntArray:
    """Say which rows belong together.

    :param values: per row, what it belongs to: a customer, a session; with ``block_days`` its time in ISO 8601.
    :param block_days: length of a block of time, days; None when the values are the clusters.
    :return: one code per row.
    :raises NotMeasurable: when a row has no value, or a time cannot be read.
    :raises BadInput: when the length of a block is not above zero.
    """
    if block_days is not None and not (math.isfinite(block_days) and block_days > 0):
        raise BadInput(f"A block of {block_days} days cannot be; its length must be above zero.")
    column = np.asarray(values, dtype=object)
    missing = sum(map(_is_missing, column))
    if missing:
        raise NotMeasurable(f"{missing:,} of {len(column):,} rows do not say which cluster or time they are of.")
    texts = list(map(str, column))
    names = sorted(set(texts))
    codes = range(len(names)) if block_days is None else [_block(text, block_days) for text in names]
    code_of = dict(zip(names, codes, strict=True))
    return np.fromiter((code_of[text] for text in texts), dtype=np.int64, count=len(texts))


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _block(text: str, days: float) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotMeasurable(f"{text!r} is no time in ISO 8601, so the rows cannot be cut into blocks.") from None
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return math.floor(utc.timestamp() / (days * _DAY))


def summed_by(parts: FloatArray, clusters: IntArray) -> FloatArray:
    """Add up the rows of each cluster.

    :param parts: of shape (rows, columns).
    :param clusters: code of each row's cluster.
    :return: of shape (clusters, columns).
    """
    names, code = np.unique(clusters, return_inverse=True)
    return np.column_stack([np.bincount(code, weights=column, minlength=len(names)) for column in parts.T])
