"""Counting values into a profile, a batch after the other: memory for a batch, whatever the rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.cells import Ends
from airflow_provider_mlops.statistics.compiled import loops_for
from airflow_provider_mlops.statistics.edge_counts import EdgeCounter
from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.profile import (
    NEW_NAMES,
    CategoryProfile,
    ColumnProfile,
    NumberProfile,
    Profile,
)
from airflow_provider_mlops.statistics.profile_spec import REST, CategorySpec, ColumnSpec, NumberSpec, ProfileSpec


class Tally(Protocol):
    """Counts the values of one column."""

    def add(self, values: Any) -> None:
        """Count values.

        :param values: what the column's kind takes.
        """

    def missing(self, rows: int) -> None:
        """Count rows that do not have the column.

        :param rows: how many.
        """

    def result(self) -> ColumnProfile:
        """Return what was counted."""


class NumberTally:
    """Counts numbers.

    :param spec: the column's specification.
    :param rows: how many values are expected in all; it tells only how they are counted.
    """

    def __init__(self, spec: NumberSpec, rows: int = 0) -> None:
        middle = (float(spec.edges[spec.coarse[0]]), float(spec.edges[spec.coarse[-1]])) if spec.coarse else None
        self._edges, self._moments = EdgeCounter(spec.edges, middle, loops_for(rows)), Moments()
        self._nulls = self._below = self._above = self._absent = 0
        self._ends = (math.inf, -math.inf)

    def add(self, values: FloatArray, nulls: int = 0) -> None:
        """Count values.

        :param values: NaN for null.
        :param nulls: nulls that are not among them.
        """
        self._nulls += nulls
        if (seen := self._edges.look_over(values)) is not None:
            if seen.finite < len(values):
                self._count_others(values)
            self._note(seen.moments, seen.ends)
            return
        present, ends = _present(values)
        self._nulls += len(values) - len(present)
        if not len(present):
            return
        if not np.all(np.isfinite(ends)):
            self._below += int(np.count_nonzero(present == -np.inf))
            self._above += int(np.count_nonzero(present == np.inf))
            present, ends = _present(present[np.isfinite(present)])
        self._edges.add(present, ends)
        self._note(Moments.of(present), ends)

    def _count_others(self, values: FloatArray) -> None:
        """Count what is not finite."""
        self._nulls += int(np.count_nonzero(np.isnan(values)))
        self._below += int(np.count_nonzero(values == -np.inf))
        self._above += int(np.count_nonzero(values == np.inf))

    def _note(self, moments: Moments, ends: Ends) -> None:
        self._moments = self._moments.merge(moments)
        self._ends = min(self._ends[0], ends[0]), max(self._ends[1], ends[1])

    def missing(self, rows: int) -> None:
        """Count rows that do not have the column.

        :param rows: how many.
        """
        self._absent += rows

    def result(self) -> NumberProfile:
        """Return what was counted."""
        at_most, below = self._edges.counts()
        some, (smallest, largest) = bool(self._moments.n), self._ends
        return NumberProfile(
            bins=np.diff(at_most, prepend=0, append=self._moments.n),
            at_edges=at_most - below,
            nulls=self._nulls,
            below=self._below,
            above=self._above,
            moments=self._moments,
            # A negative zero is the same number, and would be another text.
            smallest=smallest + 0.0 if some else None,
            largest=largest + 0.0 if some else None,
            absent=self._absent,
        )


class CategoryTally:
    """Counts categories.

    :param spec: the column's specification.
    """

    def __init__(self, spec: CategorySpec) -> None:
        self._spec = spec
        self._position = {name: position for position, name in enumerate(spec.listed)}
        self._known = frozenset(spec.known)
        self._counts = np.zeros(len(spec.listed), dtype=np.int64)
        self._other = self._new = self._nulls = self._absent = 0
        self._names: set[str] = set()

    def add(self, values: Mapping[str | None, int]) -> None:
        """Count values.

        :param values: rows by category, None for null.
        """
        for name, rows in values.items():
            if name is None:
                self._nulls += rows
            elif (position := self._position.get(name)) is not None:
                self._counts[position] += rows
            elif name in self._known or not self._spec.complete:
                self._other += rows
            else:
                self._new += rows
                self._names.add(name)
        if len(self._names) > NEW_NAMES:
            self._names = set(sorted(self._names)[:NEW_NAMES])

    def missing(self, rows: int) -> None:
        """Count rows that do not have the column.

        :param rows: how many.
        """
        self._absent += rows

    def result(self) -> CategoryProfile:
        """Return what was counted."""
        names = tuple(sorted(self._names))
        return CategoryProfile(self._counts.copy(), self._other, self._new, names, self._nulls, self._absent)


def _present(values: FloatArray) -> tuple[FloatArray, Ends]:
    """Return the values that are numbers, and their smallest and largest."""
    present, smallest = values, float(np.min(values, initial=np.inf))
    if math.isnan(smallest):
        present = values[~np.isnan(values)]
        smallest = float(np.min(present, initial=np.inf))
    return present, (smallest, float(np.max(present, initial=-np.inf)))


def tally_of(spec: ColumnSpec, rows: int = 0) -> Tally:
    """Begin to count a column.

    :param spec: its specification.
    :param rows: how many values are expected; it tells only how they are counted.
    :return: the counter.
    """
    return NumberTally(spec, rows) if isinstance(spec, NumberSpec) else CategoryTally(spec)


def slice_values(spec: ProfileSpec, column: str) -> tuple[str, ...]:
    """Name the slices of a column: its declared values, and one for all others, nulls included.

    :param spec: the specification.
    :param column: the column.
    :return: the values.
    """
    return (*spec.slices[column], REST)


def empty_profile(spec: ProfileSpec) -> Profile:
    """Return the profile of no rows: merging with it changes nothing.

    :param spec: the specification.
    :return: the profile.
    """
    return assembled(spec, 0, {name: tally_of(item).result() for name, item in spec.columns.items()}, {})


def assembled(
    spec: ProfileSpec,
    rows: int,
    columns: Mapping[str, ColumnProfile],
    slices: Mapping[str, Sequence[tuple[int, Mapping[str, ColumnProfile]]]],
) -> Profile:
    """Put a profile together.

    :param spec: the specification.
    :param rows: number of rows.
    :param columns: the columns, counted.
    :param slices: rows and counted columns of each slice, in the order of `slice_values`; none for no rows.
    :return: the profile.
    """
    hash_ = spec.hash
    nothing = {name: tally_of(item).result() for name, item in spec.columns.items()}
    parts = {
        name: {
            value: Profile(hash_, *((slices[name][position]) if name in slices else (0, nothing)))
            for position, value in enumerate(slice_values(spec, name))
        }
        for name in spec.slices
    }
    return Profile(hash_, rows, {name: columns[name] for name in spec.columns}, parts)
