"""Counting values by edges in cells is counting them by sorting, whatever the values."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics.columns import Numbers
from airflow_provider_mlops.statistics.edge_counts import EdgeCounter
from airflow_provider_mlops.statistics.profile_spec import NumberSpec, freeze

RANDOM = np.random.default_rng(5)
N = 50_000
NORMAL = RANDOM.normal(size=N)


def spec_of(values: np.ndarray) -> NumberSpec:
    """Freeze a column by values."""
    found = freeze([("x", Numbers.owning(values.copy()))]).columns["x"]
    assert isinstance(found, NumberSpec)
    return found


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (NORMAL, NORMAL * 1.3 + 0.1),
        (NORMAL, NORMAL + 1e9),
        (NORMAL, NORMAL * 1e300),
        (NORMAL, -np.abs(NORMAL) * 100),
        (np.exp(NORMAL), np.exp(NORMAL[::-1])),
        (np.exp(3 * NORMAL), np.exp(3 * NORMAL) * 2),
        (np.round(NORMAL * 10), np.round(NORMAL * 11)),
        (np.round(NORMAL, 2), np.round(NORMAL, 3)),
        ((NORMAL > 1) * 1.0, (NORMAL > 0) * 1.0),
        (NORMAL * 1e-305, NORMAL * 1e-305),
        (NORMAL * 1e307, NORMAL * 1e307),
        (np.zeros(N), NORMAL),
    ],
    ids=str,
)
def test_counts_are_those_of_comparing_each_value(reference: np.ndarray, current: np.ndarray) -> None:
    """In several batches, small ones among them, and with values that are edges."""
    spec = spec_of(reference)
    current = np.r_[current, np.repeat(spec.edges, 3)]
    middle = float(spec.edges[spec.coarse[0]]), float(spec.edges[spec.coarse[-1]])
    counter = EdgeCounter(spec.edges, middle)
    kept = current.copy()
    for batch in (current, current[: N - 7], current[:9], current):
        counter.add(batch, (float(batch.min()), float(batch.max())))
    at_most, below = counter.counts()
    ordered = np.sort(np.r_[current, current[: N - 7], current[:9], current])

    assert at_most.tolist() == np.searchsorted(ordered, spec.edges, side="right").tolist()
    assert below.tolist() == np.searchsorted(ordered, spec.edges, side="left").tolist()
    assert np.array_equal(current, kept)
