"""Two sorted samples compared exactly without merging them: cut at common knots, whose ranks are found by bisection."""

import math
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.sample_blocks import PIECE, Blocks

_KNOTS_PER_ROOT = 24
_LEAST_STEP = 16


@dataclass(frozen=True, eq=False)
class Knots(Blocks):
    """Blocks between values of both samples.

    :param samples: the samples, sorted, not empty, no NaN.
    """

    samples: tuple[FloatArray, FloatArray]

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
        outer = tuple((float(sample[0]), float(sample[-1])) for sample in (first, second))
        return cls(at, (upto[0], upto[1]), (before[0], before[1]), (outer[0], outer[1]), (first, second))

    @property
    def first(self) -> FloatArray:
        """The values of the first sample."""
        return self.samples[0]

    def first_at(self, ranks: IntArray) -> FloatArray:
        """Return values of the first sample by their rank.

        :param ranks: ranks from 0.
        """
        return np.asarray(self.samples[0][ranks])

    def at_most(self, side: int, edges: FloatArray) -> IntArray:
        """Count the values of a sample that are at most as large as others.

        :param side: 0 or 1.
        :param edges: the others.
        """
        return np.searchsorted(self.samples[side], edges, side="right").astype(np.int64)

    def _within(self, side: int, blocks: IntArray) -> FloatArray:
        lengths = self._lengths(side, blocks)
        begins = np.cumsum(lengths) - lengths
        places = np.repeat(self.upto[side][blocks] - begins, lengths) + np.arange(int(lengths.sum()))
        return np.asarray(self.samples[side][places])

    def _areas(self) -> FloatArray:
        base = self._gap(*self.upto)[:-1] / self.pairs * np.diff(self.at)
        first, second = (
            _above(sample, upto, self.at) / len(sample) for sample, upto in zip(self.samples, self.upto, strict=True)
        )
        return np.asarray(base + first - second)


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
    group = upto[filled] // PIECE
    for blocks in np.split(filled, np.flatnonzero(np.diff(group)) + 1) if len(filled) else []:
        start, base = upto[blocks[0]], at[blocks[0]]
        # Relative to a value nearby, so that large values do not swallow small distances.
        values = sample[start : upto[blocks[-1] + 1]] - base
        sums = np.add.reduceat(values, upto[blocks] - start)
        found[blocks] = counts[blocks] * (at[blocks + 1] - base) - sums
    return found
