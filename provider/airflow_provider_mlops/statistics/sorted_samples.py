"""Two sorted samples compared exactly without merging them: only the blocks that can matter are looked into.

Both samples are cut at common knots. At a knot both distribution functions are known by bisection; between two knots
each can only rise from one known value to the next, which bounds their gap. The Kolmogorov-Smirnov distance needs the
elements of those blocks only whose bound exceeds the largest gap at a knot, the Wasserstein distance those of blocks
in which the gap may change its sign: elsewhere the area follows from sums. Counts are whole numbers until the end.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray

_KNOTS_PER_ROOT = 24
_LEAST_STEP = 16
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Knots:
    """Values at which both samples are cut, from the smallest of all to the largest.

    :param first: the first sample, sorted, not empty, no NaN.
    :param second: the second one.
    :param at: the knots, rising.
    :param upto_first: how many of the first sample are at most each knot.
    :param upto_second: how many of the second.
    :param before_first: how many of the first are below each knot.
    :param before_second: how many of the second.
    """

    first: FloatArray
    second: FloatArray
    at: FloatArray
    upto_first: IntArray
    upto_second: IntArray
    before_first: IntArray
    before_second: IntArray

    @classmethod
    def of(cls, first: FloatArray, second: FloatArray) -> "Knots":
        """Cut two samples where each has another few dozen values, more of them in larger samples.

        :param first: sorted values, not empty, no NaN.
        :param second: sorted values, not empty, no NaN.
        :return: the knots.
        """
        ends = [first[:1], first[-1:], second[:1], second[-1:]]
        steps = (max(_LEAST_STEP, math.isqrt(len(sample)) // _KNOTS_PER_ROOT) for sample in (first, second))
        at = np.unique(np.concatenate([*ends, *(s[::step] for s, step in zip((first, second), steps, strict=True))]))
        upto = [np.searchsorted(sample, at, side="right").astype(np.int64) for sample in (first, second)]
        before = [_before(sample, at, counts) for sample, counts in zip((first, second), upto, strict=True)]
        return cls(first, second, at, upto[0], upto[1], before[0], before[1])

    @property
    def pairs(self) -> int:
        """Number of pairs of a value of each sample: what gaps are counted in."""
        return len(self.first) * len(self.second)

    def largest_gap(self) -> float:
        """Compute the largest difference of the two distribution functions.

        :return: the Kolmogorov-Smirnov distance, 0 to 1.
        """
        largest = int(np.max(np.abs(self._gap(self.upto_first, self.upto_second))))
        lowest, highest = self._bounds()
        for blocks in self._pieces(np.maximum(highest, -lowest) > largest):
            _, _, gap = self._inside(blocks)
            largest = max(largest, int(np.max(np.abs(gap))))
        return largest / self.pairs

    def area(self) -> float:
        """Compute the area between the two distribution functions; every value must be finite.

        :return: the first Wasserstein distance, in the unit of the values.
        """
        lowest, highest = self._bounds()
        crosses = (lowest < 0) & (highest > 0)
        total = float(np.sum(np.abs(self._areas()[~crosses])))
        for blocks in self._pieces(crosses):
            points, owner, gap = self._inside(blocks)
            last = np.append(owner[1:] != owner[:-1], True)
            ends = np.append(points[1:], 0.0)
            ends[last] = self.at[blocks + 1]
            total += float(np.sum(np.abs(gap) * (ends - points))) / self.pairs
        return total

    def _gap(self, of_first: IntArray, of_second: IntArray) -> IntArray:
        return of_first * len(self.second) - of_second * len(self.first)

    def _bounds(self) -> tuple[IntArray, IntArray]:
        """Return the lowest and the highest gap that each block can have, its upper knot apart."""
        lowest = self._gap(self.upto_first[:-1], self.before_second[1:])
        highest = self._gap(self.before_first[1:], self.upto_second[:-1])
        return lowest, highest

    def _areas(self) -> FloatArray:
        """Integrate the gap over each block, sign and all."""
        base = self._gap(self.upto_first, self.upto_second)[:-1] / self.pairs * np.diff(self.at)
        first = _above(self.first, self.upto_first, self.at) / len(self.first)
        second = _above(self.second, self.upto_second, self.at) / len(self.second)
        return np.asarray(base + first - second)

    def _pieces(self, wanted: BoolArray) -> Iterator[IntArray]:
        """Yield the wanted blocks in groups of bounded size."""
        blocks = np.flatnonzero(wanted)
        sizes = self.before_first[blocks + 1] - self.upto_first[blocks]
        sizes += self.before_second[blocks + 1] - self.upto_second[blocks] + 1
        group = np.cumsum(sizes) // _PIECE
        starts = np.flatnonzero(np.diff(group, prepend=-1)) if len(blocks) else blocks
        yield from (np.split(blocks, starts[1:]) if len(blocks) else [])

    def _inside(self, blocks: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
        """Return the points of blocks at which the gap changes, the number of each one's block, and the gap there."""
        parts, counts, found = [self.at[blocks]], np.ones(len(blocks), dtype=np.int64), []
        for sample, upto, before in (
            (self.first, self.upto_first, self.before_first),
            (self.second, self.upto_second, self.before_second),
        ):
            lengths = before[blocks + 1] - upto[blocks]
            begins = np.cumsum(lengths) - lengths
            values = sample[np.repeat(upto[blocks] - begins, lengths) + np.arange(int(lengths.sum()))]
            parts.append(values)
            counts += lengths
            found.append((values, upto[blocks] - begins))
        points = np.sort(np.concatenate(parts), kind="stable")
        owner = np.repeat(np.arange(len(blocks)), counts)
        upto_points = [np.searchsorted(values, points, side="right") + shift[owner] for values, shift in found]
        return points, owner, self._gap(*upto_points)


def _before(sample: FloatArray, at: FloatArray, upto: IntArray) -> IntArray:
    """Count the values below each knot, from the count of those at most as large; only ties need a search."""
    before = upto.copy()
    hit = (upto > 0) & (sample[np.maximum(upto - 1, 0)] == at)
    before[hit] -= 1
    tied = hit & (before > 0) & (sample[np.maximum(before - 1, 0)] == at)
    before[tied] = np.searchsorted(sample, at[tied], side="left")
    return before


def _above(sample: FloatArray, upto: IntArray, at: FloatArray) -> FloatArray:
    """Sum up, block by block, by how much the upper knot exceeds each value."""
    counts, found = np.diff(upto), np.zeros(len(at) - 1)
    filled = np.flatnonzero(counts)
    group = upto[filled] // _PIECE
    for blocks in np.split(filled, np.flatnonzero(np.diff(group)) + 1) if len(filled) else []:
        start, base = upto[blocks[0]], at[blocks[0]]
        # Relative to a value nearby, so that large values do not swallow small distances.
        values = sample[start : upto[blocks[-1] + 1]] - base
        sums = np.add.reduceat(values, upto[blocks] - start)
        found[blocks] = counts[blocks] * (at[blocks + 1] - base) - sums
    return found
