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
    :param looked_over: see `looked_over`.
    :param beside_edges: see `beside_edges`.
    """

    tally: Callable[..., None]
    taken: Callable[..., int]
    looked_over: Callable[..., tuple[int, int, float, float, float, float, float, float]]
    beside_edges: Callable[..., int]


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
    seen = types.Tuple((types.i8, types.i8, *[types.f8] * 6))
    try:
        return Loops(
            _of(numba, tally)(types.void(values, *cells, types.i8, whole, floats)),
            _of(numba, taken)(types.i8(values, *cells, flags, floats)),
            _of(numba, looked_over)(seen(values, types.f8, *cells, flags, whole, floats)),
            _of(numba, beside_edges)(types.i8(values, *cells, whole, values, whole, whole, floats)),
        )
    except RuntimeError:  # there is no folder that compiled code could be kept in
        return None


def _of(numba: Any, loop: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda signature: numba.njit(signature, nogil=True, cache=True)(loop)


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


def looked_over(
    values: FloatArray,
    about: float,
    lowest: float,
    per_unit: float,
    last: float,
    wanted: BoolArray,
    counts: IntArray,
    found: FloatArray,
) -> tuple[int, int, float, float, float, float, float, float]:
    """Count values by cell, gather those of some cells, and add up powers of all.

    :param values: the values; those that are not finite are passed over.
    :param about: what powers are measured from, near the mean.
    :param lowest: lower end of the first cell.
    :param per_unit: cells per unit.
    :param last: number of the last cell.
    :param wanted: one truth value per cell, of those to gather.
    :param counts: values by cell, added to.
    :param found: memory for what is gathered and for one more.
    :return: how many were gathered, how many are finite, the sums of the first to the fourth power of their distances,
        the smallest and the largest.
    """
    filled, finite = 0, 0
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    smallest, largest = np.inf, -np.inf
    for value in values:
        if value - value != 0.0:
            continue
        finite += 1
        smallest = min(value, smallest)
        largest = max(value, largest)
        apart = value - about
        squared = apart * apart
        first += apart
        second += squared
        third += squared * apart
        fourth += squared * squared
        position = (value - lowest) * per_unit
        if not position > 0.0:
            position = 0.0
        elif position > last:
            position = last
        number = int(position)
        counts[number] += 1
        found[filled] = value
        filled += int(wanted[number])
    return filled, finite, first, second, third, fourth, smallest, largest


def beside_edges(
    values: FloatArray,
    lowest: float,
    per_unit: float,
    last: float,
    edge_of: IntArray,
    edges: FloatArray,
    at_most: IntArray,
    below: IntArray,
    rest: FloatArray,
) -> int:
    """Count on which side of the edge of its cell each value lies.

    :param values: values of cells with an edge.
    :param lowest: lower end of the first cell.
    :param per_unit: cells per unit.
    :param last: number of the last cell.
    :param edge_of: number of the one edge in each cell, -2 for several.
    :param edges: the edges.
    :param at_most: values that are at most as large as the edge of their cell, by edge, added to.
    :param below: values that are smaller, by edge, added to.
    :param rest: memory for the values of cells with several edges, as much as there are values.
    :return: how many are in ``rest``.
    """
    left = 0
    for value in values:
        position = (value - lowest) * per_unit
        if not position > 0.0:
            position = 0.0
        elif position > last:
            position = last
        edge = edge_of[int(position)]
        if edge < 0:
            rest[left] = value
            left += 1
        else:
            at_most[edge] += int(value <= edges[edge])
            below[edge] += int(value < edges[edge])
    return left
