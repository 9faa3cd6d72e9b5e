"""The law of the Kolmogorov-Smirnov statistic against SciPy, also where it is slow or changes its method."""

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.statistics.kolmogorov import kolmogorov_sf

SIZES = [1, 2, 10, 57, 140, 141, 500, 2_500, 4_000, 4_001, 10_000, 60_000, 300_000, 1_000_000, 1_000_001, 10_000_000]
SCALED = [0.1, 0.19, 0.21, 0.3, 0.5, 0.8, 1.0, 1.2, 1.483, 1.484, 2.0, 3.0, 5.0, 9.0, 15.0, 18.5, 19.3]


@pytest.mark.parametrize("n", SIZES)
def test_p_values_equal_scipy(n: int) -> None:
    """Within 1e-9 wherever SciPy's own exceeds 1e-300, from ten values to ten million."""
    # SciPy needs a third of a second for a p-value of a million values.
    points = np.array(SCALED[::3] if 300_000 <= n <= 1_000_000 else SCALED) / np.sqrt(n)
    points = points[points < 1]
    theirs = stats.kstwo.sf(points, n)
    ours = np.array([kolmogorov_sf(n, float(x)) for x in points])
    seen = theirs > 1e-300

    assert np.all(np.abs(ours[seen] / theirs[seen] - 1) < 1e-9)
    assert np.all(ours[~seen] <= 1e-290)


@pytest.mark.parametrize(("x", "p"), [(0.0, 1.0), (0.0004, 1.0), (1.0, 0.0)])
def test_ends(x: float, p: float) -> None:
    """No gap says nothing; no overlap is impossible by chance."""
    assert kolmogorov_sf(1_000, x) == p


def test_it_falls_all_the_way() -> None:
    """No step goes up where one method takes over from another."""
    p = np.array([kolmogorov_sf(5_000, float(x)) for x in np.linspace(0.002, 0.25, 2_000)])

    assert np.all(np.diff(p) <= 1e-12)
