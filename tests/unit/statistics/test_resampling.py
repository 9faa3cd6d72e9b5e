"""The bootstrap of weighted rows: its draws, its bounds, and by simulation that they cover what they say."""

import math

import numpy as np
import pytest

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics import row_draws
from airflow_provider_mlops.statistics.auc import auc_difference
from airflow_provider_mlops.statistics.resampling import (
    Plan,
    Statistic,
    clusters_of,
    resample,
    wants_more_draws,
    weight_chunks,
)
from airflow_provider_mlops.statistics.weighted_auc import WeightedAuc

LEVEL = 0.9


def _mean(values: np.ndarray) -> Statistic:
    return lambda weights: weights @ values / weights.sum(axis=1)


def _weights(plan: Plan) -> np.ndarray:
    return np.concatenate(list(weight_chunks(plan)))


def _coverage(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


def test_weights_of_rows_multiply() -> None:
    """A row that counts double counts double each time that it is drawn."""
    own = np.linspace(0, 2, 40)
    plain, weighted = (Plan(n=40, seed=4, weights=weights, draws=50) for weights in (None, own))

    assert np.array_equal(_weights(weighted), _weights(plain) * own)
    values = np.random.default_rng(4).normal(size=40)
    assert resample(_mean(values), weighted, LEVEL, smallest=40).value == pytest.approx(
        np.average(values, weights=own), abs=1e-12
    )


@pytest.mark.parametrize("dependence", ["rows", "strata", "clusters"])
def test_chunks_do_not_change_the_bounds(dependence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same bounds, however many resamples are held at a time; another seed does not."""
    values = np.random.default_rng(5).integers(0, 9, 200).astype(float)
    codes = None if dependence == "rows" else np.arange(200) % 40 // (20 if dependence == "strata" else 1)
    plan, other = (Plan(n=200, seed=seed, **({} if codes is None else {dependence: codes})) for seed in (6, 7))
    whole = resample(_mean(values), plan, LEVEL, smallest=200)
    monkeypatch.setattr(row_draws, "_CELLS_PER_CHUNK", 1_000)

    assert resample(_mean(values), plan, LEVEL, smallest=200) == whole
    assert resample(_mean(values), other, LEVEL, smallest=200) != whole


def test_a_paired_bootstrap_of_the_area_agrees_with_delong() -> None:
    """The same question, two ways: the widths are within a tenth."""
    random = np.random.default_rng(9)
    positive = random.random(600) < 0.4
    shared = random.normal(size=600) + positive
    first, second = shared + 0.5 * random.normal(size=600), shared + 0.7 * random.normal(size=600)
    ours, theirs = WeightedAuc(positive, first), WeightedAuc(positive, second)
    drawn = resample(lambda weights: ours(weights) - theirs(weights), Plan(n=600, seed=9), LEVEL, smallest=240)
    closed = auc_difference(positive, first, second, LEVEL)

    assert drawn.method == "bootstrap_bca_2000"
    assert drawn.value == pytest.approx(closed.value, abs=1e-12)
    assert drawn.high - drawn.low == pytest.approx(closed.high - closed.low, rel=0.1)


def test_skewed_statistics_miss_on_both_sides_alike() -> None:
    """BCa bounds of a skewed mean are moved to the longer tail, where percentiles are short."""
    values = np.random.default_rng(10).exponential(size=60)
    interval = resample(_mean(values), Plan(n=60, seed=10, draws=5_000), LEVEL, smallest=60)
    percentiles = np.quantile(
        np.concatenate([_mean(values)(w) for w in weight_chunks(Plan(n=60, seed=10, draws=5_000))]), [0.05, 0.95]
    )

    assert interval.low > percentiles[0]
    assert interval.high > percentiles[1]


def test_a_paired_difference_is_covered_as_often_as_it_says() -> None:
    """Of 300 samples of 150 rows, 90 % intervals of a difference of root mean squared errors hold the true one."""
    random = np.random.default_rng(11)
    runs, intervals = 300, []
    for _ in range(runs):
        shared = random.normal(size=150)
        ours, theirs = (np.square(shared + scale * random.normal(size=150)) for scale in (0.6, 0.8))
        rmse = [lambda w, v=losses: np.sqrt(w @ v / w.sum(axis=1)) for losses in (ours, theirs)]
        plan = Plan(n=150, seed=int(random.integers(2**40)), draws=500)
        intervals.append(resample(lambda w, f=rmse: f[0](w) - f[1](w), plan, LEVEL, smallest=150))

    assert _coverage(intervals, math.sqrt(1.36) - math.sqrt(1.64)) == pytest.approx(
        LEVEL, abs=4 * math.sqrt(0.09 / runs)
    )


def test_clustered_rows_need_a_cluster_bootstrap() -> None:
    """Ten rows per customer with a shared part: independent draws cover far too seldom, whole customers do."""
    random = np.random.default_rng(12)
    clusters, runs = np.repeat(np.arange(50), 10), 250
    short, whole = [], []
    for _ in range(runs):
        values = random.normal(size=50)[clusters] + random.normal(size=500)
        seed = int(random.integers(2**40))
        short.append(resample(_mean(values), Plan(n=500, seed=seed, draws=400), LEVEL, smallest=500))
        whole.append(resample(_mean(values), Plan(n=500, seed=seed, draws=400, clusters=clusters), LEVEL, smallest=500))

    assert {interval.method for interval in whole} == {"cluster_bootstrap_bca_400"}
    assert _coverage(short, 0) < 0.7
    assert _coverage(whole, 0) == pytest.approx(LEVEL, abs=4 * math.sqrt(0.09 / runs))


def test_rows_in_time_need_a_block_bootstrap() -> None:
    """Hourly values that remember the hour before: independent draws cover half as often as they say, days do."""
    random = np.random.default_rng(13)
    runs, n = 200, 40 * 48
    start = np.datetime64("2013-01-01T00")
    blocks = clusters_of([str(start + np.timedelta64(hour, "h")) + ":00" for hour in range(n)], block_days=2)
    noise = random.normal(size=(runs, n))
    values = np.empty((runs, n))
    values[:, 0] = noise[:, 0] / math.sqrt(1 - 0.7**2)
    for hour in range(1, n):
        values[:, hour] = 0.7 * values[:, hour - 1] + noise[:, hour]
    plans = [Plan(n=n, seed=13, draws=300, clusters=codes) for codes in (None, blocks)]
    short, whole = ([resample(_mean(row), plan, LEVEL, smallest=n) for row in values] for plan in plans)

    assert _coverage(short, 0) < 0.7
    assert _coverage(whole, 0) == pytest.approx(LEVEL, abs=4 * math.sqrt(0.09 / runs))


def test_resamples_without_a_value_are_not_measurable() -> None:
    """Precision where few rows are predicted positive: some resamples have none of them."""
    predicted = np.arange(300) < 3
    right = np.arange(300) < 2

    with pytest.raises(NotMeasurable, match=r"\d+ of 2,000 resamples give no value"):
        resample(lambda w: w @ right / (w @ predicted), Plan(n=300, seed=15), LEVEL, smallest=100)


def test_equal_draws_leave_what_unseen_clusters_could_change() -> None:
    """The same predictions on twenty customers say less than on two hundred independent rows."""
    codes = np.arange(200) % 20
    independent, clustered = (
        resample(_mean(np.zeros(200)), Plan(n=200, seed=16, clusters=clusters), LEVEL, smallest=200)
        for clusters in (None, codes)
    )

    assert independent.method == clustered.method == "unseen_smaller_class"
    assert clustered.low < independent.low < 0 < independent.high < clustered.high


@pytest.mark.parametrize(
    ("low", "method", "more"),
    [
        (0.001, "bootstrap_bca_2000", True),
        (-0.001, "cluster_bootstrap_percentile_2000", True),
        (0.05, "bootstrap_bca_2000", False),
        (0.001, "bootstrap_bca_10000", False),
        (0.001, "delong_paired", False),
    ],
)
def test_a_bound_close_to_the_limit_wants_more_draws(low: float, method: str, more: bool) -> None:
    """Within one standard error, 2,000 draws are too few; a closed form has no draws to add."""
    assert wants_more_draws(Interval(0.1, low, 0.2, 100, method), 0.0, LEVEL) is more
