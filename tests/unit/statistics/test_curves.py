"""Tests of the curves: equal to scikit-learn's, thin for any number of rows, and honest about what has no answer."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics import curves
from airflow_provider_mlops.statistics.intervals import wilson


def rows(n: int, seed: int = 1) -> tuple[Any, Any]:
    """Draw labels and scores, with ties."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(float)
    scores = 1 / (1 + np.exp(-(random.normal(size=n) + labels - 1)))
    return labels, scores.round(2)


def test_the_roc_curve_is_that_of_scikit_learn() -> None:
    """Point by point, ties and the two corners included."""
    labels, scores = rows(700)
    false, true, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)

    found = curves.roc_curve(labels, scores)

    assert np.allclose(found.x, false, atol=1e-15)
    assert np.allclose(found.y, true, atol=1e-15)
    assert np.array_equal(found.thresholds, thresholds)


def test_the_precision_recall_curve_is_that_of_scikit_learn() -> None:
    """Which writes it from the mildest threshold, and adds a point of precision 1."""
    labels, scores = rows(700)
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)

    found = curves.precision_recall_curve(labels, scores)

    assert np.allclose(found.x, recall[-2::-1], atol=1e-15)
    assert np.allclose(found.y, precision[-2::-1], atol=1e-15)


def test_weights_are_rows_that_stand_more_often() -> None:
    """A weight of two is the row twice."""
    labels, scores = rows(200)
    weights = np.where(np.arange(200) % 3 == 0, 2.0, 1.0)
    doubled = np.repeat(np.arange(200), weights.astype(int))

    for trace in (curves.roc_curve, curves.precision_recall_curve):
        weighted, repeated = trace(labels, scores, weights), trace(labels[doubled], scores[doubled])
        assert np.allclose(weighted.x, repeated.x)
        assert np.allclose(weighted.y, repeated.y)


@pytest.mark.parametrize("trace", [curves.roc_curve, curves.precision_recall_curve])
def test_a_curve_of_many_rows_is_thin(trace: Any) -> None:
    """At most 1,000 points, with both ends, and the area stays."""
    random = np.random.default_rng(3)
    labels = (random.random(50_000) < 0.2).astype(float)
    scores = random.normal(size=50_000) + labels

    found = trace(labels, scores)

    assert 500 < len(found.x) <= curves.MAX_POINTS
    assert found.x[-1] == 1
    if trace is curves.roc_curve:
        assert np.trapz(found.y, found.x) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-4)


def test_calibration_bins_hold_equally_many_rows_with_wilson_bounds() -> None:
    """Each bin is a share of its own rows."""
    random = np.random.default_rng(5)
    scores = random.random(5_000)
    labels = (random.random(5_000) < scores).astype(float)
    order = np.argsort(scores)[:500]

    found = curves.calibration_bins(labels, scores, 0.90)

    assert [item.n for item in found] == [500] * 10
    assert found[0].value == pytest.approx(labels[order].mean())
    assert found[0].mean == pytest.approx(scores[order].mean())
    expected = wilson(labels[order].sum(), 500, 0.90)
    assert (found[0].low, found[0].high) == pytest.approx((expected.low, expected.high))


def test_equal_scores_are_never_parted() -> None:
    """A constant model has one bin, and a bin of its own is every repeated score."""
    labels = np.tile([0.0, 1.0], 100)

    assert [item.n for item in curves.calibration_bins(labels, np.full(200, 0.5), 0.9)] == [200]
    assert [item.n for item in curves.calibration_bins(labels, np.repeat([0.1, 0.9], 100), 0.9)] == [100, 100]


def test_unequal_weights_widen_a_calibration_bin() -> None:
    """Rows that count unequally are worth fewer; rows that all count the same are worth themselves."""
    labels, scores = rows(400)
    plain = curves.calibration_bins(labels, scores, 0.9, bins=1)[0]
    same = curves.calibration_bins(labels, scores, 0.9, bins=1, weights=np.full(400, 3.0))[0]
    unequal = curves.calibration_bins(labels, scores, 0.9, bins=1, weights=np.where(np.arange(400) < 20, 50.0, 1.0))[0]

    assert (same.low, same.high) == pytest.approx((plain.low, plain.high))
    assert unequal.high - unequal.low > 2 * (plain.high - plain.low)


def test_residual_bins_are_predicted_minus_true() -> None:
    """A model that says two too much has residuals of two, with bounds around them."""
    random = np.random.default_rng(7)
    predictions = random.normal(size=3_000)
    truth = predictions - 2 + random.normal(size=3_000)

    found = curves.residual_bins(truth, predictions, 0.99)

    assert len(found) == 10
    assert all(item.low < 2 < item.high for item in found)


def test_few_rows_have_no_residual_bins() -> None:
    """Below 30 rows a mean has no interval."""
    with pytest.raises(NotMeasurable, match="at least 30"):
        curves.residual_bins(np.zeros(29), np.ones(29), 0.9)


def test_the_grid_counts_every_row() -> None:
    """Values outside of the span count at its edge."""
    counts, edges = curves.joint_counts([0.0, 1.0, 99.0], [0.0, 1.0, 0.5], (0.0, 1.0), bins=2)

    assert counts.sum() == 3
    assert counts[1, 1] == 2
    assert list(edges) == [0.0, 0.5, 1.0]


def test_confusion_counts_true_against_predicted() -> None:
    """The predicted class is the one of the largest score."""
    scores = [[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]]

    found = curves.confusion([0, 1, 2], scores, 3)

    assert found.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([], []), ([1, 1], [0.1, 0.2]), ([0, 0], [0.1, 0.2]), ([0, 1], [0.1, np.nan]), ([0, 2], [0.1, 0.2])],
    ids=["empty", "positives", "negatives", "nan", "label"],
)
def test_what_has_no_curve_is_not_measurable(labels: list[float], scores: list[float]) -> None:
    """No rows, one class, NaN, or a label that is neither 0 nor 1."""
    labels_, scores_ = np.array(labels, dtype=float), np.array(scores, dtype=float)
    for trace in (curves.roc_curve, curves.precision_recall_curve):
        with pytest.raises(NotMeasurable):
            trace(labels_, scores_)
    with pytest.raises(NotMeasurable):
        curves.calibration_bins(labels_, scores_, 0.9)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([3], [[0.5, 0.5]]), ([0.5], [[0.5, 0.5]]), ([np.nan], [[0.5, 0.5]]), ([0], [[np.nan, 0.5]])],
)
def test_a_label_that_is_no_class_has_no_confusion(labels: list[float], scores: list[list[float]]) -> None:
    """Nor has a score that is not a number."""
    with pytest.raises(NotMeasurable):
        curves.confusion(labels, scores, 2)


def test_weights_of_nothing_are_not_measurable() -> None:
    """A class that weighs nothing is not there."""
    labels, weights = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    for trace in (curves.roc_curve, curves.precision_recall_curve):
        with pytest.raises(NotMeasurable):
            trace(labels, np.array([0.1, 0.2]), weights)
