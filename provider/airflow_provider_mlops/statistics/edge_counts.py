"""How many values are at most as large as, and smaller than, each of many edges: without sorting them.

A cell without an edge is counted as a whole. Where a cell has one, its values are compared with it; only the values of
the few cells with several edges, the outer ones mostly, are sorted.
"""

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.cells import CELLS, Cells, Ends
from airflow_provider_mlops.statistics.compiled import Loops
from airflow_provider_mlops.statistics.sorting import sort_numbers

_STEP = 1 << 18
_FEW = 1 << 15
_TOO_MANY = 0.5
_NONE, _SEVERAL = -1, -2


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
            self._in_cells = _InCells(self._edges, self._cells, self._loops)
        held, compared = self._cells.hold(ends), 0
        for start in range(0, len(values), _STEP):
            looked_at, rest = self._in_cells.add(values[start : start + _STEP], held=held)
            self._sort(rest)
            compared += looked_at
        if compared > _TOO_MANY * len(values):
            # Whole numbers, say, each of which is an edge, or all of them far away: sorting is less work.
            self._cells = None

    def counts(self) -> tuple[IntArray, IntArray]:
        """Return how many values are at most as large as each edge, and how many are smaller."""
        if self._in_cells is None:
            return self._at_most, self._below
        at_most, below = self._in_cells.counts()
        return self._at_most + at_most, self._below + below

    def _sort(self, values: FloatArray) -> None:
        sort_numbers(values)
        self._at_most += np.searchsorted(values, self._edges, side="right")
        self._below += np.searchsorted(values, self._edges, side="left")


class _InCells:
    """Values by cell, and on which side of the edge of their cell they lie.

    :param edges: the edges.
    :param cells: the cells.
    :param loops: compiled loops, None for NumPy.
    """

    def __init__(self, edges: FloatArray, cells: Cells, loops: Loops | None) -> None:
        self._edges, self._cells, self._loops, self._places = edges, cells, loops, cells.places(edges)
        self._edge_of = np.full(CELLS, _NONE)
        self._edge_of[self._places] = np.arange(len(edges))
        self._edge_of[np.bincount(self._places, minlength=CELLS) > 1] = _SEVERAL
        self._has_edge = self._edge_of != _NONE
        self._values, self._at_most, self._below = np.zeros(CELLS, dtype=np.int64), _zeros(edges), _zeros(edges)
        self._positions, self._numbers = np.empty(_STEP), np.empty(_STEP, dtype=np.intp)

    def add(self, block: FloatArray, *, held: bool) -> tuple[int, FloatArray]:
        """Count a block; return how many values were compared, and those of cells with several edges, not counted."""
        if self._loops is not None:
            return self._add_compiled(block, self._loops)
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

    def _add_compiled(self, block: FloatArray, loops: Loops) -> tuple[int, FloatArray]:
        cells, rest = self._cells, self._positions[: len(block)]
        counted = (self._edge_of, self._edges, self._values, self._at_most, self._below)
        compared, left = loops.beside_edges(block, cells.lowest, cells.per_unit, cells.count - 1.0, *counted, rest)
        return compared, rest[:left]

    def counts(self) -> tuple[IntArray, IntArray]:
        """Return how many of the counted values are at most as large as each edge, and how many are smaller."""
        whole = np.where(self._edge_of == _SEVERAL, 0, self._values)
        before = (np.cumsum(whole) - whole)[self._places]
        return before + self._at_most, before + self._below


def _zeros(edges: FloatArray) -> IntArray:
    return np.zeros(len(edges), dtype=np.int64)
