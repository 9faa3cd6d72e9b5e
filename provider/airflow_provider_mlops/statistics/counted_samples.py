"""Two samples compared exactly without sorting them: counted in cells, a few of which are then looked into."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from airflow_provider_mlops.core.side_by_side import both
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.cells import BLOCK, CELLS, Cells, Ends
from airflow_provider_mlops.statistics.sample_blocks import Blocks

_LOOKED_AT = 2_048
_RARE = 0.005
_TOO_MANY = 0.25


class _Tally:
    """One sample in cells.

    :param values: the values in any order, not empty, no NaN.
    :param ends: smallest and largest of them.
    :param cells: the cells.
    """

    def __init__(self, values: FloatArray, ends: Ends, cells: Cells) -> None:
        self.values, self._cells, self._held = values, cells, cells.hold(ends)
        self.counts, self.parts = np.zeros(CELLS, dtype=np.int64), np.zeros(CELLS)
        self._places = np.empty(len(values), dtype=np.uint16)
        self._sorted, self._starts = np.empty(0), np.empty(0, dtype=np.int64)
        floors, numbers = np.empty(min(len(values), BLOCK)), np.empty(min(len(values), BLOCK), dtype=np.intp)
        for block, position in self._blocks():
            floor, number = np.floor(position, out=floors[: len(position)]), numbers[: len(position)]
            np.copyto(number, floor, casting="unsafe")
            self._places[block] = number
            self.counts += np.bincount(number, minlength=CELLS)
            # How far into its cell each value lies, in widths of a cell: that keeps the sums exact.
            self.parts += np.bincount(number, np.subtract(position, floor, out=position), CELLS)

    def look_into(self, wanted: BoolArray) -> None:
        """Sort the values of some cells, for `within`."""
        values, keys, rank = [], [], np.cumsum(wanted) - 1.0
        finer = (CELLS - 1) / (rank[-1] + 1)
        for block, position in self._blocks():
            rows = np.flatnonzero(wanted.take(self._places[block]))
            places = self._places[block].take(rows)
            values.append(self.values[block].take(rows))
            # Finer cells in the room of the unwanted ones; merge sort is quick where only neighbours are out of order.
            keys.append(((rank[places] + (position.take(rows) - places)) * finer).astype(np.uint16))
        self._sorted = np.concatenate(values)[np.argsort(np.concatenate(keys), kind="stable")]
        self._sorted.sort(kind="stable")
        counts = np.where(wanted, self.counts, 0)
        self._starts = np.cumsum(counts) - counts

    def _blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Yield blocks of rows with the positions of their values, in memory that the next block takes."""
        buffer = np.empty(min(len(self.values), BLOCK))
        for start in range(0, len(self.values), BLOCK):
            block = slice(start, start + BLOCK)
            yield block, self._cells.positions(self.values[block], buffer, held=self._held)

    def within(self, cells: IntArray) -> FloatArray:
        """Return the sorted values of cells that were looked into."""
        counts = self.counts[cells]
        shift = self._starts[cells] - (np.cumsum(counts) - counts)
        return np.asarray(self._sorted[np.repeat(shift, counts) + np.arange(int(counts.sum()))])


@dataclass(frozen=True, slots=True, eq=False)
class Counted(Blocks):
    """Blocks that are cells, the outer ones of which go on to the ends of the samples.

    :param cells: the cells.
    :param tallies: both samples in cells.
    """

    open_ended: ClassVar[bool] = True

    cells: Cells
    tallies: tuple[_Tally, _Tally]

    @classmethod
    def of(cls, samples: tuple[FloatArray, FloatArray], ends: tuple[Ends, Ends], ranks: IntArray) -> "Counted | None":
        """Count two samples.

        :param samples: the values in any order, not empty, no NaN.
        :param ends: smallest and largest value of each.
        :param ranks: ranks of the first sample that `first_at` will be asked for.
        :return: the blocks; None where so many values share a cell that sorting all of them is less work.
        """
        cells = _cells(samples, ends)
        if cells is None:
            return None
        tallies = both(lambda side: _Tally(samples[side], ends[side], cells), 0, 1, rows=min(map(len, samples)))
        upto = tuple(np.concatenate([[0], np.cumsum(tally.counts)]) for tally in tallies)
        starts = cells.starts()
        lowest, highest = min(starts[0], ends[0][0], ends[1][0]), max(starts[-1], ends[0][1], ends[1][1])
        at = np.concatenate([[lowest], starts[1:], [highest]])
        found = cls(at, (upto[0], upto[1]), (upto[0], upto[1]), ends, cells, tallies)
        return found if found.look_into(ranks) else None

    def look_into(self, ranks: IntArray) -> bool:
        """Sort what distances and ranks need to know of the insides of cells.

        :param ranks: ranks of the first sample.
        :return: whether that was worth it; else nothing was done.
        """
        wanted = self._may_exceed(self._largest_at_cuts()) | self._may_cross()
        wanted[self._cells_of(ranks)] = True
        if sum(int(tally.counts[wanted].sum()) for tally in self.tallies) > _TOO_MANY * sum(self.sizes):
            return False
        both(lambda tally: tally.look_into(wanted), *self.tallies, rows=min(self.sizes))
        return True

    @property
    def first(self) -> FloatArray:
        """The values of the first sample."""
        return self.tallies[0].values

    def first_at(self, ranks: IntArray) -> FloatArray:
        """Return values of the first sample by their rank.

        :param ranks: ranks from 0, of those that were looked into.
        """
        cells = self._cells_of(ranks)
        pairs = zip(cells, ranks - self.upto[0][cells], strict=True)
        return np.array([self.tallies[0].within(np.array([cell]))[rank] for cell, rank in pairs])

    def at_most(self, side: int, edges: FloatArray) -> IntArray:
        """Count the values of a sample that are at most as large as each of some values of the first.

        :param side: 0 or 1.
        :param edges: what `first_at` returned.
        """
        cells, tally = self.cells.places(edges), self.tallies[side]
        inside = [np.searchsorted(tally.within(np.array([c])), e, "right") for c, e in zip(cells, edges, strict=True)]
        return self.upto[side][cells] + np.array(inside, dtype=np.int64)

    def _cells_of(self, ranks: IntArray) -> IntArray:
        return np.searchsorted(self.upto[0], ranks, side="right") - 1

    def _within(self, side: int, blocks: IntArray) -> FloatArray:
        return self.tallies[side].within(blocks)

    def _areas(self) -> FloatArray:
        base = self._gap(*self.upto)[:-1] / (self.cells.per_unit * self.pairs)
        first, second = (
            (tally.counts - tally.parts) / (self.cells.per_unit * size)
            for tally, size in zip(self.tallies, self.sizes, strict=True)
        )
        return np.asarray(base + first - second)


def _cells(samples: tuple[FloatArray, FloatArray], ends: tuple[Ends, Ends]) -> Cells | None:
    """Lay cells over nearly all values; rare ones may lie so far out that the others would share a few."""
    looked_at = [np.sort(sample[:: max(1, len(sample) // _LOOKED_AT)]) for sample in samples]
    low = min(float(found[int(len(found) * _RARE)]) for found in looked_at)
    high = max(float(found[-1 - int(len(found) * _RARE)]) for found in looked_at)
    margin = (high - low) / 2
    return Cells.between(
        max(low - margin, min(ends[0][0], ends[1][0])), min(high + margin, max(ends[0][1], ends[1][1]))
    )
