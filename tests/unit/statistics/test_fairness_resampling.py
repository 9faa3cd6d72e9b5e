"""Groups compared where rows are clustered or weighted."""

import numpy as np
import pytest

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics import fairness_resampling
from airflow_provider_mlops.statistics.fairness_compare import CALIBRATION, RATES, Comparison
from airflow_provider_mlops.statistics.fairness_groups import Cells, cells_of, groups_of
from airflow_provider_mlops.statistics.fairness_resampling import Rows, more_draws, resampled
from airflow_provider_mlops.statistics.resampling import Plan

METRICS = sorted({*RATES, CALIBRATION})
REPEATS = 4


def data(n: int = 500, *, repeats: int = 1, clusters: bool = False, weights: bool = False) -> tuple[Cells, Rows]:
    random = np.random.default_rng(1)
    codes = (random.random(n) < 0.4).astype(int).repeat(repeats)
    positive = (random.random(n) < 0.3).repeat(repeats)
    scores = np.clip(0.3 * positive + 0.7 * random.random(n).repeat(repeats), 0, 1)
    plan = Plan(
        n=n * repeats,
        seed=3,
        draws=1_000,
        clusters=np.arange(n).repeat(repeats) if clusters else None,
        strata=None if clusters else codes,
        weights=random.uniform(0.5, 2, n * repeats) if weights else None,
    )
    groups = groups_of({"x": codes})
    return cells_of(groups, positive, scores, 0.5), Rows(groups, positive, scores >= 0.5, scores - positive, plan)


@pytest.mark.parametrize("metric", METRICS)
def test_independent_rows_agree_with_the_closed_form(metric: str) -> None:
    """Two ways to the same interval, within what 1,000 draws can say."""
    cells, rows = data()
    drawn, closed = resampled(metric, cells, 0, rows).bounds(0.9), Comparison(metric, cells, 0).bounds(0.9)

    assert drawn.value[1] == pytest.approx(closed.value[1], abs=1e-12)
    assert drawn.high[1] - drawn.value[1] == pytest.approx(closed.high[1] - closed.value[1], rel=0.2)


@pytest.mark.parametrize("metric", ["demographic_parity_difference", "calibration_gap"])
def test_repeated_rows_are_no_evidence(metric: str) -> None:
    """Each row four times over: clusters give the interval of the single rows, twice as wide as the naive one."""
    single, _ = data()
    cells, rows = data(repeats=REPEATS, clusters=True)
    drawn, once = resampled(metric, cells, 0, rows), Comparison(metric, single, 0).bounds(0.9)
    naive, width = Comparison(metric, cells, 0).bounds(0.9), drawn.bounds(0.9)

    assert width.methods[1] == "cluster_bootstrap_bca_1000"
    assert width.high[1] - width.low[1] == pytest.approx(once.high[1] - once.low[1], rel=0.15)
    assert width.high[1] - width.low[1] > 1.7 * (naive.high[1] - naive.low[1])


def test_weights_weigh() -> None:
    """The rates are those of the weighted rows."""
    cells, rows = data(weights=True)
    mass, codes = rows.weights, rows.groups.codes
    rates = [np.average(rows.selected[codes == code], weights=mass[codes == code]) for code in (0, 1)]
    comparison = resampled("demographic_parity_ratio", cells, 0, rows)

    assert comparison.bounds(0.9).value[1] == pytest.approx(rates[1] / rates[0])
    assert comparison.weighted.selected.share == pytest.approx(rates)
    assert comparison.bounds(0.9).methods[1] == "bootstrap_bca_1000"


def test_draws_are_the_same_on_every_replay() -> None:
    """The plan's seed decides."""
    cells, rows = data()
    first, second = (resampled("demographic_parity_ratio", cells, 0, rows).draws for _ in range(2))

    assert np.array_equal(first, second)


def test_more_draws_are_more_draws() -> None:
    """Same question, same rows."""
    cells, rows = data()

    assert len(more_draws(resampled("demographic_parity_ratio", cells, 0, rows), 1_500).draws) == 1_500


def test_few_clusters_are_not_measurable() -> None:
    """Fewer than 20 cannot be drawn from."""
    cells, rows = data(19, repeats=REPEATS, clusters=True)

    with pytest.raises(NotMeasurable, match="19 clusters"):
        resampled("demographic_parity_ratio", cells, 0, rows)


def test_draws_without_a_value_leave_no_interval() -> None:
    """Resamples in which nobody of the group is positive: NaN, not a narrow interval."""
    cells, rows = data(30)
    positive = rows.positive & ((rows.groups.codes == 0) | (np.cumsum(rows.positive & (rows.groups.codes == 1)) <= 1))
    few = Rows(rows.groups, positive, rows.selected, rows.gap, rows.plan)

    assert np.isnan(resampled("equal_opportunity_difference", cells, 0, few).bounds(0.9).value[1])


def test_clusters_added_up_give_the_draws_of_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way is the long way, to rounding."""
    cells, rows = data(200, repeats=REPEATS, clusters=True, weights=True)
    short = resampled("calibration_gap", cells, 0, rows)
    monkeypatch.setattr(fairness_resampling, "_MOST_CELLS", 0)
    long = resampled("calibration_gap", cells, 0, rows)

    assert short.draws == pytest.approx(long.draws, abs=1e-12)


def test_the_jackknife_leaves_out_each_row_once() -> None:
    """As many parts as there are rows, up to 200; together they leave out everything once."""
    _, rows = data(150)
    left_out = [cells.table for cells in rows.jackknife()]

    assert len(left_out) == 150
    assert np.sum([rows.sums(rows.weights).table - table for table in left_out]) == pytest.approx(150)
