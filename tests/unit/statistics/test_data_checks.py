"""Row counts by those before, shares by a reference: error rates, power, edges."""

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.core.data_checks import GroupsCheck, RowCountCheck
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.data_checks import judge_groups, judge_row_count, robust_interval

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.mark.parametrize("n", [3, 6, 12])
def test_usual_counts_rarely_fall_outside(n: int) -> None:
    """Of counts like those before at most about alpha are refused, or twice that where the spread is guessed from 3."""
    rng = np.random.default_rng(n)
    draws = rng.normal(10_000, 800, size=(4_000, n + 1))
    outside = 0
    for row in draws:
        low, high = robust_interval(row[:-1].astype(int).tolist(), alpha=0.05, spread=0.02)
        outside += not low <= row[-1] <= high
    assert outside / len(draws) < 0.12


def test_one_odd_count_before_changes_little() -> None:
    """A month that was doubled once does not make the next doubled one usual."""
    low, high = robust_interval([100, 101, 99, 200, 100, 102], alpha=0.05, spread=0.02)

    assert 90 < low < 100 < high < 110


def test_equal_counts_leave_room() -> None:
    """Where all counts before were equal, the least spread keeps one more row from being refused."""
    low, high = robust_interval([1_000] * 6, alpha=0.05, spread=0.02)

    assert low < 950
    assert high > 1_050


@pytest.mark.parametrize(("rows", "outcome"), [(1_010, PASS), (500, FAIL), (2_000, FAIL), (0, FAIL)])
def test_row_count(rows: int, outcome: Outcome) -> None:
    """The reason names the interval and how many partitions it rests on."""
    before = [(f"2020-{month:02}", 1_000 + month) for month in range(1, 9)]
    result, few = judge_row_count(RowCountCheck(name="r"), rows, before)

    assert (result.outcome, few) == (outcome, False)
    assert "from the last 6 accepted partitions" in result.reason
    assert result.numbers["n"] == 6


@pytest.mark.parametrize(("first", "outcome"), [("inconclusive", INCONCLUSIVE), ("pass", PASS)])
def test_too_few_partitions(first: str, outcome: Outcome) -> None:
    """Nothing is judged by two; whether that stops is the file's word."""
    result, few = judge_row_count(RowCountCheck(name="r", first=first), 10, [("a", 1), ("b", 2)])

    assert (result.outcome, few) == (outcome, True)
    assert "of 3 accepted partitions that are needed before it there are 2" in result.reason


def test_known_shares_are_tested_exactly() -> None:
    """The p-value is that of the binomial, as SciPy has it by doubling the smaller tail."""
    check = GroupsCheck(name="g", column="c", reference={"a": 0.5, "b": 0.5}, max_difference=0.0)
    result = judge_groups(check, {"a": 160, "b": 40}, check.reference)  # type: ignore[arg-type]
    p = 2 * stats.binom.cdf(40, 200, 0.5)

    assert result.outcome is FAIL
    assert result.numbers["different"][0]["adjusted_p"] == pytest.approx(2 * p)


@pytest.mark.parametrize(
    ("counts", "outcome", "words"),
    [
        ({"a": 5_000, "b": 5_000}, PASS, "the largest difference is 0 (a)"),
        ({"a": 5_300, "b": 4_700}, PASS, "0.05 may be"),
        ({"a": 6_000, "b": 4_000}, FAIL, "a: 0.6 instead of 0.5"),
        ({"a": 9_000, "new": 1_000}, FAIL, "b: 0 instead of 0.5"),
        ({"a": 60, "b": 60}, INCONCLUSIVE, "show differences from"),
        ({"a": 20, "b": 20}, INCONCLUSIVE, "100 are needed"),
        ({}, INCONCLUSIVE, "0 test rows"),
    ],
)
def test_groups(counts: dict[str, int], outcome: Outcome, words: str) -> None:
    """Different means proved and large enough; a new and a lost group are differences; few rows decide nothing."""
    result = judge_groups(GroupsCheck(name="g", column="c"), counts, {"a": 50_000, "b": 50_000})

    assert result.outcome is outcome
    assert words in result.reason


def test_error_rate_over_many_groups() -> None:
    """Equal shares of twenty groups are hardly ever taken for different, though every difference matters."""
    rng = np.random.default_rng(7)
    check = GroupsCheck(name="g", column="c", alpha=0.05, max_difference=0.0)
    shares = np.full(20, 0.05)
    failed = 0
    for _ in range(400):
        test, train = (dict(zip(map(str, range(20)), rng.multinomial(2_000, shares), strict=True)) for _ in range(2))
        failed += judge_groups(check, test, train).outcome is FAIL
    assert failed / 400 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_no_reference_decides_nothing() -> None:
    """Training rows that have no group at all are no reference."""
    assert judge_groups(GroupsCheck(name="g", column="c"), {"a": 500}, {}).outcome is INCONCLUSIVE


@pytest.mark.parametrize(
    ("before", "rows", "outcome"),
    [
        ([0, 0, 0], 0, PASS),
        ([0, 0, 0], 1, FAIL),
        ([1, 1, 1], 1, PASS),
        ([1, 1, 1], 0, FAIL),
        ([100, 100, 100], 0, FAIL),
        ([10**12] * 6, 10**12, PASS),
    ],
)
def test_row_counts_of_none_and_one(before: list[int], rows: int, outcome: Outcome) -> None:
    """Partitions that were always empty stay so; one that was never empty may not become it."""
    seen = [(f"2020-{month:02}", count) for month, count in enumerate(before, 1)]
    result, few = judge_row_count(RowCountCheck(name="r"), rows, seen)

    assert (result.outcome, few) == (outcome, False)


def test_row_count_at_the_edge() -> None:
    """Both ends of the interval belong to it, the next whole number does not."""
    before = [(f"2020-{month:02}", 1_000 + month) for month in range(1, 9)]
    low, high = robust_interval([count for _, count in before[-6:]], alpha=0.05, spread=0.02)

    def outcome(rows: int) -> Outcome:
        return judge_row_count(RowCountCheck(name="r"), rows, before)[0].outcome

    assert [outcome(int(low) + 1), outcome(int(high))] == [PASS, PASS]
    assert [outcome(int(low)), outcome(int(high) + 1)] == [FAIL, FAIL]


@pytest.mark.parametrize(
    ("counts", "reference", "outcome"),
    [
        ({"(missing)": 10_000}, {"(missing)": 1.0}, PASS),
        ({"a": 5_000, "(missing)": 5_000}, {"a": 1.0}, FAIL),
        ({"a": 10_000}, {"a": 1.0, "b": 0.0}, PASS),
        ({"a": 9_999, "b": 1}, {"a": 1.0}, PASS),  # proved different, and too little to matter
        ({"a": 5_500, "b": 4_500}, {"a": 0.5, "b": 0.5}, PASS),  # the difference that does not matter, exactly
        ({"a": 5_501, "b": 4_499}, {"a": 0.5, "b": 0.5}, FAIL),
        ({"a": 1}, {"a": 1.0}, INCONCLUSIVE),
    ],
)
def test_groups_at_the_edge(counts: dict[str, int], reference: dict[str, float], outcome: Outcome) -> None:
    """A missing value is a group; one that no population has is a difference; one row says nothing."""
    assert judge_groups(GroupsCheck(name="g", column="c", reference=reference), counts, reference).outcome is outcome
