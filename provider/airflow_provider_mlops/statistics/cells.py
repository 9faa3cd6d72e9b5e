"""Equal cells over the numbers of a column: finding a number's cell is a multiplication, far less than sorting it.

Of two numbers the larger one is never in the lower cell, and equal numbers share theirs: rounding keeps order. So only
what shares a cell needs a closer look. Numbers beyond the ends count to the outer cells.
"""

import math
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray

CELLS = 1 << 16
"""Cells where nothing else is said: their numbers fit 16 bits."""
_NARROWEST = 1e-290

Ends = tuple[float, float]
"""Smallest and largest of some numbers."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one width, numbered from 0.

    :param lowest: lower end of the first cell.
    :param per_unit: cells per unit of the values.
    :param count: how many there are.
    """

    lowest: float
    per_unit: float
    count: int = CELLS

    @classmethod
    def between(cls, low: float, high: float, count: int = CELLS) -> "Cells | None":
        """Make the cells between two values.

        :param low: lower end of the first cell.
        :param high: lower end of the last cell.
        :param count: how many.
        :return: the cells; None where there is no room for them.
        """
        width = high - low
        return cls(low, (count - 1) / width, count) if math.isfinite(width) and width > _NARROWEST else None

    def hold(self, ends: Ends) -> bool:
        """Tell whether numbers lie within the cells.

        :param ends: smallest and largest of the numbers.
        """
        return self._position(ends[0]) >= 0 and self._position(ends[1]) <= self.count - 1

    def positions(self, values: FloatArray, out: FloatArray, *, held: bool) -> FloatArray:
        """Measure numbers from the first cell on; the whole part is the number of the cell.

        :param values: the numbers, infinities too, no NaN.
        :param out: memory for the result, at least as long.
        :param held: whether all of them lie within the cells.
        :return: the positions.
        """
        found = out[: len(values)]
        with np.errstate(over="ignore"):
            np.subtract(values, self.lowest, out=found)
            np.multiply(found, self.per_unit, out=found)
        return found if held else np.clip(found, 0, self.count - 1, out=found)

    def places(self, values: FloatArray) -> IntArray:
        """Number the cells of a few numbers.

        :param values: the numbers, no NaN.
        :return: the numbers of their cells.
        """
        return self.positions(values, np.empty(len(values)), held=False).astype(np.int64)

    def _position(self, value: float) -> float:
        return (value - self.lowest) * self.per_unit
