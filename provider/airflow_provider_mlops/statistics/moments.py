"""Mean and central moments of numbers, in one pass, mergeable: days into weeks, pieces into columns."""

import math
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums of powers of the distances from the mean (Pebay 2008, "Formulas for robust, one-pass parallel computation").

    :param n: number of values.
    :param mean: their mean, 0 without a value.
    :param m2: sum of squared distances from the mean.
    :param m3: sum of the third powers.
    :param m4: sum of the fourth powers.
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0

    @classmethod
    def of(cls, values: FloatArray) -> "Moments":
        """Compute the moments of finite values; memory for a piece of them only.

        :param values: the values.
        :return: their moments; not finite where the values are so large that their powers are not.
        """
        found, size = cls(), min(len(values), _PIECE)
        # Memory for all pieces: asking for it anew costs more than the sums.
        apart, squared = np.empty(size), np.empty(size)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(values), _PIECE):
                piece = values[start : start + _PIECE]
                found = found.merge(cls._of_piece(piece, apart[: len(piece)], squared[: len(piece)]))
        return found

    @classmethod
    def _of_piece(cls, values: FloatArray, apart: FloatArray, squared: FloatArray) -> "Moments":
        mean = float(np.mean(values))
        np.subtract(values, mean, out=apart)
        np.multiply(apart, apart, out=squared)
        # No np.dot: it starts threads of its own, which wait for each other where columns are counted side by side.
        m3, m4 = (float(np.einsum("i,i->", side, squared)) for side in (apart, squared))
        return cls(len(values), mean, float(np.sum(squared)), m3, m4)

    @classmethod
    def about(cls, n: int, point: float, first: float, second: float, third: float, fourth: float) -> "Moments":
        """Compute the moments from sums of powers of the distances from a point that lies near the mean.

        :param n: number of values.
        :param point: the point.
        :param first: sum of the distances.
        :param second: sum of their squares.
        :param third: sum of their third powers.
        :param fourth: sum of their fourth powers.
        :return: the moments.
        """
        if not n:
            return cls()
        apart = first / n
        m2 = second - apart * first
        m3 = third - 3 * apart * second + 2 * apart * apart * first
        m4 = fourth - 4 * apart * third + 6 * apart * apart * second - 3 * apart * apart * apart * first
        return cls(n, point + apart, max(m2, 0.0), m3, max(m4, 0.0))

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of values together.

        :param other: moments of other values.
        :return: the same as computed at once, but for rounding.
        """
        if not self.n or not other.n:
            return self if self.n else other
        n, m = self.n, other.n
        total, apart = n + m, other.mean - self.mean
        step = apart / total
        product = apart * step * n * m
        m3 = self.m3 + other.m3 + product * step * (n - m) + 3 * step * (n * other.m2 - m * self.m2)
        m4 = self.m4 + other.m4 + product * step * step * (n * n - n * m + m * m)
        m4 += 6 * step * step * (n * n * other.m2 + m * m * self.m2) + 4 * step * (n * other.m3 - m * self.m3)
        return Moments(total, self.mean + step * m, self.m2 + other.m2 + product, m3, m4)

    @property
    def spread(self) -> float:
        """Standard deviation of the values as they are (no degree of freedom taken off), NaN without a value."""
        return math.sqrt(self.m2 / self.n) if self.n else math.nan


def spread_of(values: FloatArray) -> float:
    """Compute the standard deviation of finite values (no degree of freedom taken off) without a copy of them.

    :param values: the values, at least one.
    :return: the standard deviation.
    """
    found, memory = Moments(), np.empty(min(len(values), _PIECE))
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        mean = float(np.mean(piece))
        apart = np.subtract(piece, mean, out=memory[: len(piece)])
        found = found.merge(Moments(len(piece), mean, float(np.sum(np.multiply(apart, apart, out=apart)))))
    return found.spread
