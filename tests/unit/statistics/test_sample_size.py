"""Rows needed: the figures of the design, and what an inconclusive interval says."""

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.paired import tango
from airflow_provider_mlops.statistics.sample_size import (
    row_variance,
    rows_for_non_inferiority,
    rows_for_proportion,
    rows_for_ratio,
    rows_needed,
    rows_to_decide,
)

TABLE = {
    (0.02, 0.005): 4_947, (0.02, 0.01): 1_237, (0.02, 0.02): 310,
    (0.05, 0.005): 12_366, (0.05, 0.01): 3_092, (0.05, 0.02): 773,
    (0.08, 0.005): 19_785, (0.08, 0.01): 4_947, (0.08, 0.02): 1_237,
    (0.15, 0.005): 37_096, (0.15, 0.01): 9_274, (0.15, 0.02): 2_319,
}  # fmt: skip


@pytest.mark.parametrize(("case", "rows"), TABLE.items())
def test_rows_are_those_of_the_design(case: tuple[float, float], rows: int) -> None:
    """For discordance and margin, at alpha 0.05 and power 0.8: to the row."""
    assert rows_for_non_inferiority(*case) == rows_needed(*case) == rows


@pytest.mark.parametrize(("case", "rows"), [((0.9, 0.05), 139), ((0.9, 0.02), 865), ((1.0, 0.05), 1)])
def test_rows_for_a_proportion_are_those_of_the_design(case: tuple[float, float], rows: int) -> None:
    """A share of 0.9 to within five and two points at 95 %."""
    assert rows_for_proportion(*case) == rows


@pytest.mark.parametrize(("case", "rows"), [((0.45, 0.5), 990), ((0.18, 0.2), 3_812), ((0.05, 0.05), 4_718)])
def test_rows_for_a_ratio_are_those_of_the_design(case: tuple[float, float], rows: int) -> None:
    """Rows per group that prove a ratio above four fifths; the design cuts fractions of a row, here they round up."""
    assert rows_for_ratio(*case) == rows + 1


def test_rows_for_a_ratio_have_the_power_they_promise() -> None:
    """With that many rows per group, about 80 % of samples have a lower bound of the ratio above 0.8."""
    rows = rows_for_ratio(0.45, 0.5)
    assert rows is not None
    random = np.random.default_rng(1)
    group, reference = random.binomial(rows, 0.45, 4_000) / rows, random.binomial(rows, 0.5, 4_000) / rows
    error = np.sqrt(((1 - group) / group + (1 - reference) / reference) / rows)
    proved = np.mean(np.log(group / reference) - 1.6449 * error > np.log(0.8))

    assert proved == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 4_000))


def test_a_ratio_on_the_limit_is_never_proved() -> None:
    """No number of rows separates a ratio of one half from a limit of one half."""
    assert rows_for_ratio(0.25, 0.5, limit=0.5) is None


def test_variance_is_read_back_from_an_interval() -> None:
    """The width of a paired interval holds the share of discordant rows."""
    assert row_variance(tango(400, 400, 10_000, 0.9), 0.9) == pytest.approx(0.08, rel=0.01)


def test_an_inconclusive_comparison_names_the_rows_for_equal_models() -> None:
    """1,000 rows with 8 % discordant cannot decide one point; about 4,950 would, a few more by the score interval."""
    assert rows_to_decide(tango(40, 40, 1_000, 0.9), -0.01, alpha=0.05, margin=0.01) == pytest.approx(4_947, rel=0.05)


def test_rows_needed_are_always_more_than_at_hand() -> None:
    """Where the rows would do for equal models, the distance observed decides."""
    difference = tango(380, 420, 10_000, 0.9)
    rows = rows_to_decide(difference, -0.005, alpha=0.05, margin=0.005)

    assert rows is not None
    assert rows > 10_000


def test_a_value_on_the_limit_is_never_decided() -> None:
    """No number of rows separates a value from itself."""
    assert rows_to_decide(Interval(0.6, 0.59, 0.61, 100, "x"), 0.6, alpha=0.05) is None
    assert rows_needed(0.1, 1e-9) is None


@pytest.mark.parametrize("case", [{"variance": -1.0}, {"variance": float("nan")}, {"variance": 1.0, "alpha": 0.0}])
def test_nonsense_is_refused(case: dict[str, float]) -> None:
    """A variance is not negative, a rate is between 0 and 1."""
    with pytest.raises(BadInput):
        rows_needed(case["variance"], 0.1, alpha=case.get("alpha", 0.05))


@pytest.mark.parametrize("case", [(-0.1, 0.01), (1.1, 0.01), (0.1, 0.0), (float("nan"), 0.01)])
def test_impossible_comparisons_are_refused(case: tuple[float, float]) -> None:
    """A discordance is a share, a margin is above zero."""
    with pytest.raises(BadInput):
        rows_for_non_inferiority(*case)


@pytest.mark.parametrize("case", [(1.1, 0.05), (0.9, 0.0), (float("nan"), 0.05)])
def test_impossible_proportions_are_refused(case: tuple[float, float]) -> None:
    """A share is at most one, a distance above zero."""
    with pytest.raises(BadInput):
        rows_for_proportion(*case)


@pytest.mark.parametrize("case", [(0.0, 0.5), (0.5, 0.0), (0.5, 1.5), (float("nan"), 0.5)])
def test_impossible_ratios_are_refused(case: tuple[float, float]) -> None:
    """Rates are above zero and at most one."""
    with pytest.raises(BadInput):
        rows_for_ratio(*case)
