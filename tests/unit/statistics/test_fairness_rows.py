"""How many rows of a group would decide."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics.fairness_compare import Comparison
from airflow_provider_mlops.statistics.fairness_decision import decide
from airflow_provider_mlops.statistics.fairness_groups import Cells
from airflow_provider_mlops.statistics.fairness_rows import rows_at_observed, rows_for_shares, rows_if_alike

RATIO, DIFFERENCE = "demographic_parity_ratio", "demographic_parity_difference"


def cells(*groups: tuple[int, int]) -> Cells:
    table = np.zeros((len(groups), 2, 2))
    for index, (selected, rows) in enumerate(groups):
        table[index, 0] = rows - selected, selected
    return Cells(table, np.zeros(len(groups)), np.full(len(groups), 10.0))


@pytest.mark.parametrize(("share", "reference", "rows"), [(0.45, 0.50, 990), (0.18, 0.20, 3_812), (0.05, 0.05, 4_718)])
def test_rows_for_the_four_fifths_rule(share: float, reference: float, rows: int) -> None:
    """Per group, at 80 % power and alpha 0.05; rounded up."""
    assert rows_for_shares(share, reference, 0.8, ratio=True, alpha=0.05) == rows + 1


def test_nothing_proves_what_is_not_so() -> None:
    """A true value at the limit or beyond, or a share of nothing."""
    assert rows_for_shares(0.4, 0.5, 0.8, ratio=True, alpha=0.05) is None
    assert rows_for_shares(0.0, 0.5, 0.8, ratio=True, alpha=0.05) is None
    assert rows_for_shares(0.3, 0.5, 0.1, ratio=False, alpha=0.05) is None


def test_a_proof_from_both_sides_needs_more() -> None:
    """Equal shares must be proved within a difference from above and from below."""
    equal = rows_for_shares(0.3, 0.3, 0.1, ratio=False, alpha=0.05)

    assert equal == pytest.approx((1.6449 + 1.2816) ** 2 * 2 * 0.21 / 0.01, abs=1)


def test_a_small_group_hears_what_a_group_alike_would_need() -> None:
    """As many rows as the reference: the number of the table; a large reference helps."""
    assert rows_if_alike(RATIO, cells((5, 100), (5, 100)), 1, 0, 0.8, 0.05) == 4_719
    assert rows_if_alike(RATIO, cells((5_000, 100_000), (5, 100)), 1, 0, 0.8, 0.05) == pytest.approx(
        4_719 / 2, rel=0.01
    )


def test_a_rate_of_one_class_needs_rows_of_both() -> None:
    """A tenth of the rows are positive: ten times the positives."""
    table = np.array([[[500.0, 400], [50, 50]], [[50, 40], [5, 5]]])
    both = Cells(table, np.zeros(2), np.zeros(2))
    positives = rows_for_shares(0.5, 0.5, 0.1, ratio=False, alpha=0.05, per=0.1)

    assert rows_if_alike("equal_opportunity_difference", both, 1, 0, 0.1, 0.05) == 10 * (positives or 0)
    assert rows_if_alike("equalized_odds_difference", both, 1, 0, 0.1, 0.05) == 10 * (positives or 0)


def test_a_reference_without_positives_promises_nothing() -> None:
    """No rate, no number."""
    table = np.array([[[500.0, 400], [0, 0]], [[50, 40], [5, 5]]])

    assert (
        rows_if_alike("equal_opportunity_difference", Cells(table, np.zeros(2), np.zeros(2)), 1, 0, 0.1, 0.05) is None
    )


@pytest.mark.parametrize(
    ("metric", "limit", "group"),
    [
        (RATIO, 0.8, (90, 300)),
        (RATIO, 0.8, (80, 300)),
        (RATIO, 0.8, (38, 160)),
        (DIFFERENCE, 0.05, (90, 300)),
        (DIFFERENCE, 0.05, (66, 300)),
    ],
)
def test_the_rows_named_would_decide(metric: str, limit: float, group: tuple[int, int]) -> None:
    """The same rates on so many rows, and a little more: PASS or FAIL, no longer INCONCLUSIVE."""
    small = cells((96, 300), group)
    first = decide(Comparison(metric, small, 0), np.array([1]), limit, 0.05)
    rows = rows_at_observed(metric, first, 0, group[1], limit, 0.05)
    assert rows is not None
    times = 1.05 * rows / group[1]
    grown = Cells(np.round(small.table * times), small.gaps, small.squares)
    second = decide(Comparison(metric, grown, 0), np.array([1]), limit, 0.05)

    assert first.outcomes == ("INCONCLUSIVE",)
    assert rows > group[1]
    assert second.outcomes != ("INCONCLUSIVE",)


def test_a_value_at_the_limit_asks_for_no_number() -> None:
    """More rows would hardly help."""
    decision = decide(Comparison(RATIO, cells((1_000, 2_000), (801, 2_000)), 0), np.array([1]), 0.8, 0.05)

    assert rows_at_observed(RATIO, decision, 0, 2_000, 0.8, 0.05) is None
