"""Estimates for several classes keep their interval on calibrated models, and say when they must not be believed."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics import class_calibrator as cal
from airflow_provider_mlops.statistics import class_cbpe
from airflow_provider_mlops.statistics.class_cbpe import (
    ClassCalibration,
    check_held_out,
    class_design_effect,
    class_test,
)
from airflow_provider_mlops.statistics.class_expectations import CLASS_EXPECTATIONS
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.metrics import METRICS

LEVEL, REPEATS = 0.9, 120
NAMES = tuple(CLASS_EXPECTATIONS)
# With 120 repeats, what a share of 0.9 gives in all but one of 10,000 cases.
LEAST, MOST = (stats.binom.ppf(q, REPEATS, LEVEL) / REPEATS for q in (1e-4, 1 - 1e-4))


def labels_of(random: Any, p: Any) -> Any:
    """Draw the class of each row."""
    return (random.random((len(p), 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1).astype(float)


def drawn(random: Any, rows: int, stretch: float = 1.0, concept: float = 0.0, classes: int = 3) -> tuple[Any, Any]:
    """Draw labels and scores: calibrated for stretch 1, the labels further from them by the concept."""
    logits = random.normal(0, 1.4, (rows, classes)) + np.linspace(0.4, -0.4, classes)
    return labels_of(random, special.softmax((1 - concept) * logits, axis=1)), special.softmax(stretch * logits, axis=1)


def coverage(stretch: float = 1.0, concept: float = 0.0, repeats: int = REPEATS) -> dict[str, float]:
    """Count how often the value that labels show is within the interval that was estimated without them."""
    random = np.random.default_rng(11)
    inside = dict.fromkeys(NAMES, 0)
    for _ in range(repeats):
        held_out = ClassCalibration.of(*drawn(random, 2_000, stretch))
        labels, scores = drawn(random, 1_000, stretch, concept)
        for name in NAMES:
            found = held_out.estimate(scores, name, LEVEL)
            value = METRICS[name].point(labels, scores, Options(level=LEVEL))
            inside[name] += found.low <= value <= found.high
    return {name: hits / repeats for name, hits in inside.items()}


def test_calibrated_models_keep_their_interval() -> None:
    """Every metric's realised value is within its interval at the nominal rate."""
    found = coverage()

    assert {name: share for name, share in found.items() if not LEAST <= share <= MOST} == {}


def test_scores_that_are_too_sure_are_calibrated_first() -> None:
    """One temperature mends a model that is too sure of itself, and its error is in the interval."""
    found = coverage(stretch=1.7, repeats=60)

    assert {name: share for name, share in found.items() if share < stats.binom.ppf(1e-4, 60, LEVEL) / 60} == {}


