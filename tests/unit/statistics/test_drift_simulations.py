"""A drift verdict keeps its error rate and has power: simulations with fixed seeds, within the binomial's tolerance."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.statistics import distances, effect_bounds
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import ColumnSample, paired
from airflow_provider_mlops.statistics.drift import detect_drift
from airflow_provider_mlops.statistics.drift_blocks import BlockCounts, calibrated_tests, permutation_tests
from airflow_provider_mlops.statistics.drift_categories import compare_categories_seen
from airflow_provider_mlops.statistics.drift_decision import strictest_alpha
from airflow_provider_mlops.statistics.finding import GivenTest

ALPHA = 0.05


def policy(**keys: Any) -> DriftPolicy:
    return DriftPolicy.from_mapping({"schema": 1, "name": "d", "min_rows": 50, **keys})


def at_most(alpha: float, runs: int) -> float:
    """Return the rate that a test at its nominal level exceeds once in 700 times."""
    return alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


def judge(was: dict[str, FloatArray], now: dict[str, FloatArray], **keys: Any) -> Verdict:
    samples = [{name: ColumnSample("numeric", values) for name, values in side.items()} for side in (was, now)]
    return detect_drift(paired(samples[0], samples[1]), policy(**keys))


def ar1(random: np.random.Generator, rho: float, series: int, n: int) -> FloatArray:
    """Draw stationary AR(1) series, a row each."""
    values = np.empty((series, n))
    values[:, 0] = random.normal(size=series)
    noise = random.normal(scale=math.sqrt(1 - rho**2), size=(series, n))
    for i in range(1, n):
        values[:, i] = rho * values[:, i - 1] + noise[:, i]
    return values


def blocks(name: str, values: FloatArray, length: int, edges: FloatArray) -> FloatArray:
    """Count consecutive blocks of a series on bins."""
    codes = np.searchsorted(edges, values, side="left").reshape(-1, length)
    return np.array([np.bincount(row, minlength=len(edges) + 1) for row in codes], dtype=np.float64)


def permuted(was: FloatArray, now: FloatArray, length: int, seed: int = 1) -> float:
    """Return the p-value of a series against another, in blocks."""
    return permutations("x", was, now, length, ALPHA, seed)["x"].p_value


def permutations(
    name: str, was: FloatArray, now: FloatArray, length: int, alpha: float, seed: int
) -> dict[str, GivenTest]:
    """Permute blocks of a series and another, as the check of a policy with ``dependence`` does."""
    edges = distances.quantile_edges(np.sort(was), 100)
    counts = np.vstack([blocks(name, was, length, edges), blocks(name, now, length, edges)])
    current = np.arange(len(counts)) >= len(was) // length
    column = BlockCounts(name=name, numeric=True, counts=counts, nulls=np.zeros(len(counts)))
    return permutation_tests(column, current, alpha=alpha, seed=seed)


@pytest.mark.parametrize(("features", "n", "runs"), [(5, 100, 300), (50, 100, 100), (5, 2_000, 200), (50, 1_000, 60)])
def test_any_false_alarm_on_clean_data_is_at_most_nominal(features: int, n: int, runs: int) -> None:
    """Independent rows, numbers and categories, materiality as good as off."""
    random = np.random.default_rng(features * n)
    off = dict.fromkeys(("ks", "cramers_v", "new_categories", "vanished_categories"), 1e-9)
    alarms = 0
    for _ in range(runs):
        was, now = (
            {f"f{i}": ColumnSample("numeric", random.normal(size=n)) for i in range(features - features // 5)}
            | {
                f"c{i}": ColumnSample("categorical", random.integers(0, 4, n).astype(object))
                for i in range(features // 5)
            }
            for _ in range(2)
        )
        alarms += detect_drift(paired(was, now), policy(thresholds=off)).outcome is Outcome.FAIL

    assert alarms / runs <= at_most(ALPHA, runs)


@pytest.mark.parametrize("features", [5, 50])
def test_a_million_rows_raise_no_more_false_alarms(features: int) -> None:
    """The statistic of a million rows a side, drawn by its law: Brownian bridges, of which rows are the increments."""
    random = np.random.default_rng(features)
    n, runs, bins = 1_000_000, 200, 256
    shares = np.full(bins, 1 / bins)
    alarms = 0
    for _ in range(runs):
        was, now = (np.cumsum(random.multinomial(n, shares, features), axis=1) for _ in range(2))
        gaps = np.abs(was - now).max(axis=1) / n
        p_values = [distances.ks_p_value(float(gap), n, n) for gap in gaps]
        alarms += min(p_values) < strictest_alpha(ALPHA, policy().correction, features)

    assert alarms / runs <= at_most(ALPHA, runs)


def test_a_million_rows_at_once_are_judged_as_they_are() -> None:
    """One million rows a side through the whole check: clean data pass, and a hundredth of sigma does not matter."""
    random = np.random.default_rng(7)
    was = {f"f{i}": random.normal(size=1_000_000) for i in range(2)}
    now = {f"f{i}": random.normal(0.01 * i, 1, 1_000_000) for i in range(2)}
    verdict = judge(was, now)
    shifted = next(result for result in verdict.rules if result.rule == "f1")

    assert verdict.outcome is Outcome.PASS
    assert shifted.numbers["adjusted_p_value"] < 1e-4
    assert "that matters" in shifted.reason


@pytest.mark.parametrize(("rho", "length", "naive"), [(0.5, 25, 0.24), (0.9, 100, 0.74)])
def test_blocks_keep_the_error_rate_of_rows_that_hang_together(rho: float, length: int, naive: float) -> None:
    """AR(1), 500 rows a side: row by row the test alarms as statistics say, block by block at most as promised."""
    random = np.random.default_rng(int(rho * 100))
    runs, n = 400, 500
    was, now = ar1(random, rho, runs, n), ar1(random, rho, runs, n)
    row_wise = sum(
        distances.ks_p_value(distances.ks_statistic(np.sort(a), np.sort(b)), n, n) < ALPHA
        for a, b in zip(was, now, strict=True)
    )
    block_wise = sum(permuted(a, b, length) < ALPHA for a, b in zip(was, now, strict=True))

    assert row_wise / runs == pytest.approx(naive, abs=0.08)
    assert block_wise / runs <= at_most(ALPHA, runs)


def test_any_false_alarm_of_series_is_at_most_nominal() -> None:
    """Five AR(1) features of 1,000 rows through the whole check with ``dependence``; row by row many of them alarm."""
    random = np.random.default_rng(8)
    runs, features, n, length = 60, 5, 1_000, 50
    off = {"ks": 1e-9}
    series = policy(thresholds=off, dependence={"kind": "blocks", "rows": length})
    alpha = strictest_alpha(ALPHA, series.correction, 2 * features)
    alarms = row_wise = 0
    for run in range(runs):
        was, now = (dict(zip("abcde", ar1(random, 0.5, features, n), strict=True)) for _ in range(2))
        tests: dict[str, GivenTest] = {}
        for name in was:
            tests |= permutations(name, was[name], now[name], length, alpha, run)
        samples = [{name: ColumnSample("numeric", values) for name, values in side.items()} for side in (was, now)]
        alarms += detect_drift(paired(samples[0], samples[1]), series, tests=tests).outcome is Outcome.FAIL
        row_wise += judge(was, now, thresholds=off).outcome is Outcome.FAIL

    assert alarms / runs <= at_most(ALPHA, runs)
    assert row_wise / runs >= 0.3


@pytest.mark.parametrize(("n", "m"), [(5_000, 500), (500, 5_000), (2_000, 2_000)])
@pytest.mark.parametrize("categories", [50, 1_000, 100_000])
def test_categories_unseen_by_chance_raise_no_alarm(n: int, m: int, categories: int) -> None:
    """Few, many and almost only different categories, of uneven shares, samples of unlike sizes."""
    random = np.random.default_rng(n + categories)
    shares = 1 / np.arange(1, categories + 1) ** 0.7
    shares /= shares.sum()
    off = policy(thresholds={"new_categories": 1e-9, "vanished_categories": 1e-9})
    runs = 60 if categories == 100_000 else 150  # drawing and counting so many takes the time
    alarms = 0
    for _ in range(runs):
        was, now = (Counter(map(str, random.choice(categories, size, p=shares).tolist())) for size in (n, m))
        found = compare_categories_seen("c", was, now, off)
        alarms += any(finding.test is not None and finding.test.p_value < ALPHA / 2 for finding in found)

    assert alarms / runs <= at_most(ALPHA, runs)


def test_blocks_have_power() -> None:
    """A shift of one standard deviation in correlated data of 40 blocks is found."""
    random = np.random.default_rng(3)
    was, now = ar1(random, 0.5, 40, 1_000), ar1(random, 0.5, 40, 1_000) + 1.0

    assert all(permuted(a, b, 50) < ALPHA / 20 for a, b in zip(was, now, strict=True))


def test_calibration_keeps_the_error_rate_over_all_columns() -> None:
    """24 clean days and one to judge, ten columns that move together from day to day: any alarm is at most nominal."""
    random = np.random.default_rng(5)
    runs, windows, columns = 150, 25, 10
    edges = np.linspace(-2, 2, 19)
    alarms = row_wise = 0
    for _ in range(runs):
        level = random.normal(scale=0.5, size=(windows, 1)) + random.normal(scale=0.3, size=(windows, columns))
        found = []
        for number in range(columns):
            shares = np.diff(stats.norm.cdf(np.r_[-np.inf, edges, np.inf][None] - level[:, [number]]), axis=1)
            counts = random.multinomial(900, shares).astype(np.float64)
            found.append(BlockCounts(name=f"f{number}", numeric=True, counts=counts, nulls=np.zeros(windows)))
        tests = calibrated_tests(found, np.arange(windows) < 12, np.eye(windows))
        alarms += min(test.adjusted or 0.0 for test in tests.values()) < ALPHA
        # The same rows taken for independent: 900 of the last day against those of the reference.
        gaps = [np.cumsum(c.counts[-1] / 900 - c.counts[:12].sum(axis=0) / 10_800) for c in found]
        p_values = [distances.ks_p_value(float(np.abs(gap).max()), 900, 10_800) for gap in gaps]
        row_wise += min(p_values) < ALPHA / columns

    assert alarms / runs <= at_most(ALPHA, runs)
    assert row_wise / runs >= 0.9


@pytest.mark.parametrize(("n", "sigma"), [(100, 0.46), (500, 0.21), (5_000, 0.09)])
def test_the_smallest_significant_shift_is_the_known_one(n: int, sigma: float) -> None:
    """Against 5,000 rows, Bonferroni over 20: the shift whose true distance is just significant."""
    smallest = distances.smallest_ks(ALPHA / 20, n, 5_000)
    shift = 2 * stats.norm.ppf((1 + smallest) / 2)

    assert shift == pytest.approx(sigma, abs=0.02)


@pytest.mark.parametrize(("n", "sigma"), [(500, 0.5), (5_000, 0.3)])
def test_shifts_beyond_what_can_be_seen_are_found(n: int, sigma: float) -> None:
    """One of 20 features moved, well above the smallest significant shift: at least nine of ten checks say so."""
    random = np.random.default_rng(n)
    found, runs = 0, 30
    for _ in range(runs):
        was = {f"f{i}": random.normal(size=5_000) for i in range(20)}
        now = {f"f{i}": random.normal(sigma * (i == 3), 1, n) for i in range(20)}
        verdict = judge(was, now, thresholds={"ks": 0.08})
        found += any(result.rule == "f3" and result.outcome is Outcome.FAIL for result in verdict.rules)

    assert found / runs >= 0.9


def test_silence_of_a_hundred_rows_is_called_underpowered() -> None:
    """A shift of a quarter of sigma is material, and 100 rows cannot show it: never "no drift"."""
    random = np.random.default_rng(2)
    was = {f"f{i}": random.normal(size=5_000) for i in range(20)}
    now = {f"f{i}": random.normal(size=100) for i in range(20)}
    verdict = judge(was, now)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "underpowered" in verdict.marks


@pytest.mark.parametrize("shift", [0.0, 0.25, 1.0, 4.0])
def test_a_bound_of_the_distance_is_rarely_above_the_truth(shift: float) -> None:
    """Small and large distances, unequal samples."""
    random = np.random.default_rng(11)
    runs, n, m, true = 400, 400, 150, 2 * stats.norm.cdf(shift / 2) - 1
    wrong = 0
    for _ in range(runs):
        was, now = np.sort(random.normal(size=n)), np.sort(random.normal(shift, 1, m))
        wrong += effect_bounds.ks_bound(distances.ks_statistic(was, now), n, m, ALPHA) > true

    assert wrong / runs <= at_most(ALPHA, runs)


def test_a_bound_of_cramers_v_is_rarely_above_the_truth() -> None:
    """Five categories whose shares moved."""
    random = np.random.default_rng(12)
    p, q = np.array([0.4, 0.3, 0.15, 0.1, 0.05]), np.array([0.3, 0.3, 0.2, 0.1, 0.1])
    true = math.sqrt(float(np.sum(np.square(p - q) / (2 * (p + q)))))
    runs = 150
    wrong = sum(
        effect_bounds.counts_bound(
            distances.cramers_v,
            random.multinomial(800, p).astype(float),
            random.multinomial(600, q).astype(float),
            ALPHA,
            run,
        )
        > true
        for run in range(runs)
    )

    assert wrong / runs <= at_most(ALPHA, runs)


def test_statistics_are_those_of_scipy() -> None:
    """KS, chi-squared and Wasserstein to 1e-12; p-values to 1e-9 relative."""
    random = np.random.default_rng(1)
    for n, m, shift in ((300, 200, 0.2), (1_000, 5_000, 0.0), (50, 70, 1.0)):
        was, now = np.sort(random.normal(size=n)), np.sort(random.normal(shift, 1, m))
        old, new = random.integers(5, 90, 6).astype(float), random.integers(5, 90, 6).astype(float)
        statistic, p_value = distances.chi_squared(old, new)
        expected = stats.chi2_contingency(np.stack([old, new]), correction=False)
        moved = distances.wasserstein(was, now)

        assert distances.ks_statistic(was, now) == pytest.approx(stats.ks_2samp(was, now).statistic, abs=1e-12)
        assert (statistic, p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
        assert moved is not None
        assert moved * np.std(was) == pytest.approx(stats.wasserstein_distance(was, now), abs=1e-12)
