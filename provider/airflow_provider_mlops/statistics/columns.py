"""A column as the drift check sees it: numbers or categories, with nulls that are counted and never dropped."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.arrays import FloatArray, as_floats

Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSample:
    """One column of one sample.

    :param kind: ``numeric`` or ``categorical``.
    :param values: numbers with NaN for null; or texts (or other hashable values) with None for null.
    :raises BadInput: on another kind, values of another kind, or more than one dimension.
    """

    kind: Kind
    values: npt.NDArray[Any]

    def __post_init__(self) -> None:
        if self.kind not in ("numeric", "categorical"):
            raise BadInput(f"A column is numeric or categorical, not {self.kind!r}.")
        if self.kind == "numeric":
            object.__setattr__(self, "values", as_floats(self.values, "values of a numeric column"))
        elif np.ndim(self.values) != 1:
            raise BadInput(f"The values of a column must be one-dimensional, not of shape {np.shape(self.values)}.")

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric column, summed up.

    :param ordered: the values, sorted, nulls apart, infinities included.
    :param nulls: number of nulls.
    :param infinite: number of infinities.
    """

    ordered: FloatArray
    nulls: int
    infinite: int

    @classmethod
    def of(cls, column: ColumnSample) -> "Numbers":
        """Sum a column up.

        :param column: a numeric column.
        :return: its summary.
        """
        values = column.values[~np.isnan(column.values)]
        nulls = len(column) - len(values)
        return cls(np.sort(values), nulls, int(np.count_nonzero(np.isinf(values))))


@dataclass(frozen=True, slots=True)
class Categories:
    """A categorical column, summed up.

    :param counts: rows by category, nulls apart.
    :param nulls: number of nulls.
    """

    counts: Counter[str]
    nulls: int

    @classmethod
    def of(cls, column: ColumnSample) -> "Categories":
        """Sum a column up.

        :param column: a categorical column.
        :return: its summary, categories as text.
        """
        raw = Counter(column.values.tolist())
        nulls = sum(count for value, count in raw.items() if _is_null(value))
        counts: Counter[str] = Counter()
        for value, count in raw.items():
            if not _is_null(value):
                counts[str(value)] += count
        return cls(counts, nulls)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))
