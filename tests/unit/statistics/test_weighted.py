"""Sums of weights by group, of rows and of clusters, and ratios of them."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics.clusters import Clusters
from airflow_provider_mlops.statistics.weighted import Sum, Sums, ratio, sums_by

_N = 500
_RANDOM = np.random.default_rng(1)
_VALUES = _RANDOM.normal(size=_N)
_FEW, _MANY = _RANDOM.integers(0, 5, _N), _RANDOM.integers(0, 40, _N)
_SUMS = {
    "of weights": Sum(),
    "of values": Sum(_VALUES),
    "few groups": sums_by(_FEW, 6, _VALUES),
    "many groups": sums_by(_MANY, 41),
    "many groups of values": sums_by(_MANY, 41, _VALUES),
}


def test_sums_by_group_are_those_of_each_group(random: np.random.Generator) -> None:
    """A group that no row is of has a sum of zero."""
    weights = random.exponential(size=(3, _N))
    for codes, size in ((_FEW, 6), (_MANY, 41)):
        sums = sums_by(codes, size, _VALUES)
        found = sums(weights)
        expected = [[(row * _VALUES)[codes == code].sum() for code in range(size)] for row in weights]

        assert found == pytest.approx(np.array(expected), abs=1e-12)
        assert sums(weights[:1]) == pytest.approx(np.array(expected[:1]), abs=1e-12)


@pytest.mark.parametrize("sums", _SUMS.values(), ids=_SUMS.keys())
@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_add_up_to_their_rows(sums: Sums, weighted: bool) -> None:
    """Weights of clusters times what each adds up to, with a cluster that has no row."""
    codes = np.random.default_rng(2).integers(0, 30, _N)
    own = np.random.default_rng(3).exponential(size=_N) if weighted else None
    times = np.random.default_rng(4).integers(0, 4, (5, 31)).astype(float)
    table = sums.by_cluster(Clusters(codes, 31, own))

    assert table.reshape(31, -1).shape == (31, sums.size)
    assert times @ table == pytest.approx(sums(times[:, codes] * (1.0 if own is None else own)), abs=1e-11)


def test_nothing_divided_by_nothing_is_not_a_number() -> None:
    """A denominator of zero gives NaN without a warning."""
    assert np.isnan(ratio(np.zeros(2), np.array([0.0, 2.0]))).tolist() == [True, False]
