"""Loops over the numbers of large columns, compiled by Numba where it is installed.

NumPy goes through a column once for each step of a calculation, a compiled loop once for all of them. What is counted
is the same to the last bit; sums of powers are added up in another order, and differ by rounding. Compiled code is kept
beside this file, as Python keeps its own: the first process on a machine takes seconds to compile it.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.side_by_side import LARGE
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Loops:
    """The loops, compiled; they let go of Python, so that threads run them side by side.

    :param tally: see `tally`.
    :param taken: see `taken`.
    :param beside_edges: see `beside_edges`.
    :param powers: see `powers`.
    """

    tally: Callable[..., None]
    taken: Callable[..., int]
    beside_edges: Callable[..., tuple[int, int]]
    powers: Callable[..., tuple[float, float, float]]


def loops_for(values: int) -> Loops | None:
    """Return the loops for a column.

    :param values: how many values it has; importing Numba takes longer than what it saves on few.
    :return: the loops; None where NumPy is to do it: for few values, without Numba or a place for compiled code.
    """
    return _compiled() if values >= LARGE else None


@functools.cache
def _compiled() -> Loops | None:
    try:
        numba = importlib.import_module("numba")
    except ImportError:
        return None
    if numba.config.DISABLE_JIT:
        return None
    types = numba.types
    # Values that nobody may write to are taken, too; the other arrays are filled.
    values, floats, whole, flags = (
        types.Array(kind, 1, "C", readonly=readonly)
        for kind, readonly in ((types.f8, True), (types.f8, False), (types.i8, False), (types.b1, True))
    )
    cells = (types.f8, types.f8, types.f8)
    try:
        return Loops(
            _of(numba, tally)(types.void(values, *cells, types.i8, whole, floats)),
            _of(numba, taken)(types.i8(values, *cells, flags, floats)),
            _of(numba, beside_edges)(types.UniTuple(types.i8, 2)(values, *cells, whole, values, *[whole] * 3, floats)),
            _of(numba, powers, fastmath={"reassoc", "contract"})(types.UniTuple(types.f8, 3)(values, types.f8)),
        )
    except RuntimeError:  # there is no folder that compiled code could be kept in
        return None


def _of(numba: Any, loop: Callable[..., Any], **options: Any) -> Callable[[Any], Any]:
    return lambda signature: numba.njit(signature, nogil=True, cache=True, **options)(loop)


# What follows is compiled, so each is one loop without a call. A position that is no number, or lies beyond the cells,
# is taken for one of the outer cells whatever the caller has promised: a compiled loop would write elsewhere.


def tally(
    values: FloatArray, lowest: float, per_unit: float, last: float, step: int, counts: IntArray, parts: FloatArray
) -> None:
    """Count values by cell, and add up how far into its cell each one lies.

    :param values: the values.
    :param lowest: lower end of the first cell.
    :param per_unit: cells per unit.
    :param last: number of the last cell.
    :param step: values whose parts are added up before they are added to the others.
    :param counts: values by cell, added to.
    :param parts: sums by cell in widths of a cell, added to.
    """
    part = np.zeros(len(parts))
    for start in range(0, len(values), step):
        part[:] = 0.0
        for place in range(start, min(start + step, len(values))):
            position = (values[place] - lowest) * per_unit
            if not position > 0.0:
                position = 0.0
            elif position > last:
                position = last
            number = int(position)
            counts[number] += 1
            part[number] += position - number
        parts += part


def taken(values: FloatArray, lowest: float, per_unit: float, last: float, wanted: BoolArray, found: FloatArray) -> int:
    """Gather the values of some cells.

    :param values: the values.
    :param lowest: lower end of the first cell.
    :param per_unit: cells per unit.
    :param last: number of the last cell.
    :param wanted: one truth value per cell.
    :param found: memory for them and for one more.
    :return: how many there are.
    """
    filled = 0
    for value in values:
        position = (value - lowest) * per_unit
        if not position > 0.0:
            position = 0.0
        elif position > last:
            position = last
        found[min(filled, len(found) - 1)] = value
        filled += int(wanted[int(position)])
    return filled


def beside_edges(
    values: FloatArray,
    lowest: float,
    per_unit: float,
    last: float,
    edge_of: IntArray,
    edges: FloatArray,
    counts: IntArray,
    at_most: IntArray,
    below: IntArray,
    rest: FloatArray,
) -> tuple[int, int]:
    """Count values by cell, and on which side of the edge of its cell each one lies.

    :param values: the values.
    :param lowest: lower end of the first cell.
    :param per_unit: cells per unit.
    :param last: number of the last cell.
    :param edge_of: number of the one edge in each cell, -1 for none, -2 for several.
    :param edges: the edges.
    :param counts: values by cell, added to.
    :param at_most: values that are at most as large as the edge of their cell, by edge, added to.
    :param below: values that are smaller, by edge, added to.
    :param rest: memory for the values of cells with several edges, as much as there are values.
    :return: how many values lie in a cell with an edge, and how many are in ``rest``.
    """
    compared, left = 0, 0
    for value in values:
        position = (value - lowest) * per_unit
        if not position > 0.0:
            position = 0.0
        elif position > last:
            position = last
        number = int(position)
        counts[number] += 1
        edge = edge_of[number]
        if edge == -1:
            continue
        compared += 1
        if edge == -2:
            rest[left] = value
            left += 1
            continue
        at_most[edge] += int(value <= edges[edge])
        below[edge] += int(value < edges[edge])
    return compared, left


def powers(values: FloatArray, mean: float) -> tuple[float, float, float]:
    """Add up the second, third and fourth powers of distances.

    :param values: the values.
    :param mean: what they are measured from.
    :return: the sums.
    """
    second, third, fourth = 0.0, 0.0, 0.0
    for value in values:
        apart = value - mean
        squared = apart * apart
        second += squared
        third += squared * apart
        fourth += squared * squared
    return second, third, fourth
