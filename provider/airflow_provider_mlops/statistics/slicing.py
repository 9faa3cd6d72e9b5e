"""Cutting the test rows by the values of a column, without copying what a rule does not look at."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.dependence import Dependence
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import IntArray
from airflow_provider_mlops.statistics.resampling import clusters_of
from airflow_provider_mlops.statistics.score_table import MODELS, ScoreTable

MAX_SLICES = 100
NO_VALUE = "(none)"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some test rows, with what belongs together among them.

    :param table: the rows.
    :param clusters: code of each row's cluster or block of time; None when all are independent.
    """

    table: ScoreTable
    clusters: IntArray | None = None

    def only(self, models: Collection[str], variants: Collection[str] = ()) -> "Rows":
        """Leave out what a rule does not look at, so that cutting slices does not copy it.

        :param models: models to keep; the candidate always stays.
        :param variants: variants to keep.
        :return: the same rows.
        """
        left_out: dict[str, Any] = {name: None for name in MODELS[1:] if name not in models}
        kept = {name: scores for name, scores in self.table.variants.items() if name in variants}
        return Rows(replace(self.table, slices={}, variants=kept, **left_out), self.clusters)

    def at(self, index: IntArray) -> "Rows":
        """Return some of the rows.

        :param index: positions of the rows to keep.
        :return: the rows.
        """
        clusters = None if self.clusters is None else self.clusters[index]
        return Rows(self.table.where(index), clusters)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column cut into its values.

    :param values: the different values as text, sorted; a null is ``(none)``.
    :param order: positions of the rows, value after value.
    :param ends: where each value's rows end in ``order``.
    """

    values: tuple[str, ...]
    order: IntArray
    ends: IntArray

    def rows_of(self, value: str) -> IntArray:
        """Return the positions of a value's rows.

        :param value: one of `values`.
        :return: the positions, in the order of the test rows.
        """
        number = self.values.index(value)
        return self.order[self.ends[number - 1] if number else 0 : self.ends[number]]


def column_of(values: npt.NDArray[Any]) -> Column:
    """Cut a column into its values; each different one is turned into text once only.

    :param values: one per row.
    :return: the values with their rows.
    """
    if values.dtype.kind in "OUS":
        items = values.tolist()
        different = list(dict.fromkeys(items))
        number_of = dict(zip(different, range(len(different)), strict=True))
        numbers = np.fromiter(map(number_of.__getitem__, items), dtype=np.int64, count=len(items))
    else:
        found, inverse = np.unique(values, return_inverse=True)
        different, numbers = found.tolist(), np.asarray(inverse, dtype=np.int64)
    texts = list(map(_text, different))
    names = sorted(set(texts))
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([code_of[text] for text in texts], dtype=np.int64)[numbers] if texts else numbers
    # Sorting small whole numbers is a count, not a comparison.
    narrow = codes.astype(np.int16) if len(names) < np.iinfo(np.int16).max else codes
    order = np.argsort(narrow, kind="stable")
    return Column(tuple(names), order, np.cumsum(np.bincount(codes, minlength=len(names))))


@dataclass(frozen=True, slots=True, eq=False)
class Slicer:
    """All test rows, cut by one column after the other; each column is read once.

    :param rows: all test rows.
    """

    rows: Rows
    _columns: dict[str, Column] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """Cut by a column.

        :param name: the column.
        :return: its values with their rows.
        :raises NotMeasurable: when there is no such column, or it has no value or more than 100.
        """
        slices = self.rows.table.slices
        if name not in slices:
            known = ", ".join(slices) or "none"
            raise NotMeasurable(f"The test rows have no slice column {name!r}; they have: {known}.")
        if name not in self._columns:
            self._columns[name] = column_of(np.asarray(slices[name]))
        column = self._columns[name]
        if not 0 < len(column.values) <= MAX_SLICES:
            limits = f"it must have 1 to {MAX_SLICES}"
            raise NotMeasurable(f"The slice column {name!r} has {len(column.values):,} values; {limits}.")
        return column


def rows_together(dependence: Dependence | None, table: ScoreTable) -> IntArray | None:
    """Read which rows belong together.

    :param dependence: as the policy has it.
    :param table: the test rows.
    :return: code of each row's cluster or block of time; None when all are independent.
    :raises NotMeasurable: when the column is missing or cannot be read: intervals would be too short without it.
    """
    if dependence is None:
        return None
    if dependence.column not in table.slices:
        known = ", ".join(table.slices) or "none"
        raise NotMeasurable(
            f"The test rows have no column {dependence.column!r}, by which the policy says that they depend on one "
            f"another; they have: {known}. More rows would not help: evaluate again with it."
        )
    values = table.slices[dependence.column]
    return clusters_of(values, block_days=None if dependence.cluster else dependence.block_days)


def _text(value: Any) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return NO_VALUE if missing else str(value)
