"""How many values are at most as large as, and smaller than, each of many edges: without sorting them.

A cell without an edge is counted as a whole. Where a cell has one, its values are compared with it; only the values of
the few cells with several edges, the outer ones mostly, are sorted.
"""

import math
from typing import NamedTuple

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.cells import CELLS, Cells, Ends
from airflow_provider_mlops.statistics.compiled import Loops
from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.sorting import sort_numbers

_STEP = 1 << 18
_FEW = 1 << 15
_PIECE = 1 << 16
_LOOKED_AT = 256
_TOO_MANY = 0.5
_NONE, _SEVERAL = -1, -2


class Seen(NamedTuple):
    """What was seen of values while they were counted.

    :param finite: how many are finite.
    :param moments: of those.
    :param ends: smallest and largest of those.
    """

    finite: int
    moments: Moments
    ends: Ends


class EdgeCounter:
    """Counts values by edges, batch after batch.

    :param edges: the edges, rising, finite.
    :param middle: two values between which most of the values are expected; None for cells of no use.
    :param loops: compiled loops, None for NumPy.
    """

    def __init__(self, edges: FloatArray, middle: Ends | None, loops: Loops | None = None) -> None:
        margin = 0.0 if middle is None else 1.5 * (middle[1] - middle[0])
        self._cells = None if middle is None else Cells.between(middle[0] - margin, middle[1] + margin)
        self._edges, self._loops = edges, loops
        self._in_cells: _InCells | None = None
        self._at_most, self._below = _zeros(edges), _zeros(edges)

    def add(self, values: FloatArray, ends: Ends) -> None:
        """Count values.

        :param values: the values in any order, finite; they are left as they are.
        :param ends: smallest and largest of them.
        """
        if self._cells is None or len(values) < _FEW:
            self._sort(values.copy())
            return
        if self._in_cells is None:
            self._in_cells = _InCells(self._edges, self._cells)
        held, compared = self._cells.hold(ends), 0
        for start in range(0, len(values), _STEP):
            looked_at, rest = self._in_cells.add(values[start : start + _STEP], held=held)
            self._sort(rest)
            compared += looked_at
        self._sort_if_most(compared, len(values))

    def look_over(self, values: FloatArray) -> "Seen | None":
        """Count values, and measure them on the way.

        :param values: the values in any order; those that are not finite are passed over.
        :return: what was seen; None, and nothing is counted, where this is not the way to count them.
        """
        if self._loops is None or self._cells is None or len(values) < _FEW:
            return None
        if self._in_cells is None:
            self._in_cells = _InCells(self._edges, self._cells)
        finite, compared, moments, ends = 0, 0, Moments(), (math.inf, -math.inf)
        for start in range(0, len(values), _PIECE):
            seen, near_edges, rest = self._in_cells.look_over(values[start : start + _PIECE], self._loops)
            self._sort(rest)
            finite, compared = finite + seen.finite, compared + near_edges
            moments = moments.merge(seen.moments)
            ends = min(ends[0], seen.ends[0]), max(ends[1], seen.ends[1])
        self._sort_if_most(compared, finite)
        return Seen(finite, moments, ends)

    def counts(self) -> tuple[IntArray, IntArray]:
        """Return how many values are at most as large as each edge, and how many are smaller."""
        if self._in_cells is None:
            return self._at_most, self._below
        at_most, below = self._in_cells.counts()
        return self._at_most + at_most, self._below + below

    def _sort_if_most(self, compared: int, values: int) -> None:
        """Give up the cells where most values are compared, as whole numbers are that are edges: sorting is less."""
        if compared > _TOO_MANY * values:
            self._cells = None

    def _sort(self, values: FloatArray) -> None:
        sort_numbers(values)
        self._at_most += np.searchsorted(values, self._edges, side="right")
        self._below += np.searchsorted(values, self._edges, side="left")


class _InCells:
    """Values by cell, and on which side of the edge of their cell they lie.

    :param edges: the edges.
    :param cells: the cells.
    """

    def __init__(self, edges: FloatArray, cells: Cells) -> None:
        self._edges, self._cells, self._places = edges, cells, cells.places(edges)
        self._edge_of = np.full(CELLS, _NONE)
        self._edge_of[self._places] = np.arange(len(edges))
        self._edge_of[np.bincount(self._places, minlength=CELLS) > 1] = _SEVERAL
        self._has_edge = self._edge_of != _NONE
        self._values, self._at_most, self._below = np.zeros(CELLS, dtype=np.int64), _zeros(edges), _zeros(edges)
        self._positions, self._numbers = np.empty(_STEP), np.empty(_STEP, dtype=np.intp)

    def add(self, block: FloatArray, *, held: bool) -> tuple[int, FloatArray]:
        """Count a block; return how many values were compared, and those of cells with several edges, not counted."""
        number = self._numbers[: len(block)]
        np.copyto(number, self._cells.positions(block, self._positions, held=held), casting="unsafe")
        self._values += np.bincount(number, minlength=CELLS)
        rows = np.flatnonzero(self._has_edge.take(number))
        values, edge = block.take(rows), self._edge_of.take(number.take(rows))
        alone = edge != _SEVERAL
        rest, values, edge = values[~alone], values[alone], edge[alone]
        limit = self._edges.take(edge)
        self._at_most += np.bincount(edge[values <= limit], minlength=len(self._edges))
        self._below += np.bincount(edge[values < limit], minlength=len(self._edges))
        return len(rows), rest

    def look_over(self, piece: FloatArray, loops: Loops) -> "tuple[Seen, int, FloatArray]":
        """Count a piece; return what was seen, how many were compared, and those of cells with several edges."""
        cells, about = (self._cells.lowest, self._cells.per_unit, self._cells.count - 1.0), _near_the_mean(piece)
        wanted, memory = self._has_edge, self._positions[: len(piece) + 1]
        near, finite, *sums = loops.looked_over(piece, about, *cells, wanted, self._values, memory)
        rest = np.empty(near)
        into = (self._at_most, self._below, rest)
        left = loops.beside_edges(memory[:near], *cells, self._edge_of, self._edges, *into)
        *powers, smallest, largest = sums
        return Seen(finite, Moments.about(finite, about, *powers), (smallest, largest)), near, rest[:left]

    def counts(self) -> tuple[IntArray, IntArray]:
        """Return how many of the counted values are at most as large as each edge, and how many are smaller."""
        whole = np.where(self._edge_of == _SEVERAL, 0, self._values)
        before = (np.cumsum(whole) - whole)[self._places]
        return before + self._at_most, before + self._below


def _near_the_mean(values: FloatArray) -> float:
    """Guess the mean of values from some of them."""
    some = values[:: max(1, len(values) // _LOOKED_AT)]
    some = some[np.isfinite(some)]
    return float(np.mean(some)) if len(some) else 0.0


def _zeros(edges: FloatArray) -> IntArray:
    return np.zeros(len(edges), dtype=np.int64)
