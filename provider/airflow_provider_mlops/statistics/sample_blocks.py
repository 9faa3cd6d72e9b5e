"""Two samples, cut into blocks: the distances between them, from a look into those blocks only that can matter.

At the ends of a block both distribution functions are known; inside, each can only rise from one known value to the
next, which bounds their gap. The Kolmogorov-Smirnov distance needs the elements of those blocks only whose bound
exceeds the largest gap at an end, the Wasserstein distance those of blocks in which the gap may change its sign:
elsewhere the area follows from sums. Counts are whole numbers until the end.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.cells import Ends
from airflow_provider_mlops.statistics.moments import spread_of

PIECE = 1 << 18


@dataclass(frozen=True, eq=False)
class Blocks(ABC):
    """Values at which both samples are cut, and how many of each lie where.

    :param at: the cuts, rising, from the smallest value of all to the largest.
    :param upto: how many of each sample are at most each cut.
    :param before: how many of each are below it.
    :param ends: smallest and largest value of each sample.
    """

    open_ended: ClassVar[bool] = False
    """Whether values of the outer blocks may lie far beyond them, which sums of theirs do not tell."""

    at: FloatArray
    upto: tuple[IntArray, IntArray]
    before: tuple[IntArray, IntArray]
    ends: tuple[Ends, Ends]

    @property
    @abstractmethod
    def first(self) -> FloatArray:
        """The values of the first sample, in any order."""

    @abstractmethod
    def first_at(self, ranks: IntArray) -> FloatArray:
        """Return values of the first sample by their rank.

        :param ranks: ranks from 0.
        """

    @abstractmethod
    def at_most(self, side: int, edges: FloatArray) -> IntArray:
        """Count the values of a sample that are at most as large as each of some values of the first.

        :param side: 0 or 1.
        :param edges: what `first_at` returned.
        """

    @abstractmethod
    def _within(self, side: int, blocks: IntArray) -> FloatArray:
        """Return the values of a sample that lie between the ends of blocks, sorted."""

    @abstractmethod
    def _areas(self) -> FloatArray:
        """Integrate the gap over each block, sign and all."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of values of each sample."""
        return int(self.upto[0][-1]), int(self.upto[1][-1])

    @property
    def pairs(self) -> int:
        """Number of pairs of a value of each sample: what gaps are counted in."""
        return self.sizes[0] * self.sizes[1]

    def largest_gap(self) -> float:
        """Compute the largest difference of the two distribution functions.

        :return: the Kolmogorov-Smirnov distance, 0 to 1.
        """
        largest = self._largest_at_cuts()
        for blocks in self._pieces(self._may_exceed(largest)):
            points, owner, gap = self._inside(blocks)
            last = np.append((points[1:] != points[:-1]) | (owner[1:] != owner[:-1]), True)
            largest = max(largest, int(np.max(np.abs(gap[last]))))
        return largest / self.pairs

    def area(self) -> float:
        """Compute the area between the two distribution functions; every value must be finite.

        :return: the first Wasserstein distance, in the unit of the values.
        """
        crosses = self._may_cross()
        total = float(np.sum(np.abs(self._areas()[~crosses])))
        for blocks in self._pieces(crosses):
            points, owner, gap = self._inside(blocks)
            last = np.append(owner[1:] != owner[:-1], True)
            ends = np.append(points[1:], 0.0)
            ends[last] = self.at[blocks + 1]
            total += float(np.sum(np.abs(gap) * (ends - points))) / self.pairs
        return total

    def area_in_spreads(self) -> float | None:
        """Compute the area in standard deviations of the first sample.

        :return: the distance; None when the first sample is constant, a value is infinite, or the values are so close
            to zero or so large that their spread is none.
        """
        if not np.all(np.isfinite(self.ends)) or self.ends[0][0] == self.ends[0][1]:
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            spread, area = spread_of(self.first), self.area()
        moved = area / spread if spread > 0 and math.isfinite(spread) else math.nan
        return moved if math.isfinite(moved) else None

    def _largest_at_cuts(self) -> int:
        return int(np.max(np.abs(self._gap(*self.upto))))

    def _may_exceed(self, gap: int) -> BoolArray:
        lowest, highest = self._bounds
        return np.asarray(np.maximum(highest, -lowest) > gap)

    def _may_cross(self) -> BoolArray:
        lowest, highest = self._bounds
        found = np.asarray((lowest < 0) & (highest > 0))
        if self.open_ended:
            found[[0, -1]] = True
        return np.asarray(found)

    def _gap(self, of_first: IntArray, of_second: IntArray) -> IntArray:
        return np.asarray(of_first * self.sizes[1] - of_second * self.sizes[0])

    @cached_property
    def _bounds(self) -> tuple[IntArray, IntArray]:
        """Return the lowest and the highest gap that each block can have, its upper end apart."""
        lowest = self._gap(self.upto[0][:-1], self.before[1][1:])
        highest = self._gap(self.before[0][1:], self.upto[1][:-1])
        return lowest, highest

    def _lengths(self, side: int, blocks: IntArray) -> IntArray:
        return np.asarray(self.before[side][blocks + 1] - self.upto[side][blocks])

    def _pieces(self, wanted: BoolArray) -> Iterator[IntArray]:
        """Yield the wanted blocks in groups of bounded size."""
        blocks = np.flatnonzero(wanted)
        sizes = self._lengths(0, blocks) + self._lengths(1, blocks) + 1
        group = np.cumsum(sizes) // PIECE
        starts = np.flatnonzero(np.diff(group, prepend=-1)) if len(blocks) else blocks
        yield from (np.split(blocks, starts[1:]) if len(blocks) else [])

    def _inside(self, blocks: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
        """Return the points of blocks at which the gap may change, the number of each one's block, and the gap there.

        Of equal points the last one of a block has the gap.
        """
        values = [self._within(side, blocks) for side in (0, 1)]
        lengths = [self._lengths(side, blocks) for side in (0, 1)]
        counts = lengths[0] + lengths[1] + 1
        owner, starts = np.repeat(np.arange(len(blocks)), counts), np.cumsum(counts) - counts
        joined = np.concatenate(values)
        # Both are in order, which a merge sort finds out.
        order = np.argsort(joined, kind="stable")
        is_value, points = np.ones(len(owner), dtype=np.bool_), np.empty(len(owner))
        is_value[starts] = False
        points[starts], points[is_value] = self.at[blocks], joined[order]
        is_first = np.zeros(len(owner), dtype=np.bool_)
        is_first[is_value] = order < len(values[0])
        upto = [np.cumsum(which, dtype=np.int64) for which in (is_first, is_value & ~is_first)]
        for side in (0, 1):
            # What lies between the blocks is none of their values, but counts.
            skipped = self.upto[side][blocks] - (np.cumsum(lengths[side]) - lengths[side])
            upto[side] += np.repeat(skipped, counts)
        return points, owner, self._gap(*upto)
