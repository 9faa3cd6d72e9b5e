"""Every metric of the registry: its value against scikit-learn, its interval, and hostile rows."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.metrics import METRICS, Options, metric_named

RANDOM = np.random.default_rng(11)
LABELS = (RANDOM.random(800) < 0.3).astype(float)
SIGNAL = RANDOM.normal(size=800) + 1.2 * LABELS - 1
SCORES, OTHERS = (np.round(1 / (1 + np.exp(-SIGNAL - 0.4 * RANDOM.normal(size=800))), 2) for _ in range(2))
OPTIONS = Options(level=0.9, seed=5)

ORACLES = {
    "roc_auc": oracle.roc_auc_score,
    "brier": oracle.brier_score_loss,
    "log_loss": lambda y, s: oracle.log_loss(y, np.clip(s, 1e-15, 1 - 1e-15)),
    "accuracy": lambda y, s: oracle.accuracy_score(y, s >= 0.5),
    "average_precision": oracle.average_precision_score,
    "f1": lambda y, s: oracle.f1_score(y, s >= 0.5),
    "balanced_accuracy": lambda y, s: oracle.balanced_accuracy_score(y, s >= 0.5),
}
ALL = sorted(METRICS)


@pytest.mark.parametrize("name", ALL)
def test_value_equals_scikit_learn(name: str) -> None:
    """The value is scikit-learn's, ties in the scores included."""
    assert METRICS[name].point(LABELS, SCORES, OPTIONS) == pytest.approx(ORACLES[name](LABELS, SCORES), abs=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_interval_surrounds_the_value(name: str) -> None:
    """The interval holds the value and has a width."""
    measured = METRICS[name].measure(LABELS, SCORES, OPTIONS)

    assert measured.low < measured.value < measured.high
    assert measured.value == pytest.approx(METRICS[name].point(LABELS, SCORES, OPTIONS))
    assert measured.n == 800


@pytest.mark.parametrize("name", ALL)
def test_difference_is_candidate_minus_champion(name: str) -> None:
    """The difference is that of the values, and swapping the models turns its sign."""
    metric = METRICS[name]
    ours, swapped = metric.compare(LABELS, SCORES, OTHERS, OPTIONS), metric.compare(LABELS, OTHERS, SCORES, OPTIONS)
    expected = metric.point(LABELS, SCORES, OPTIONS) - metric.point(LABELS, OTHERS, OPTIONS)

    assert ours.value == pytest.approx(expected, abs=1e-12)
    assert swapped.value == pytest.approx(-ours.value, abs=1e-12)
    assert ours.low < ours.value < ours.high


@pytest.mark.parametrize("name", ALL)
def test_pairing_pays(name: str) -> None:
    """Two models that agree on most rows have a difference far surer than either value."""
    metric = METRICS[name]
    ours, alone = metric.compare(LABELS, SCORES, OTHERS, OPTIONS), metric.measure(LABELS, SCORES, OPTIONS)

    assert ours.high - ours.low < alone.high - alone.low


@pytest.mark.parametrize("name", ALL)
def test_same_input_gives_the_same_bounds(name: str) -> None:
    """A retry sees the same numbers to the last bit."""
    metric = METRICS[name]

    assert metric.measure(LABELS, SCORES, OPTIONS) == metric.measure(LABELS, SCORES, OPTIONS)
    assert metric.compare(LABELS, SCORES, OTHERS, OPTIONS) == metric.compare(LABELS, SCORES, OTHERS, OPTIONS)


@pytest.mark.parametrize("name", ALL)
def test_equal_models_differ_by_nothing_but_not_for_sure(name: str) -> None:
    """A model against itself has the difference 0 with an interval that is not empty."""
    difference = METRICS[name].compare(LABELS, SCORES, SCORES, OPTIONS)

    assert difference.value == 0
    assert difference.low < 0 < difference.high


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_not_measurable(name: str, bad: float) -> None:
    """One NaN among the scores, and nothing is measured."""
    scores = SCORES.copy()
    scores[3] = bad
    with pytest.raises(NotMeasurable, match="1 of 800 scores"):
        METRICS[name].measure(LABELS, scores, OPTIONS)
    with pytest.raises(NotMeasurable, match="1 of 800 scores"):
        METRICS[name].compare(LABELS, SCORES, scores, OPTIONS)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [np.nan, 2.0, -1.0, 0.5])
def test_labels_must_be_zero_or_one(name: str, bad: float) -> None:
    """A label that is neither makes the rows not measurable."""
    labels = LABELS.copy()
    labels[0] = bad
    with pytest.raises(NotMeasurable, match="labels"):
        METRICS[name].measure(labels, SCORES, OPTIONS)


@pytest.mark.parametrize("name", ALL)
def test_no_rows_and_one_class_only_are_not_measurable(name: str) -> None:
    """Nothing can be said from nothing, nor about a class that is not there."""
    with pytest.raises(NotMeasurable, match="no rows"):
        METRICS[name].measure(np.empty(0), np.empty(0), OPTIONS)
    with pytest.raises(NotMeasurable, match="0 negative rows"):
        METRICS[name].measure(np.ones(800), SCORES, OPTIONS)
    with pytest.raises(NotMeasurable, match="0 positive rows"):
        METRICS[name].compare(np.zeros(800), SCORES, OTHERS, OPTIONS)


@pytest.mark.parametrize("name", ALL)
def test_rows_that_do_not_pair_up_are_refused(name: str) -> None:
    """A length mismatch is a broken input, not a measurement."""
    with pytest.raises(BadInput, match="do not pair up"):
        METRICS[name].compare(LABELS, SCORES, SCORES[:-1], OPTIONS)


@pytest.mark.parametrize("name", ["brier", "log_loss"])
def test_losses_want_probabilities(name: str) -> None:
    """A score of 1.2 has no Brier score."""
    with pytest.raises(NotMeasurable, match="no probabilities"):
        METRICS[name].measure(LABELS, SCORES + 0.5, OPTIONS)


@pytest.mark.parametrize("name", ALL)
def test_text_is_no_score(name: str) -> None:
    """Scores of another type are refused by name."""
    with pytest.raises(BadInput, match="scores must be numbers"):
        METRICS[name].measure(LABELS, SCORES.astype(str), OPTIONS)


def test_an_unknown_metric_names_the_known() -> None:
    """A typing error shows what there is."""
    with pytest.raises(BadInput, match=r"roc_auk.*roc_auc"):
        metric_named("roc_auk")


def test_threshold_moves_accuracy() -> None:
    """Metrics of decisions use the threshold that they are given."""
    high = Options(level=0.9, threshold=0.9)

    assert METRICS["accuracy"].point(LABELS, SCORES, high) == pytest.approx(np.mean((SCORES >= 0.9) == LABELS))
