"""A column as the drift check sees it: numbers or categories, with nulls that are counted and never dropped."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray, as_floats
from airflow_provider_mlops.statistics.cells import Ends
from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.sorting import sort_numbers

Kind = Literal["numeric", "categorical"]

_BLOCK = 1 << 18


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


@dataclass(slots=True, eq=False)
class Numbers:
    """A numeric column, summed up.

    :param values: the values in any order, nulls apart, infinities included; they belong to the summary.
    :param nulls: number of nulls.
    :param infinite: number of infinities.
    :param smallest: smallest value, NaN without one.
    :param largest: largest value, NaN without one.
    """

    kind: ClassVar[Kind] = "numeric"

    values: FloatArray
    nulls: int
    infinite: int
    smallest: float
    largest: float
    _is_sorted: bool = field(default=False, init=False)

    @property
    def is_sorted(self) -> bool:
        """Whether the values have been sorted."""
        return self._is_sorted

    @property
    def ordered(self) -> FloatArray:
        """The values, sorted: in place, when they are asked for first."""
        if not self._is_sorted:
            sort_numbers(self.values)
            self._is_sorted = True
        return self.values

    @property
    def present(self) -> int:
        """Number of values, infinities included and nulls apart."""
        return len(self.values)

    @property
    def rows(self) -> int:
        """Number of rows, nulls included."""
        return self.present + self.nulls

    @classmethod
    def of(cls, column: ColumnSample) -> "Numbers":
        """Sum a column up.

        :param column: a numeric column.
        :return: its summary.
        """
        return cls.owning(column.values.copy())

    @classmethod
    def owning(cls, values: FloatArray, nulls: int = 0, ends: Ends | None = None) -> "Numbers":
        """Sum values up in the memory that they take.

        :param values: the values, NaN for null; they belong to the summary from now on.
        :param nulls: nulls that are not among the values.
        :param ends: smallest and largest of the values where they are known, NaN where one of them is; None to look.
        :return: their summary.
        """
        rows, (smallest, largest) = len(values), ends if ends is not None and len(values) else _ends(values)
        if math.isnan(smallest):
            values = _without_nan(values)
            smallest, largest = _ends(values)
        infinite = 0
        if math.isinf(smallest) or math.isinf(largest):
            infinite = int(np.count_nonzero(np.isinf(values)))
        return cls(values, nulls + rows - len(values), infinite, smallest, largest)


@dataclass(frozen=True, slots=True)
class Categories:
    """A categorical column, summed up.

    :param counts: rows by category, nulls apart.
    :param nulls: number of nulls.
    """

    kind: ClassVar[Kind] = "categorical"

    counts: Counter[str]
    nulls: int

    @property
    def rows(self) -> int:
        """Number of rows, nulls included."""
        return self.counts.total() + self.nulls

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


@dataclass(frozen=True, slots=True, eq=False)
class BinnedNumbers:
    """A numeric column that only a profile is known of.

    :param edges: upper edges of all bins but the last; a bin holds its upper edge.
    :param coarse: positions among them of the edges that PSI and Jensen-Shannon are computed by.
    :param bins: finite values per bin.
    :param at_edges: how many of them equal the upper edge of their bin, the last bin apart.
    :param below: negative infinities.
    :param above: positive infinities.
    :param nulls: number of nulls.
    :param moments: of the finite values.
    :param smallest: smallest finite value, NaN without one.
    :param largest: largest finite value, NaN without one.
    """

    kind: ClassVar[Kind] = "numeric"

    edges: FloatArray
    coarse: tuple[int, ...]
    bins: IntArray
    at_edges: IntArray
    below: int
    above: int
    nulls: int
    moments: Moments
    smallest: float
    largest: float

    @property
    def infinite(self) -> int:
        """Number of infinities."""
        return self.below + self.above

    @property
    def present(self) -> int:
        """Number of values, infinities included and nulls apart."""
        return int(self.bins.sum()) + self.infinite

    @property
    def rows(self) -> int:
        """Number of rows, nulls included."""
        return self.present + self.nulls

    def coarse_counts(self) -> FloatArray:
        """Return the values per bin of PSI and Jensen-Shannon, infinities in the outer ones."""
        starts = [0, *(position + 1 for position in self.coarse)]
        counts = np.add.reduceat(self.bins, starts).astype(np.float64)
        counts[0] += self.below
        counts[-1] += self.above
        return counts


Summary = Numbers | Categories | BinnedNumbers
"""A column, summed up for comparing."""

ColumnPair = tuple[str, Summary | None, Summary | None]
"""A column's name, what it was in the reference, and what it is now; None where that side does not have it."""


def paired(reference: Mapping[str, ColumnSample], current: Mapping[str, ColumnSample]) -> Iterator[ColumnPair]:
    """Sum up columns that are at hand, one after the other.

    :param reference: the reference's columns by name.
    :param current: the current columns by name.
    :return: pairs in the order of their names.
    """
    for name in sorted({*reference, *current}):
        was, now = reference.get(name), current.get(name)
        yield name, None if was is None else summary_of(was), None if now is None else summary_of(now)


def summary_of(column: ColumnSample) -> Summary:
    """Sum a column up.

    :param column: the column.
    :return: its summary, of its kind.
    """
    return Numbers.of(column) if column.kind == "numeric" else Categories.of(column)


def _ends(values: FloatArray) -> Ends:
    return (float(np.min(values)), float(np.max(values))) if len(values) else (math.nan, math.nan)


def _without_nan(values: FloatArray) -> FloatArray:
    """Move the numbers to the front, in place."""
    filled = 0
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        present = block[~np.isnan(block)]
        values[filled : filled + len(present)] = present
        filled += len(present)
    return values[:filled]


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))
