"""Params, and rows on which a metric is not defined: an error or NotMeasurable, never a number that means nothing."""

from dataclasses import replace

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.metrics import METRICS, Options

RANDOM = np.random.default_rng(31)
LABELS = (RANDOM.random(600) < 0.4).astype(float)
SCORES = np.clip(0.3 * LABELS + 0.7 * RANDOM.random(600), 0, 1)
OPTIONS = Options(level=0.9, seed=2, draws=500)


@pytest.mark.parametrize(
    ("metric", "params", "says"),
    [
        ("roc_auc", {"precision": 0.9}, "no param 'precision'; it takes: none"),
        ("expected_cost", {"fp": 2}, "no param 'fp'; it takes: false_positive, false_negative"),
        ("recall_at_precision", {"precision": 0}, "above 0 and at most 1"),
        ("recall_at_precision", {"precision": 1.1}, "above 0 and at most 1"),
        ("pinball", {"quantile": 1}, "above 0 and below 1"),
        ("calibration_error", {"bins": 2.5}, "a whole number from 2 to 100"),
        ("calibration_error", {"bins": 1}, "a whole number from 2 to 100"),
        ("expected_cost", {"false_positive": float("nan")}, "must be a finite number"),
        ("expected_cost", {"false_positive": "5"}, "must be a finite number"),
        ("expected_cost", {"false_positive": True}, "must be a finite number"),
        ("expected_cost", {"false_positive": 0, "false_negative": 0}, "costs of expected_cost are all the same"),
    ],
)
def test_a_param_that_makes_no_sense_is_refused(metric: str, params: dict[str, float], says: str) -> None:
    """The error names the metric, the param and what it may be."""
    with pytest.raises(BadInput, match=says):
        METRICS[metric].check_params(params)
    with pytest.raises(BadInput, match=says):
        METRICS[metric].measure(np.zeros(50), np.zeros(50), replace(OPTIONS, params=params))


def test_expected_cost_is_the_mean_of_the_cost_matrix() -> None:
    """Right decisions may cost or gain too."""
    params = {"false_positive": 1, "false_negative": 5, "true_positive": -2, "true_negative": 0.1}
    matrix = np.array([[0.1, 1], [5, -2]])
    expected = matrix[LABELS.astype(int), (SCORES >= 0.5).astype(int)].mean()

    assert METRICS["expected_cost"].point(LABELS, SCORES, replace(OPTIONS, params=params)) == pytest.approx(expected)


def test_equal_models_leave_room_in_the_unit_of_the_costs() -> None:
    """A hundred times the costs, a hundred times the room."""
    cheap, dear = (
        METRICS["expected_cost"].compare(
            LABELS, SCORES, SCORES, replace(OPTIONS, params={"false_positive": cost, "false_negative": cost})
        )
        for cost in (1, 100)
    )

    assert (dear.low, dear.high) == pytest.approx((100 * cheap.low, 100 * cheap.high))


def test_pinball_of_a_high_quantile_punishes_predictions_that_are_too_low() -> None:
    """At 0.9 being 1 too low costs nine times as much as being 1 too high."""
    truth, options = np.arange(100.0), replace(OPTIONS, params={"quantile": 0.9})

    assert METRICS["pinball"].point(truth, truth - 1, options) == pytest.approx(0.9)
    assert METRICS["pinball"].point(truth, truth + 1, options) == pytest.approx(0.1)


@pytest.mark.parametrize("weights", [None, np.ones(600)])
def test_precision_without_predicted_positives_is_not_measurable(weights: np.ndarray | None) -> None:
    """Nothing divided by nothing is not 0."""
    high = replace(OPTIONS, threshold=2.0, weights=weights)
    for ask in (METRICS["precision"].point, METRICS["precision"].measure):
        with pytest.raises(NotMeasurable, match=r"no row has a score of 2.0 or more"):
            ask(LABELS, SCORES, high)
    with pytest.raises(NotMeasurable, match=r"no row has a score of 2.0 or more"):
        METRICS["precision"].compare(LABELS, SCORES, SCORES, high)


def test_difference_of_precisions_needs_predicted_positives() -> None:
    """With fewer than 20 some resample would have none."""
    few = np.where(np.arange(600) < 19, 1.0, 0.0)
    with pytest.raises(NotMeasurable, match="A model predicts 19 of 600 rows positive"):
        METRICS["precision"].compare(LABELS, SCORES, few, OPTIONS)


def test_a_precision_that_no_threshold_keeps_is_not_measurable() -> None:
    """Scores that rank the wrong way round have no recall at a precision of 0.9."""
    options = replace(OPTIONS, params={"precision": 0.9})
    for ask in (METRICS["recall_at_precision"].point, METRICS["recall_at_precision"].measure):
        with pytest.raises(NotMeasurable, match=r"no threshold keeps a precision of 0.9"):
            ask(LABELS, 1 - LABELS, options)
    with pytest.raises(NotMeasurable, match="no threshold keeps"):
        METRICS["recall_at_precision"].compare(LABELS, SCORES, 1 - LABELS, options)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9])
