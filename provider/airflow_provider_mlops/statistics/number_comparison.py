"""Two numeric columns measured against each other: exactly from their values, or from profiles within stated bounds."""

from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.side_by_side import both
from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Numbers
from airflow_provider_mlops.statistics.counted_samples import Counted
from airflow_provider_mlops.statistics.profile_distances import binned_ks, binned_wasserstein
from airflow_provider_mlops.statistics.sample_blocks import Blocks
from airflow_provider_mlops.statistics.sorted_samples import Knots

_MANY = 1 << 17
_LARGE = 1e5


@dataclass(frozen=True, slots=True, eq=False)
class NumberComparison:
    """What two numeric columns give.

    :param ks: Kolmogorov-Smirnov distance; of profiles the largest gap at an edge, at most the true one.
    :param ks_at_most: what the distance cannot exceed; of values the distance itself.
    :param moved: Wasserstein distance in standard deviations of the reference; of profiles what it is at least.
    :param moved_at_most: what that distance cannot exceed; of values the distance itself.
    :param old: the reference's counts in the bins of PSI and Jensen-Shannon.
    :param new: the current counts.
    :param constant: what to say of constant columns, empty when neither is.
    :param method: name of the test.
    """

    ks: float
    ks_at_most: float
    moved: float | None
    moved_at_most: float | None
    old: FloatArray
    new: FloatArray
    constant: str
    method: str

    @property
    def slack(self) -> float:
        """By how much the distance may be larger than it shows."""
        return self.ks_at_most - self.ks

    @property
    def shown(self) -> str:
        """The distance for a reader."""
        return f"{self.ks:.3f}" + (f" to {self.ks_at_most:.3f} (from bins)" if self.slack else "")

    @property
    def moved_shown(self) -> str:
        """How far the values moved, for a reader; empty where that is not known."""
        if self.moved is None or self.moved_at_most is None:
            return ""
        least, most = (f"{item:.2f}" if item < _LARGE else f"{item:.3g}" for item in (self.moved, self.moved_at_most))
        if least == most:
            return f", moved by {least} standard deviations"
        return f", moved by {least} to {most} standard deviations (from bins)"

    @property
    def at_most(self) -> dict[str, float]:
        """What distances known from bins cannot exceed, by the name that a record keeps it under."""
        pairs = {"ks": (self.ks, self.ks_at_most), "wasserstein": (self.moved, self.moved_at_most)}
        return {
            f"{name}_at_most": most
            for name, (least, most) in pairs.items()
            if least is not None and most is not None and most > least
        }


def compare_numbers(was: Numbers | BinnedNumbers, now: Numbers | BinnedNumbers) -> NumberComparison:
    """Compare two numeric columns.

    :param was: the reference, with at least one value.
    :param now: the column now, with at least one value, known in the same way.
    :return: the figures.
    :raises BadInput: when values are to be compared with a profile, or profiles by two specifications.
    """
    if isinstance(was, Numbers) and isinstance(now, Numbers):
        return _compare_values(was, now)
    if isinstance(was, BinnedNumbers) and isinstance(now, BinnedNumbers) and np.array_equal(was.edges, now.edges):
        return _compare_bins(was, now)
    raise BadInput("Numbers are compared value with value, or profile with profile by one specification.")


def _compare_values(was: Numbers, now: Numbers) -> NumberComparison:
    ranks = distances.quantile_ranks(was.present)
    found = _blocks(was, now, ranks)
    ks, moved = found.largest_gap(), found.area_in_spreads()
    edges = np.unique(found.first_at(ranks))
    old, new = (distances.bin_counts(found.at_most(side, edges), found.sizes[side]) for side in (0, 1))
    return NumberComparison(ks, ks, moved, moved, old, new, _constant(*found.ends), "ks_two_sample")


def _blocks(was: Numbers, now: Numbers, ranks: IntArray) -> Blocks:
    """Cut both columns: large ones are counted, small ones and those with many values of a kind are sorted."""
    if was.present + now.present >= _MANY and not (was.is_sorted and now.is_sorted):
        ends = (was.smallest, was.largest), (now.smallest, now.largest)
        counted = Counted.of((was.values, now.values), ends, ranks)
        if counted is not None:
            return counted
        both(lambda column: column.ordered, was, now, rows=min(was.present, now.present))
    return Knots.of(was.ordered, now.ordered)


def _compare_bins(was: BinnedNumbers, now: BinnedNumbers) -> NumberComparison:
    lower, upper = binned_ks(was, now)
    ends = (was.smallest, was.largest), (now.smallest, now.largest)
    least, most = binned_wasserstein(was, now) or (None, None)
    return NumberComparison(
        lower, upper, least, most, was.coarse_counts(), now.coarse_counts(), _constant(*ends), "ks_binned"
    )


def _constant(was: tuple[float, float], now: tuple[float, float]) -> str:
    before, after = was[0] == was[1], now[0] == now[1]
    if before and after:
        return f" (constant {was[0]:g}, now constant {now[0]:g})"
    if before or after:
        return " (was constant)" if before else f" (now constant {now[0]:g})"
    return ""