def test_concept_drift_goes_unnoticed() -> None:
    """What the documentation says: other labels for the same inputs, and the estimate is wrong and sure of itself."""
    found = coverage(concept=0.4, repeats=20)

    assert all(share < 0.3 for share in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_value_and_error_are_those_of_simulated_labels(name: str) -> None:
    """Formulas agree with labels drawn again and again."""
    random = np.random.default_rng(3)
    _, scores = drawn(random, 400)
    held_out = ClassCalibration(cal.ClassCalibrator(cal.NONE, 1_000), (None,) * 3)
    found = held_out.estimate(scores, name, LEVEL)
    options = Options(level=LEVEL)
    values = [METRICS[name].point(labels_of(random, scores), scores, options) for _ in range(1_500)]
    error = float(np.std(values))

    assert found.value == pytest.approx(float(np.mean(values)), abs=5 * error / math.sqrt(1_500) + 2e-3)
    assert (found.high - found.low) / 2 == pytest.approx(stats.norm.ppf(0.95) * error, rel=0.08)


def test_many_rows_are_estimated_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of any size the estimate is the same, and memory holds the probabilities of one block, not of all."""
    random = np.random.default_rng(6)
    labels, scores = drawn(random, 3_000, 2.0)
    _, served = drawn(random, 100_000, 2.0)
    held_out, found = ClassCalibration.of(labels, scores), {}
    for rows in (1_000, 100_000):
        monkeypatch.setattr(class_cbpe, "_BLOCK", rows)
        tracemalloc.start()
        estimates = [held_out.estimate(served, name, LEVEL, spread=2.0) for name in NAMES]
        found[rows] = (estimates, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert held_out.calibrator.method == cal.TEMPERATURE
    for ours, whole in zip(found[1_000][0], found[100_000][0], strict=True):
        assert (ours.value, ours.low, ours.high) == pytest.approx((whole.value, whole.low, whole.high), rel=1e-12)
    assert found[1_000][1] < served.nbytes < found[100_000][1]


def test_two_classes_are_the_binary_estimate() -> None:
    """The same rows, told as two classes, give the accuracy that the binary estimate gives."""
    from airflow_provider_mlops.statistics.cbpe import Calibration, estimate

    random = np.random.default_rng(5)
    labels, scores = drawn(random, 3_000, classes=2)
    _, served = drawn(random, 1_000, classes=2)
    ours = ClassCalibration.of(labels, scores).estimate(served, "multiclass_accuracy", LEVEL)
    theirs = estimate(served[:, 1], Calibration.of(labels, scores[:, 1]), ["accuracy"], LEVEL)["metrics"]["accuracy"]

    assert ours.method == theirs.method == "cbpe_none"
    assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("stretch", "method"), [(1.0, cal.NONE), (2.0, cal.TEMPERATURE)])
def test_the_simplest_map_that_holds_is_chosen(stretch: float, method: str) -> None:
    """Calibrated scores stay, scores that are too sure get a temperature: the inverse of the stretch."""
    labels, scores = drawn(np.random.default_rng(2), 4_000, stretch)
    found = cal.choose_class_calibrator(labels, scores)

    assert found.to_dict()["method"] == method
    assert found.slope == pytest.approx(1 / stretch, abs=0.05)


def test_the_temperature_is_that_of_a_logistic_regression() -> None:
    """The maximum of the likelihood: the expected classes are those that were seen, and separated rows stay finite."""
    labels, scores = drawn(np.random.default_rng(8), 800, stretch=2.0)
    found = cal.fit_temperature(labels.astype(int), scores)
    p = found.probabilities(scores)
    sure = np.repeat(np.eye(3) * 0.98 + 0.006666, 40, axis=0)
    apart = cal.fit_temperature(np.repeat([0, 1, 2], 40), sure / sure.sum(axis=1, keepdims=True))

    assert p.sum(axis=0) == pytest.approx(np.bincount(labels.astype(int)), abs=0.5)
    assert (np.log(scores) * p).sum() == pytest.approx(
        np.log(scores)[np.arange(800), labels.astype(int)].sum(), rel=2e-3
    )
    assert math.isfinite(apart.slope)
    assert apart.probabilities(np.eye(3)).min() > 0


def test_the_test_of_the_probabilities_keeps_its_level() -> None:
    """Calibrated rows are rejected at the nominal rate at most; other labels and other shares of classes are found."""
    random, alpha = np.random.default_rng(7), 0.05
    held = [class_test(*drawn(random, 600)).p_value < alpha for _ in range(300)]
    concept = [class_test(*drawn(random, 600, concept=0.4)).p_value < alpha for _ in range(20)]
    share = []
    for _ in range(20):
        _, p = drawn(random, 600)
        moved = p * [1.6, 1.0, 1.0]
        share.append(class_test(labels_of(random, moved / moved.sum(axis=1, keepdims=True)), p).p_value < alpha)

    assert sum(held) <= stats.binom.ppf(1 - 1e-4, 300, alpha)
    assert sum(concept) >= 18
    assert sum(share) >= 18


def test_days_that_move_together_are_no_proof() -> None:
    """Where the classes of a day go together, the test takes the variance of days, and the interval is wider."""
    random = np.random.default_rng(9)
    day = np.repeat(np.arange(40), 50)
    logits = random.normal(0, 1, (2_000, 3))
    labels = labels_of(random, special.softmax(logits + random.normal(0, 1, (40, 3))[day], axis=1))
    p = special.softmax(logits, axis=1)
    alone = class_test(labels, p)

    assert class_test(labels, p, day).p_value > alone.p_value
    assert class_design_effect(labels, p, p, day) > 3
    assert class_design_effect(labels, p, p, np.arange(2_000)) == pytest.approx(1.0)
    assert class_design_effect(labels, p, p, None) == 1.0


def test_scores_that_no_temperature_mends_are_found() -> None:
    """A model that is right as often whether it is sure or not."""
    random = np.random.default_rng(4)
    _, scores = drawn(random, 3_000)
    labels = np.where(random.random(3_000) < 0.6, scores.argmax(axis=1), random.integers(0, 3, 3_000)).astype(float)
    bent = cal.choose_class_calibrator(labels, scores)
    honest = drawn(random, 3_000)

    assert check_held_out(labels, scores, bent).p_value < 1e-3
    assert check_held_out(*honest, cal.choose_class_calibrator(*honest)).p_value > 1e-3


def test_scores_unlike_those_that_were_held_out_are_counted() -> None:
    """The probability of the predicted class is near to one of the same class, or the row is outside."""
    random = np.random.default_rng(6)
    labels, scores = drawn(random, 2_000)
    held_out = ClassCalibration.of(labels, scores)
    timid = scores.max(axis=1) < 0.7
    known = ClassCalibration.of(labels[timid], scores[timid])
    never = ClassCalibration(held_out.calibrator, (*held_out.supports[:2], None))

    assert held_out.outside(drawn(random, 1_000)[1]) < 0.01
    assert known.outside(scores[~timid]) > 0.9
    assert never.outside(scores) == pytest.approx((scores.argmax(axis=1) == 2).mean(), abs=0.01)


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (np.full((10, 3), 1 / 3), "There are 10 scores"),
        (np.full((50, 3), 0.5), "do not add up to 1"),
        (np.full((50, 3), np.nan), "NaN or infinite"),
        (np.tile([1.5, -0.5, 0.0], (50, 1)), "outside of 0 to 1"),
    ],
)
def test_bad_scores_are_not_estimated(scores: Any, reason: str) -> None:
    """Too few scores, and scores that are no probabilities."""
    held_out = ClassCalibration.of(*drawn(np.random.default_rng(1), 1_000))

    with pytest.raises(NotMeasurable, match=reason):
        held_out.estimate(scores, "multiclass_accuracy", LEVEL)


def test_what_cannot_carry_an_estimate_says_so() -> None:
    """A class of few held-out rows, a class that is hardly expected, an unknown metric, another number of classes."""
    labels, scores = drawn(np.random.default_rng(1), 1_000)
    held_out = ClassCalibration.of(labels, scores)
    few = (labels != 2) | (np.cumsum(labels == 2) <= 5)

    with pytest.raises(NotMeasurable, match="There are 5 rows of class 2"):
        ClassCalibration.of(labels[few], scores[few])
    with pytest.raises(NotMeasurable, match="rows of class 2 are expected"):
        held_out.estimate(np.tile([0.6, 0.39, 0.01], (100, 1)), "macro_recall", LEVEL)
    with pytest.raises(BadInput, match="'roc_auc' cannot be estimated"):
        held_out.estimate(scores, "roc_auc", LEVEL)
    with pytest.raises(BadInput, match="There are 2 scores a row"):
        held_out.estimate(scores[:, :2], "macro_f1", LEVEL)