@pytest.mark.parametrize("weights", [None, RANDOM.random(600)])
def test_r2_of_a_constant_target_is_not_measurable(constant: float, weights: np.ndarray | None) -> None:
    """Where nothing varies nothing is explained, whatever rounding leaves of the variance."""
    with pytest.raises(NotMeasurable, match="all labels are the same"):
        METRICS["r2"].measure(np.full(600, constant), SCORES, replace(OPTIONS, weights=weights))


def test_r2_of_labels_that_only_vary_without_weight_is_not_measurable() -> None:
    """Rows of weight zero do not count."""
    truth = np.where(np.arange(600) < 300, 7.1, np.arange(600.0))
    with pytest.raises(NotMeasurable, match="all labels are the same"):
        METRICS["r2"].point(truth, SCORES, replace(OPTIONS, weights=(np.arange(600) < 300) * 0.3))


@pytest.mark.parametrize("name", ["rmse", "mae", "pinball"])
def test_regression_without_any_error_is_no_certainty(name: str, random: np.random.Generator) -> None:
    """Predictions that are all right leave room; a constant that is predicted right shows nothing at all."""
    truth = random.normal(size=600)
    assert METRICS[name].measure(truth, truth, OPTIONS).high > 0
    with pytest.raises(NotMeasurable, match="all labels are the same"):
        METRICS[name].measure(np.ones(600), np.ones(600), OPTIONS)


@pytest.mark.parametrize("name", ["brier", "log_loss", "calibration_error", "expected_cost", "rmse", "mae", "r2"])
def test_few_rows_have_no_interval(name: str) -> None:
    """Below 30 rows that count there is a value, but nothing to judge by."""
    weights = (np.arange(600) < 29).astype(float)
    for labels, scores, options in (
        (LABELS[:29], SCORES[:29], OPTIONS),
        (LABELS, SCORES, replace(OPTIONS, weights=weights)),
    ):
        assert np.isfinite(METRICS[name].point(labels, scores, options))
        with pytest.raises(NotMeasurable, match="29 rows"):
            METRICS[name].measure(labels, scores, options)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.task == "multiclass"])
def test_classes_that_cannot_be_measured(name: str, random: np.random.Generator) -> None:
    """One class only, a class without rows for a mean over classes, models of other classes."""
    labels, scores = np.arange(600.0) % 2, random.dirichlet(np.ones(3), 600)
    with pytest.raises(NotMeasurable, match="All 600 rows are of one class"):
        METRICS[name].measure(np.zeros(600), scores, OPTIONS)
    with pytest.raises(BadInput, match="different numbers of classes"):
        METRICS[name].compare(labels, scores, scores[:, :2], OPTIONS)
    if METRICS[name].least:
        with pytest.raises(NotMeasurable, match="0 rows of class 2"):
            METRICS[name].measure(labels, scores, OPTIONS)


def test_probabilities_of_classes_must_be_probabilities(random: np.random.Generator) -> None:
    """Rows that do not add up to 1, or fall outside of 0 to 1, have no log loss."""
    labels, scores = np.arange(600.0) % 3, random.dirichlet(np.ones(3), 600)
    with pytest.raises(NotMeasurable, match="of 1 of 600 rows do not add up to 1"):
        METRICS["multiclass_log_loss"].measure(labels, np.vstack([scores[1:], [[0.1, 0.1, 0.1]]]), OPTIONS)
    with pytest.raises(NotMeasurable, match="1 of 600 scores are outside of 0 to 1"):
        METRICS["multiclass_log_loss"].measure(labels, np.vstack([scores[1:], [[1.5, -0.5, 0]]]), OPTIONS)
    single = scores.astype(np.float32)
    assert np.isfinite(METRICS["multiclass_log_loss"].point(labels, single, OPTIONS))


def test_many_classes_are_averaged_as_few_are(random: np.random.Generator) -> None:
    """Beyond 16 classes sums are made another way, with the same result."""
    labels = np.arange(600) % 20
    scores = random.random((600, 20)) + np.eye(20)[labels] * 0.3
    predicted = scores.argmax(axis=1)
    expected = np.mean(
        [
            2 * np.sum((predicted == k) & (labels == k)) / (np.sum(predicted == k) + np.sum(labels == k))
            for k in range(20)
        ]
    )

    assert METRICS["macro_f1"].point(labels, scores, OPTIONS) == pytest.approx(expected, abs=1e-12)


def test_lower_bound_of_the_calibration_error_allows_for_noise() -> None:
    """A perfectly calibrated model shows an error, but its lower bound is near 0 and a maximum is not failed."""
    random = np.random.default_rng(9)
    lows = []
    for seed in range(60):
        truth = random.random(300)
        labels = (random.random(300) < truth).astype(float)
        found = METRICS["calibration_error"].measure(labels, truth, replace(OPTIONS, seed=seed, draws=300))
        assert found.value > 0.01
        lows.append(found.low)

    assert np.mean(np.array(lows) > 0.01) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)
