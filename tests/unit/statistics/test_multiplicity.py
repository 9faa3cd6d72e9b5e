"""Adjusted p-values against SciPy and against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.multiplicity import (
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    holm,
)

ALL = [bonferroni, holm, benjamini_hochberg, benjamini_yekutieli]
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_false_discovery_corrections_equal_scipy(p_values: list[float]) -> None:
    """Benjamini-Hochberg and Benjamini-Yekutieli are SciPy's."""
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values, method="bh"))
    assert benjamini_yekutieli(p_values) == pytest.approx(stats.false_discovery_control(p_values, method="by"))


def test_holm_steps_down() -> None:
    """The smallest is multiplied by m, the next by m - 1, and order never turns."""
    assert holm([0.03, 0.01, 0.04]) == pytest.approx([0.06, 0.03, 0.06])


@given(P_VALUES)
def test_no_correction_lowers_a_p_value_and_holm_never_exceeds_bonferroni(p_values: list[float]) -> None:
    """An adjusted p-value is between the raw one and 1."""
    for correct in ALL:
        adjusted = correct(p_values)
        assert np.all(adjusted <= 1)
        assert np.all(adjusted >= np.asarray(p_values) * (1 - 1e-12))
    assert np.all(holm(p_values) <= bonferroni(p_values))


@pytest.mark.parametrize("correct", ALL)
@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.1])
def test_what_is_no_p_value_is_refused(correct: object, bad: float) -> None:
    """NaN must not become "no drift"."""
    with pytest.raises(BadInput, match="p-value"):
        correct([0.5, bad])  # type: ignore[operator]


@pytest.mark.parametrize("correct", ALL)
def test_no_tests_need_no_correction(correct: object) -> None:
    """An empty list stays empty."""
    assert len(correct([])) == 0  # type: ignore[operator]
