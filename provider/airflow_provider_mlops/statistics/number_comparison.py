"""Two numeric columns measured against each other: exactly from their values, or from profiles within stated bounds."""

from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Numbers
from airflow_provider_mlops.statistics.profile_distances import binned_ks, binned_wasserstein


@dataclass(frozen=True, slots=True, eq=False)
class NumberComparison:
    """What two numeric columns give.

    :param ks: Kolmogorov-Smirnov distance; of profiles the largest gap at an edge, at most the true one.
    :param ks_at_most: what the distance cannot exceed; of values the distance itself.
    :param moved: Wasserstein distance in standard deviations of the reference; of profiles by interpolation.
    :param old: the reference's counts in the bins of PSI and Jensen-Shannon.
    :param new: the current counts.
    :param constant: what to say of constant columns, empty when neither is.
    :param method: name of the test.
    """

    ks: float
    ks_at_most: float
    moved: float | None
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
    ks, moved = distances.ks_and_wasserstein(was.ordered, now.ordered)
    edges = distances.quantile_edges(was.ordered)
    old, new = distances.bin_counts(was.ordered, edges), distances.bin_counts(now.ordered, edges)
    ends = _ends(was.ordered), _ends(now.ordered)
    return NumberComparison(ks, ks, moved, old, new, _constant(*ends), "ks_two_sample")


def _compare_bins(was: BinnedNumbers, now: BinnedNumbers) -> NumberComparison:
    lower, upper = binned_ks(was, now)
    ends = (was.smallest, was.largest), (now.smallest, now.largest)
    moved = binned_wasserstein(was, now)
    return NumberComparison(
        lower, upper, moved, was.coarse_counts(), now.coarse_counts(), _constant(*ends), "ks_binned"
    )


def _ends(ordered: FloatArray) -> tuple[float, float]:
    return float(ordered[0]), float(ordered[-1])


def _constant(was: tuple[float, float], now: tuple[float, float]) -> str:
    before, after = was[0] == was[1], now[0] == now[1]
    if before and after:
        return f" (constant {was[0]:g}, now constant {now[0]:g})"
    if before or after:
        return " (was constant)" if before else f" (now constant {now[0]:g})"
    return ""
