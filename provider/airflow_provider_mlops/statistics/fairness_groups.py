"""Groups of test rows by one column or by the intersection of several, and what fairness counts in each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.fairness_intervals import Shares

MAX_GROUPS = 100
NO_VALUE = "(none)"
_MOST_CODES = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which group each row is of.

    :param names: name of each group, in order: a value, or ``origin=JFK, carrier=AA`` of several columns.
    :param codes: index of each row's group.
    """

    names: tuple[str, ...]
    codes: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows by group, label and decision; every fairness measure is a function of them.

    :param table: counts, or sums of weights, of shape (groups, label, decision).
    :param gaps: sum of score minus label, per group.
    :param squares: sum of the squares of score minus label, per group.
    """

    table: FloatArray
    gaps: FloatArray
    squares: FloatArray

    @property
    def rows(self) -> FloatArray:
        """Rows of each group."""
        return np.asarray(self.table.sum(axis=(1, 2)), dtype=np.float64)

    @property
    def positives(self) -> FloatArray:
        """Rows of each group whose label is 1."""
        return np.asarray(self.table[:, 1].sum(axis=1), dtype=np.float64)

    @property
    def selected(self) -> Shares:
        """Rows that the model decides for, among all."""
        return Shares(np.asarray(self.table[:, :, 1].sum(axis=1), dtype=np.float64), self.rows)

    @property
    def true_positives(self) -> Shares:
        """Rows that the model decides for, among those whose label is 1."""
        return Shares(self.table[:, 1, 1], self.positives)

    @property
    def false_positives(self) -> Shares:
        """Rows that the model decides for, among those whose label is 0."""
        return Shares(self.table[:, 0, 1], np.asarray(self.table[:, 0].sum(axis=1), dtype=np.float64))


def group_name(columns: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Name a group.

    :param columns: the columns that make the groups.
    :param values: the group's value of each.
    :return: the value of a single column, else ``origin=JFK, carrier=AA``.
    :raises BadInput: when there are not as many values as columns.
    """
    if len(columns) != len(values):
        raise BadInput(
            f"The reference {', '.join(values)!r} must have one value for each of the columns {', '.join(columns)}."
        )
    if len(columns) == 1:
        return values[0]
    return ", ".join(f"{column}={value}" for column, value in zip(columns, values, strict=True))


def groups_of(columns: Mapping[str, npt.NDArray[Any]]) -> Groups:
    """Find the groups; rows without a value are the group ``(none)``.

    :param columns: columns by name, a value per row; several give their intersections, those that occur.
    :return: the groups, ordered by their values.
    :raises NotMeasurable: when the columns have so many values that they cannot be groups.
    """
    coded = [_coded(np.asarray(column)) for column in columns.values()]
    sizes = [len(values) for values, _ in coded]
    if math.prod(sizes) > _MOST_CODES:
        raise NotMeasurable(f"The columns {', '.join(columns)} have {sizes} values, too many to be groups.")
    codes = coded[0][1]
    for size, (_, more) in zip(sizes[1:], coded[1:], strict=True):
        codes = codes * size + more
    counts = np.bincount(codes, minlength=math.prod(sizes))
    there = np.flatnonzero(counts)
    places = np.array(np.unravel_index(there, sizes)).T
    names = tuple(
        group_name(tuple(columns), tuple(values[place] for place, (values, _) in zip(row, coded, strict=True)))
        for row in places
    )
    if len(there) < len(counts):
        new = np.zeros(len(counts), dtype=np.int64)
        new[there] = np.arange(len(there))
        codes = new[codes]
    return Groups(names, codes)


def cells_of(groups: Groups, positive: BoolArray, scores: FloatArray, threshold: float) -> Cells:
    """Count what fairness needs, in one pass over the rows.

    :param groups: the groups.
    :param positive: mask of the positive class.
    :param scores: one score per row.
    :param threshold: scores at or above it are decided for.
    :return: the counts.
    """
    gap = scores - positive
    codes, size = groups.codes, len(groups.names)
    squares = np.bincount(codes, weights=gap * gap, minlength=size)
    return sums_of(groups, positive, scores >= threshold, gap, squares=squares)


def effective_cells(
    groups: Groups, positive: BoolArray, selected: BoolArray, gap: FloatArray, weights: FloatArray
) -> Cells:
    """Add weights up, scaled to the number of equal rows that would be as precise (Kish 1965).

    :param groups: the groups.
    :param positive: mask of the positive class.
    :param selected: mask of the rows that the model decides for.
    :param gap: score minus label.
    :param weights: one weight per row.
    :return: the sums; a group without weight has none.
    """
    size = len(groups.names)
    squares = np.bincount(groups.codes, weights=weights * gap * gap, minlength=size)
    sums = sums_of(groups, positive, selected, gap, weights=weights, squares=squares)
    spread = np.bincount(groups.codes, weights=weights * weights, minlength=size)
    scale = sums.rows / np.where(spread > 0, spread, np.inf)
    return Cells(sums.table * scale[:, None, None], sums.gaps * scale, sums.squares * scale)


def sums_of(
    groups: Groups,
    positive: BoolArray,
    selected: BoolArray,
    gap: FloatArray,
    *,
    weights: FloatArray | None = None,
    squares: npt.NDArray[Any] | None = None,
) -> Cells:
    """Add rows, or their weights, up.

    :param groups: the groups.
    :param positive: mask of the positive class.
    :param selected: mask of the rows that the model decides for.
    :param gap: score minus label.
    :param weights: one weight per row; None when all count one.
    :param squares: sum of the squares of the gaps, per group, where it is wanted.
    :return: the sums.
    """
    codes, size = groups.codes, len(groups.names)
    cell = (codes << 2) + 2 * positive + selected
    table = np.bincount(cell, weights=weights, minlength=4 * size).reshape(size, 2, 2)
    gaps = np.bincount(codes, weights=gap if weights is None else weights * gap, minlength=size)
    spread = np.full(size, np.nan) if squares is None else squares
    return Cells(*(np.asarray(part, dtype=np.float64) for part in (table, gaps, spread)))


def _coded(column: npt.NDArray[Any]) -> tuple[list[str], IntArray]:
    """Number the values of a column; a dictionary is far quicker than sorting texts."""
    values = column.tolist()
    texts = {value: _text(value) for value in set(values)}
    names = sorted(set(texts.values()))
    place = {name: index for index, name in enumerate(names)}
    code = {value: place[text] for value, text in texts.items()}
    return names, np.fromiter(map(code.__getitem__, values), dtype=np.int64, count=len(values))


def _text(value: Any) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return NO_VALUE if missing else str(value)
