"""The scores that an estimate knows: those of the held-out rows. What lies far from all of them is a guess."""

from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray

MAX_OUTSIDE = 0.05
"""Share of served scores outside of the support above which an estimate is not believed."""

_BEYOND, _NEAR = 0.01, 0.05
"""Shares of the range of the held-out scores: how far beyond them a score may be, and how far from one within a gap."""


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """The scores of held-out rows.

    :param known: the distinct ones, rising.
    """

    known: FloatArray

    @classmethod
    def of(cls, scores: FloatArray) -> "Support":
        """Take the scores of held-out rows.

        :param scores: finite scores, at least one.
        """
        return cls(np.unique(scores))

    def is_outside(self, scores: FloatArray) -> BoolArray:
        """Say which scores no held-out row is near to.

        :param scores: served scores, finite.
        :return: True beyond the held-out scores by more than a hundredth of their range, and further than a twentieth
            of it from the nearest one.
        """
        lowest, highest = self.known[0], self.known[-1]
        reach = float(highest - lowest)
        after = np.searchsorted(self.known, scores)
        before, next_one = (np.clip(place, 0, len(self.known) - 1) for place in (after - 1, after))
        nearest = np.minimum(np.abs(scores - self.known[before]), np.abs(scores - self.known[next_one]))
        beyond = (scores < lowest - _BEYOND * reach) | (scores > highest + _BEYOND * reach)
        return np.asarray(beyond | (nearest > _NEAR * reach))
