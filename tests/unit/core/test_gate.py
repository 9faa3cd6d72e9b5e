"""What a bound says: the decisions at and around their limits."""

import pytest

from airflow_provider_mlops.core.gate import (
    decide_looks,
    decide_maximum,
    decide_minimum,
    decide_non_inferior,
    decide_rows,
    decide_superior,
    proved_worse,
)
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.core.verdict import Outcome

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 100, "test")


@pytest.mark.parametrize(
    ("low", "high", "minimum", "maximum"),
    [
        (0.61, 0.70, PASS, FAIL),
        (0.60, 0.70, PASS, INCONCLUSIVE),
        (0.59, 0.61, INCONCLUSIVE, INCONCLUSIVE),
        (0.50, 0.60, INCONCLUSIVE, PASS),
        (0.50, 0.59, FAIL, PASS),
    ],
)
def test_absolute_limits(low: float, high: float, minimum: Outcome, maximum: Outcome) -> None:
    """The bound beyond the limit decides; the limit itself is allowed."""
    assert decide_minimum(interval(low, high), 0.60) is minimum
    assert decide_maximum(interval(low, high), 0.60) is maximum


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.009, 0.01, PASS),
        (-0.009, -0.001, PASS),
        (-0.01, 0.01, INCONCLUSIVE),
        (-0.02, 0.02, INCONCLUSIVE),
        (-0.02, -0.01, INCONCLUSIVE),
        (-0.03, -0.011, FAIL),
    ],
)
def test_non_inferiority_goes_by_the_margin_not_by_zero(low: float, high: float, outcome: Outcome) -> None:
    """A proven small loss passes, an interval over the margin does not, whichever way is better."""
    assert decide_non_inferior(interval(low, high), 0.01, higher_is_better=True) is outcome
    assert decide_non_inferior(interval(-high, -low), 0.01, higher_is_better=False) is outcome


@pytest.mark.parametrize(("rows", "positives", "outcome"), [(10, 3, PASS), (9, 3, INCONCLUSIVE), (10, 2, INCONCLUSIVE)])
def test_rows_and_positives_both_count(rows: int, positives: int, outcome: Outcome) -> None:
    """Too few is INCONCLUSIVE, not FAIL."""
    assert decide_rows(rows, positives, min_rows=10, min_positives=3) is outcome


def test_the_last_allowed_look_is_allowed() -> None:
    """The limit counts the present look."""
    assert decide_looks(3, 3) is PASS
    assert decide_looks(4, 3) is INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.011, 0.03, PASS),
        (0.01, 0.03, INCONCLUSIVE),
        (-0.01, 0.03, INCONCLUSIVE),
        (-0.01, 0.01, INCONCLUSIVE),
        (-0.01, 0.009, FAIL),
    ],
)
def test_superiority_must_exceed_its_gain(low: float, high: float, outcome: Outcome) -> None:
    """A bound that only reaches the gain does not exceed it, whichever way is better."""
    assert decide_superior(interval(low, high), 0.01, higher_is_better=True) is outcome
    assert decide_superior(interval(-high, -low), 0.01, higher_is_better=False) is outcome


@pytest.mark.parametrize(("low", "high", "proved"), [(-0.05, -0.021, True), (-0.05, -0.02, False), (-0.05, 0.1, False)])
def test_harm_is_proved_by_the_bound_on_the_better_side(low: float, high: float, proved: bool) -> None:
    """A worse estimate alone proves nothing."""
    assert proved_worse(interval(low, high), 0.02, higher_is_better=True) is proved
    assert proved_worse(interval(-high, -low), 0.02, higher_is_better=False) is proved
