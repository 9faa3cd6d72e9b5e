"""The rows that a resample holds: as many as the sample, by stratum, by cluster; and what the jackknife leaves out."""

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.row_draws import Plan, RowDraws, strata_of, weight_chunks


def _weights(plan: Plan) -> np.ndarray:
    return np.concatenate(list(weight_chunks(plan)))


def test_a_resample_has_as_many_rows_as_the_sample() -> None:
    """Rows are drawn with replacement: each once on average, with the variance of a binomial."""
    weights = _weights(Plan(n=500, seed=1))

    assert weights.shape == (2_000, 500)
    assert np.all(weights.sum(axis=1) == 500)
    assert weights.var() == pytest.approx(1 - 1 / 500, rel=0.01)


def test_strata_keep_their_size() -> None:
    """Few positives keep their number in every resample; many need not."""
    few, many = np.arange(1_000) < 50, np.arange(1_000) < 500
    strata = strata_of(few)

    assert strata is not None
    assert np.all(_weights(Plan(n=1_000, seed=2, strata=strata))[:, few].sum(axis=1) == 50)
    assert strata_of(many) is None


def test_clusters_are_drawn_whole() -> None:
    """All rows of a cluster are in a resample equally often, and as many clusters as there are."""
    clusters = np.repeat(np.arange(30) * 7, np.arange(1, 31))
    weights = _weights(Plan(n=len(clusters), seed=3, clusters=clusters, draws=200))
    starts = np.flatnonzero(np.diff(clusters, prepend=-1))

    assert np.array_equal(weights, weights[:, np.repeat(starts, np.arange(1, 31))])
    assert np.all(weights[:, starts].sum(axis=1) == 30)


@pytest.mark.parametrize("units", [1, 7, 30, 4_096, 5_001])
def test_draws_at_once_are_those_of_one_after_the_other(units: int) -> None:
    """However many resamples are drawn at a time, a seed gives the same rows."""
    random = np.random.Generator(np.random.PCG64(9))
    single = [np.bincount(random.integers(0, units, units), minlength=units) for _ in range(60)]

    assert np.array_equal(_weights(Plan(n=units, seed=9, draws=60)), single)


def test_weights_of_clusters_are_those_of_their_rows() -> None:
    """The same draws and parts left out, each cluster as one row; the rows' own weights are apart."""
    own = np.linspace(0, 2, 600)
    drawn = RowDraws(Plan(n=600, seed=4, draws=40, clusters=np.arange(600) % 25 * 2, weights=own))
    clusters, of_clusters = drawn.clusters, drawn.of_clusters()

    assert clusters is not None
    assert clusters.size == of_clusters.units == 25
    assert clusters.weights is own
    for rows, times in (
        (np.concatenate(list(drawn.resamples())), np.concatenate(list(of_clusters.resamples()))),
        *((theirs[0], ours[0]) for theirs, ours in zip(drawn.left_out(), of_clusters.left_out(), strict=True)),
        (drawn.own(), of_clusters.own()),
    ):
        assert np.array_equal(rows, times[:, clusters.codes] * own)
    assert RowDraws(Plan(n=600, seed=4)).clusters is None


def test_a_chunk_is_bounded() -> None:
    """With a million rows one resample is held at a time."""
    assert next(weight_chunks(Plan(n=1_000_000, seed=8))).shape == (1, 1_000_000)


def test_few_clusters_are_not_measurable() -> None:
    """Nineteen customers cannot say how customers differ; the message says how many and the way out."""
    plan = Plan(n=190, seed=14, clusters=np.arange(190) % 19)

    with pytest.raises(NotMeasurable, match=r"There are 19 clusters.*at least 20.*shorter blocks"):
        weight_chunks(plan)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"draws": 0}, {"strata": np.zeros(3)}, {"weights": np.ones((10, 1))}])
def test_a_plan_that_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    """No rows, no draws, or codes of other rows."""
    with pytest.raises(BadInput):
        Plan(**{"n": 10, "seed": 1, **wrong})


def test_the_jackknife_leaves_every_row_out_once() -> None:
    """A thousand rows in 200 groups, and few positives in groups of one: each row is in exactly one group."""
    strata = (np.arange(1_000) < 30).astype(np.int64)
    for plan, groups in ((Plan(n=1_000, seed=5), 200), (Plan(n=1_000, seed=5, strata=strata), 130)):
        parts = list(RowDraws(plan).left_out())
        missing = 1 - np.concatenate([weights for weights, _ in parts])
        codes = np.concatenate([codes for _, codes in parts])

        assert missing.shape == (groups, 1_000)
        assert np.all(missing.sum(axis=0) == 1)
        if plan.strata is not None:
            assert all(set(strata[row == 1]) == {code} for row, code in zip(missing, codes, strict=True))


def test_the_jackknife_leaves_out_whole_clusters() -> None:
    """Rows of one cluster are left out together."""
    clusters = np.arange(600) % 25
    missing = 1 - np.concatenate([w for w, _ in RowDraws(Plan(n=600, seed=6, clusters=clusters)).left_out()])

    assert missing.shape == (25, 600)
    assert sorted(int(clusters[row == 1][0]) for row in missing) == list(range(25))
    assert np.array_equal(missing[:, :25], missing[:, 25:50])


def test_a_few_clusters_that_hold_nearly_all_rows_are_too_few() -> None:
    """26 clusters of which one holds 95 % of the rows are worth little more than one; equal ones are worth 26."""
    equal = np.repeat(np.arange(26), 40)
    skewed = np.concatenate([np.zeros(19_000, dtype=np.int64), np.repeat(np.arange(1, 26), 40)])

    assert RowDraws(Plan(n=len(equal), seed=1, clusters=equal)).units == 26
    with pytest.raises(NotMeasurable, match=r"The 26 clusters are worth 1\.1 of one size"):
        RowDraws(Plan(n=len(skewed), seed=1, clusters=skewed))
    heavy = np.where(equal == 0, 1e6, 1.0)
    with pytest.raises(NotMeasurable, match=r"are worth 1\.0 of one size"):
        RowDraws(Plan(n=len(equal), seed=1, clusters=equal, weights=heavy))
