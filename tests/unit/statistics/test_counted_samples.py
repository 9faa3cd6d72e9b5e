"""Two samples compared without sorting: the figures are those of sorted samples, whatever the shapes, ties and ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from airflow_provider_mlops.statistics import counted_samples, distances, number_comparison
from airflow_provider_mlops.statistics.columns import Numbers
from airflow_provider_mlops.statistics.counted_samples import Counted

RANDOM = np.random.default_rng(12)
N = 60_000
NORMAL, OTHER = RANDOM.normal(size=N), RANDOM.normal(size=N + 1)
SHAPES = {
    "same law": (NORMAL, OTHER),
    "moved a little": (NORMAL, OTHER + 0.01),
    "apart": (NORMAL, OTHER + 50),
    "far apart": (NORMAL, OTHER + 1e6),
    "wider": (NORMAL, 3 * OTHER[:900]),
    "far from zero": (NORMAL + 1e9, OTHER + 1e9),
    "next to each other in floating point": (1e9 + np.round(NORMAL * 1e-6, 7), 1e9 + np.round(OTHER * 1e-6, 7)),
    "few far out": (np.r_[NORMAL, 1e12, -1e15], np.r_[OTHER, 3e12]),
    "hundredths": (np.round(NORMAL, 2), np.round(OTHER + 0.003, 2)),
    "whole numbers": (RANDOM.poisson(3, N) * 1.0, RANDOM.poisson(3.02, N) * 1.0),
    "long tail": (np.exp(3 * NORMAL), np.exp(3 * OTHER)),
    "no mean": (RANDOM.standard_cauchy(N), RANDOM.standard_cauchy(N)),
    "half of it tied": (np.where(NORMAL > 0, NORMAL, 0.0), OTHER),
    "infinities": (np.r_[NORMAL, np.inf, -np.inf], np.r_[OTHER, np.inf]),
    "itself": (NORMAL, NORMAL.copy()),
}
COUNTED = {"same law", "moved a little", "apart", "wider", "far from zero", "few far out", "infinities"}


def counted(first: np.ndarray, second: np.ndarray) -> Counted | None:
    """Count two samples, looking into the cells of the deciles, too."""
    ends = [(float(sample.min()), float(sample.max())) for sample in (first, second)]
    return Counted.of((first, second), (ends[0], ends[1]), distances.quantile_ranks(len(first)))


@pytest.mark.parametrize("finer", [False, True], ids=["", "in the cells of large samples"])
@pytest.mark.parametrize("name", SHAPES)
def test_the_figures_are_those_of_sorted_samples(name: str, finer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """KS, bins and ends to the bit, Wasserstein to 1e-12 standard deviations."""
    first, second = SHAPES[name]
    monkeypatch.setattr(counted_samples, "_MANY", 0 if finer else 1 << 60)
    found = []
    for many in (0, 1 << 60):
        monkeypatch.setattr(number_comparison, "_MANY", many)
        found.append(number_comparison.compare_numbers(Numbers.owning(first.copy()), Numbers.owning(second.copy())))
    ours, theirs = found

    assert ours.ks == theirs.ks
    assert (ours.old.tolist(), ours.new.tolist()) == (theirs.old.tolist(), theirs.new.tolist())
    assert (ours.moved is None) == (theirs.moved is None)
    if ours.moved is not None and theirs.moved is not None:
        scale = max(1.0, float(np.abs(first).max() / np.std(first)))
        assert ours.moved == pytest.approx(theirs.moved, rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_common_shapes_need_no_sorting(name: str) -> None:
    """And KS is that of SciPy, Wasserstein too where values are finite."""
    first, second = SHAPES[name]
    found = counted(first, second)

    assert found is not None
    assert found.largest_gap() == pytest.approx(stats.ks_2samp(first, second, method="asymp").statistic, abs=1e-12)
    if name != "infinities":
        theirs = stats.wasserstein_distance(first, second)
        assert found.area() == pytest.approx(theirs, rel=1e-12, abs=1e-12 * np.abs(first).max())


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.integers(-40, 40) | st.sampled_from([0.1, 0.30000000000000004, 0.3]), min_size=2, max_size=400),
    st.lists(st.integers(-40, 40) | st.sampled_from([0.1, 0.2, 0.3]), min_size=2, max_size=400),
)
def test_ties_within_and_across_samples_are_counted_right(first: list[float], second: list[float]) -> None:
    """Counting gives up only where sorting is less work."""
    one, other = np.array(first, dtype=float), np.array(second, dtype=float)
    one, other = np.r_[one, 30 * NORMAL[:4_000]], np.r_[other, 30 * OTHER[:4_000]]
    found = counted(one, other)

    assert found is not None
    assert found.largest_gap() == distances.ks_statistic(np.sort(one), np.sort(other))


@pytest.mark.parametrize("values", [np.zeros(9), np.full(9, np.inf), np.array([-1.7e308, 1.7e308] * 9)], ids=str)
def test_values_without_room_for_cells_are_sorted(values: np.ndarray) -> None:
    """Constant, infinite, too far apart."""
    assert counted(values, values) is None
