"""Counting values into a profile, a batch after the other: memory for a batch, whatever the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
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
    """

    def __init__(self, spec: NumberSpec) -> None:
        self._edges = spec.edges
        bins, at_edges = np.zeros(len(spec.edges) + 1, dtype=np.int64), np.zeros(len(spec.edges), dtype=np.int64)
        self._nothing = NumberProfile(bins, at_edges)
        self._found = self._nothing

    def add(self, values: FloatArray) -> None:
        """Count values.

        :param values: NaN for null; they are sorted in place.
        """
        # Sorting a batch is cheaper than searching the edges for each value.
        values.sort()
        present = values[: int(np.searchsorted(values, np.nan))]
        below = int(np.searchsorted(present, -np.inf, side="right"))
        upto = int(np.searchsorted(present, np.inf, side="left"))
        finite = present[below:upto]
        inside = np.searchsorted(finite, self._edges, side="right")
        found = NumberProfile(
            bins=np.diff(inside, prepend=0, append=len(finite)).astype(np.int64),
            at_edges=(inside - np.searchsorted(finite, self._edges, side="left")).astype(np.int64),
            nulls=len(values) - len(present),
            below=below,
            above=len(present) - upto,
            moments=Moments.of(finite),
            smallest=float(finite[0]) + 0.0 if len(finite) else None,
            largest=float(finite[-1]) + 0.0 if len(finite) else None,
        )
        self._found = self._found.merge(found)

    def missing(self, rows: int) -> None:
        """Count rows that do not have the column.

        :param rows: how many.
        """
        self._found = self._found.merge(replace(self._nothing, absent=rows))

    def result(self) -> NumberProfile:
        """Return what was counted."""
        return self._found


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


def tally_of(spec: ColumnSpec) -> Tally:
    """Begin to count a column.

    :param spec: its specification.
    :return: the counter.
    """
    return NumberTally(spec) if isinstance(spec, NumberSpec) else CategoryTally(spec)


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
