"""Two samples compared exactly without sorting them: counted in cells, a few of which are then looked into."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from airflow_provider_mlops.core.side_by_side import both
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.cells import CELLS, Cells, Ends
from airflow_provider_mlops.statistics.compiled import loops_for
from airflow_provider_mlops.statistics.sample_blocks import Blocks
from airflow_provider_mlops.statistics.sorting import sort_numbers

_LOOKED_AT = 2_048
_RARE = 0.005
_TOO_MANY = 0.25
_PARTS = 16
_MANY = 4_000_000
_NEAR = 1 << 15
"""Values that the caches nearest to the processor hold while they are worked on."""


class _Layout:
    """Blocks that are cells, or parts of cells that need a closer look.

    :param split: which cells are cut into parts; the outer ones are not.
    """

    def __init__(self, split: BoolArray) -> None:
        numbers = np.arange(len(split))
        self._split, self._first = split, numbers + (np.cumsum(split) - split) * (_PARTS - 1)
        cell = np.repeat(numbers, np.where(split, _PARTS, 1))
        self.starts = cell + (np.arange(len(cell)) - self._first[cell]) / _PARTS
        self.widths = np.where(split[cell], 1 / _PARTS, 1.0)

    def blocks_of(self, positions: FloatArray) -> IntArray:
        """Number the blocks of positions in cells."""
        cell = positions.astype(np.int64)
        part = ((positions - cell) * _PARTS).astype(np.int64)
        return np.asarray(self._first.take(cell) + np.where(self._split.take(cell), part, 0))


class _Tally:
    """One sample in cells.

    :param values: the values in any order, not empty, no NaN.
    :param ends: smallest and largest of them.
    :param cells: the cells.
    """

    def __init__(self, values: FloatArray, ends: Ends, cells: Cells) -> None:
        self.values, self._cells, self._held = values, cells, cells.hold(ends)
        self.counts, self.parts = np.zeros(cells.count, dtype=np.int64), np.zeros(cells.count)
        self._kept, self._numbers, self._starts = np.empty(0), np.empty(0, np.int32), np.empty(0, np.int64)
        self._loops = loops_for(len(values))
        step = 2 * cells.count  # values at a time: each time all cells are added up
        if self._loops is not None:
            self._loops.tally(values, cells.lowest, cells.per_unit, cells.count - 1.0, step, self.counts, self.parts)
        else:
            self._count(step)

    def _count(self, step: int) -> None:
        values, cells = self.values, self._cells
        size = min(len(values), step)
        numbers, insides = np.empty(size, dtype=np.intp), np.empty(size)
        for start in range(0, len(values), step):
            block = values[start : start + step]
            number, inside = numbers[: len(block)], insides[: len(block)]
            for near in _near(len(block)):
                position, found = cells.positions(block[near], inside[near], held=self._held), number[near]
                np.copyto(found, position, casting="unsafe")
                # How far into its cell each value lies, in widths of a cell: that keeps the sums exact.
                np.subtract(position, found, out=position)
            self.counts += np.bincount(number, minlength=cells.count)
            self.parts += np.bincount(number, inside, cells.count)

    def keep(self, wanted: BoolArray, layout: _Layout) -> None:
        """Keep the values of the cells that need a closer look, and count them by the parts of these."""
        self._kept = self._values_of(wanted)
        self._numbers, inside = np.empty(len(self._kept), np.int32), np.empty(len(self._kept))
        for near in _near(len(self._kept)):
            position = self._cells.positions(self._kept[near], inside[near], held=self._held)
            number = layout.blocks_of(position)
            self._numbers[near] = number
            inside[near] = (position - layout.starts.take(number)) / layout.widths.take(number)
        cells = layout.blocks_of(np.arange(self._cells.count, dtype=np.float64))
        counts = np.bincount(self._numbers, minlength=len(layout.starts))
        parts = np.bincount(self._numbers, inside, len(layout.starts))
        counts[cells[~wanted]], parts[cells[~wanted]] = self.counts[~wanted], self.parts[~wanted]
        self.counts = counts
        self.parts = parts.astype(np.float64, copy=False)

    def look_into(self, wanted: BoolArray) -> None:
        """Sort the values of some blocks, for `within`; they must have been kept."""
        self._kept = self._kept.take(np.flatnonzero(wanted.take(self._numbers)))
        sort_numbers(self._kept)
        counts = np.where(wanted, self.counts, 0)
        self._starts = np.cumsum(counts) - counts

    def within(self, blocks: IntArray) -> FloatArray:
        """Return the sorted values of blocks that were looked into."""
        counts = self.counts[blocks]
        shift = self._starts[blocks] - (np.cumsum(counts) - counts)
        return np.asarray(self._kept[np.repeat(shift, counts) + np.arange(int(counts.sum()))])

    def _values_of(self, wanted: BoolArray) -> FloatArray:
        """Return the values of some cells; which one each is in is found anew, in less time than it takes to keep."""
        if self._loops is not None:
            memory, cells = np.empty(int(self.counts[wanted].sum()) + 1), self._cells
            filled = self._loops.taken(self.values, cells.lowest, cells.per_unit, cells.count - 1.0, wanted, memory)
            return memory[:filled]
        found = [np.empty(0)]
        positions, numbers = np.empty(_NEAR), np.empty(_NEAR, dtype=np.intp)
        for near in _near(len(self.values)):
            values = self.values[near]
            number = numbers[: len(values)]
            np.copyto(number, self._cells.positions(values, positions, held=self._held), casting="unsafe")
            found.append(values.take(np.flatnonzero(wanted.take(number))))
        return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Counted(Blocks):
    """Blocks that are cells or parts of them, the outer ones of which go on to the ends of the samples.

    :param cells: the cells.
    :param layout: how they are cut.
    :param tallies: both samples in cells.
    """

    open_ended: ClassVar[bool] = True

    cells: Cells
    layout: _Layout
    tallies: tuple[_Tally, _Tally]

    @classmethod
    def of(cls, samples: tuple[FloatArray, FloatArray], ends: tuple[Ends, Ends], ranks: IntArray) -> "Counted | None":
        """Count two samples.

        :param samples: the values in any order, not empty, no NaN.
        :param ends: smallest and largest value of each.
        :param ranks: ranks of the first sample that `first_at` will be asked for.
        :return: the blocks; None where so many values share a cell that sorting all of them is less work.
        """
        cells, rows = _cells(samples, ends), min(map(len, samples))
        if cells is None:
            return None
        tallies = both(lambda side: _Tally(samples[side], ends[side], cells), 0, 1, rows=rows)
        coarse = cls.cut(cells, _Layout(np.zeros(cells.count, dtype=np.bool_)), tallies, ends)
        wanted = coarse.wanted(ranks, _TOO_MANY)
        if wanted is None:
            return None
        split = wanted.copy()
        split[[0, -1]] = False
        layout = _Layout(split)
        both(lambda tally: tally.keep(wanted, layout), *tallies, rows=rows)
        fine = cls.cut(cells, layout, tallies, ends)
        wanted_parts = fine.wanted(ranks, _TOO_MANY)
        if wanted_parts is None:
            return None
        both(lambda tally: tally.look_into(wanted_parts), *tallies, rows=rows)
        return fine

    @classmethod
    def cut(cls, cells: Cells, layout: _Layout, tallies: tuple[_Tally, _Tally], ends: tuple[Ends, Ends]) -> "Counted":
        """Cut two samples that have been counted.

        :param cells: the cells.
        :param layout: how they are cut.
        :param tallies: both samples, counted by the layout.
        :param ends: smallest and largest value of each.
        """
        upto = tuple(np.concatenate([[0], np.cumsum(tally.counts)]) for tally in tallies)
        starts = cells.lowest + layout.starts / cells.per_unit
        lowest, highest = min(starts[0], ends[0][0], ends[1][0]), max(starts[-1], ends[0][1], ends[1][1])
        at = np.concatenate([[lowest], starts[1:], [highest]])
        return cls(at, (upto[0], upto[1]), (upto[0], upto[1]), ends, cells, layout, tallies)

    def wanted(self, ranks: IntArray, most: float) -> BoolArray | None:
        """Tell which blocks distances and ranks need to be looked into.

        :param ranks: ranks of the first sample.
        :param most: share of the values that may lie in them.
        :return: one truth value per block; None where more of the values do.
        """
        found = np.asarray(self._may_exceed(self._largest_at_cuts()) | self._may_cross())
        found[self._blocks_of(ranks)] = True
        values = sum(int(tally.counts[found].sum()) for tally in self.tallies)
        return found if values <= most * sum(self.sizes) else None

    @property
    def first(self) -> FloatArray:
        """The values of the first sample."""
        return self.tallies[0].values

    def first_at(self, ranks: IntArray) -> FloatArray:
        """Return values of the first sample by their rank.

        :param ranks: ranks from 0, of those that were looked into.
        """
        blocks = self._blocks_of(ranks)
        pairs = zip(blocks, ranks - self.upto[0][blocks], strict=True)
        return np.array([self.tallies[0].within(np.array([block]))[rank] for block, rank in pairs])

    def at_most(self, side: int, edges: FloatArray) -> IntArray:
        """Count the values of a sample that are at most as large as each of some values of the first.

        :param side: 0 or 1.
        :param edges: what `first_at` returned.
        """
        positions = self.cells.positions(edges, np.empty(len(edges)), held=False)
        blocks, tally = self.layout.blocks_of(positions), self.tallies[side]
        inside = [np.searchsorted(tally.within(np.array([b])), e, "right") for b, e in zip(blocks, edges, strict=True)]
        return self.upto[side][blocks] + np.array(inside, dtype=np.int64)

    def _blocks_of(self, ranks: IntArray) -> IntArray:
        return np.searchsorted(self.upto[0], ranks, side="right") - 1

    def _within(self, side: int, blocks: IntArray) -> FloatArray:
        return self.tallies[side].within(blocks)

    def _areas(self) -> FloatArray:
        base = self._gap(*self.upto)[:-1] / self.pairs
        first, second = (
            (tally.counts - tally.parts) / size for tally, size in zip(self.tallies, self.sizes, strict=True)
        )
        return np.asarray((base + first - second) * self.layout.widths / self.cells.per_unit)


def _near(values: int) -> Iterator[slice]:
    """Yield slices of values, few at a time."""
    return (slice(start, min(start + _NEAR, values)) for start in range(0, values, _NEAR))


def _cells(samples: tuple[FloatArray, FloatArray], ends: tuple[Ends, Ends]) -> Cells | None:
    """Lay cells over nearly all values; rare ones may lie so far out that the others would share a few."""
    looked_at = [np.sort(sample[:: max(1, len(sample) // _LOOKED_AT)]) for sample in samples]
    low = min(float(found[int(len(found) * _RARE)]) for found in looked_at)
    high = max(float(found[-1 - int(len(found) * _RARE)]) for found in looked_at)
    margin = (high - low) * 0.75
    return Cells.between(
        max(low - margin, min(ends[0][0], ends[1][0])),
        min(high + margin, max(ends[0][1], ends[1][1])),
        # What shares a cell bounds what is not known: of many values fewer must share one.
        CELLS if max(map(len, samples)) < _MANY else CELLS << 2,
    )
