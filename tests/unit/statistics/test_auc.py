"""The area under the ROC curve against scikit-learn, its variance against the definition and by simulation."""

import math

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import roc_auc_score

from airflow_provider_mlops.core.gate import decide_non_inferior
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.auc import auc_difference, auc_interval, auc_value, midranks, placements


def _sample(seed: int, n: int = 300, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    positive = random.random(n) < 0.3
    shared = random.normal(size=n) + positive
    first, second = shared + 0.5 * random.normal(size=n), shared + 0.5 * random.normal(size=n)
    return positive, np.round(first) if ties else first, np.round(second) if ties else second


@pytest.mark.parametrize("ties", [False, True])
def test_area_equals_scikit_learn(ties: bool) -> None:
    """With and without ties the area is scikit-learn's."""
    positive, scores, _ = _sample(1, ties=ties)

    assert auc_value(positive, scores) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


def test_midranks_equal_scipy() -> None:
    """Ties share the mean of their ranks."""
    values = np.random.default_rng(2).integers(0, 20, 200).astype(float)

    assert np.array_equal(midranks(values), stats.rankdata(values))


def test_placements_equal_their_definition() -> None:
    """A placement is the share of the other class that a row beats, ties as half."""
    positive, scores, _ = _sample(3, 80, ties=True)
    wins = np.sign(scores[positive][:, None] - scores[~positive][None, :]) / 2 + 0.5
    placed = placements(positive, scores)

    assert np.allclose(placed.positives, wins.mean(axis=1), atol=1e-12)
    assert np.allclose(placed.negatives, wins.mean(axis=0), atol=1e-12)


def test_variance_of_the_difference_holds_the_covariance() -> None:
    """The paired interval is DeLong's: var + var - 2 cov of the placements."""
    positive, first, second = _sample(4)
    a, b = placements(positive, first), placements(positive, second)
    covariance = (
        np.cov(a.positives, b.positives) / positive.sum() + np.cov(a.negatives, b.negatives) / (~positive).sum()
    )
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    ours = auc_difference(positive, first, second, 0.9)

    assert ours.high - ours.value == pytest.approx(stats.norm.ppf(0.95) * error, rel=1e-9)


def test_a_published_example_is_met() -> None:
    """Grades of 113 patients with a haemorrhage, by outcome: area and DeLong variance as pROC publishes them.

    Robin and others 2011, BMC Bioinformatics 12:77: the grade of the World Federation of Neurological Surgeons.
    """
    poor, good = [2, 12, 1, 8, 18], [37, 20, 3, 8, 4]
    grades = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0] * 2, poor + good)
    positive = np.arange(113) < 41
    interval = auc_interval(positive, grades, 0.9)
    # Undo the logit scale.
    half = (special.logit(interval.high) - special.logit(interval.low)) / 2
    variance = (half * interval.value * (1 - interval.value) / special.ndtri(0.95)) ** 2

    assert interval.value == pytest.approx(0.823678861788618, abs=1e-12)
    assert variance == pytest.approx(0.00146991470882363, abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_difference_equals_a_slow_reference_with_ties(seed: int) -> None:
    """DeLong's variance from all pairs of a positive and a negative row, written as in the article, to 1e-10."""
    positive, *scores = _sample(seed, 90, ties=True)
    m, n = int(positive.sum()), int((~positive).sum())
    kernel = [
        [[1.0 if x > y else 0.5 if x == y else 0.0 for y in each[~positive]] for x in each[positive]] for each in scores
    ]
    areas = [sum(map(sum, pairs)) / (m * n) for pairs in kernel]
    rows = [[sum(row) / n for row in pairs] for pairs in kernel]
    columns = [[sum(column) / m for column in zip(*pairs, strict=True)] for pairs in kernel]

    def covariance(values: list[list[float]], a: int, b: int) -> float:
        products = [(x - areas[a]) * (y - areas[b]) for x, y in zip(values[a], values[b], strict=True)]
        return sum(products) / (len(products) - 1)

    variances = {
        (a, b): covariance(rows, a, b) / m + covariance(columns, a, b) / n for a, b in ((0, 0), (1, 1), (0, 1))
    }
    error = math.sqrt(variances[0, 0] + variances[1, 1] - 2 * variances[0, 1])
    difference = auc_difference(positive, scores[0], scores[1], 0.9)

    assert difference.value == pytest.approx(areas[0] - areas[1], abs=1e-10)
    assert difference.high - difference.value == pytest.approx(special.ndtri(0.95) * error, abs=1e-10)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 600 samples of 200 rows, 90 % intervals hold the true area in about 90 %."""
    random = np.random.default_rng(5)
    truth, runs, held = stats.norm.cdf(1.5 / math.sqrt(2)), 600, 0
    positive = np.arange(200) < 60
    for _ in range(runs):
        interval = auc_interval(positive, random.normal(size=200) + 1.5 * positive, 0.9)
        held += interval.low <= truth <= interval.high

    assert held / runs == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / runs))


def test_a_candidate_worse_by_the_margin_passes_at_most_at_alpha() -> None:
    """The risk of a false promotion on AUC is at most 5 % (plus three standard errors of 800 runs)."""
    random = np.random.default_rng(6)
    runs, passed = 800, 0
    positive = np.arange(600) < 150
    margin = stats.norm.cdf(1 / math.sqrt(2)) - stats.norm.cdf(0.9 / math.sqrt(2))
    for _ in range(runs):
        noise = random.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=600)
        difference = auc_difference(positive, noise[:, 0] + 0.9 * positive, noise[:, 1] + positive, 0.9)
        passed += decide_non_inferior(difference, float(margin), higher_is_better=True) is Outcome.PASS

    assert passed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_perfect_separation_on_few_rows_is_no_certainty() -> None:
    """Ten rows of each class, all in order, prove no more than a lower bound of 0.79."""
    positive = np.arange(20) >= 10
    interval = auc_interval(positive, np.arange(20.0), 0.9)

    assert interval.value == 1.0
    assert interval.low == pytest.approx(0.787, abs=0.001)


def test_equal_rankings_still_leave_room() -> None:
    """The same ranking twice gives zero, with an interval that shrinks as rows grow."""
    positive, scores, _ = _sample(8)
    interval = auc_difference(positive, scores, 2 * scores, 0.9)

    assert interval.value == 0
    assert interval.low < 0 < interval.high


def test_constant_scores_are_worth_a_half() -> None:
    """A model that says nothing has an area of 0.5, not an error."""
    positive, _, _ = _sample(9)
    interval = auc_interval(positive, np.zeros(len(positive)), 0.9)

    assert interval.low < interval.value == 0.5 < interval.high


def test_one_class_only_is_not_measurable() -> None:
    """Without negatives there is no area."""
    with pytest.raises(NotMeasurable, match="0 negative rows"):
        auc_value(np.ones(50, dtype=bool), np.arange(50.0))
