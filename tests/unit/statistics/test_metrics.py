"""Every metric of the registry: its value against scikit-learn, its interval, and hostile rows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as oracle

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.metrics import METRICS, Options, metric_named

RANDOM = np.random.default_rng(11)
ROWS = 800
LABELS = (RANDOM.random(ROWS) < 0.3).astype(float)
SIGNAL = RANDOM.normal(size=ROWS) + 1.2 * LABELS - 1
SCORES, OTHERS = (np.round(1 / (1 + np.exp(-SIGNAL - 0.4 * RANDOM.normal(size=ROWS))), 2) for _ in range(2))
OPTIONS = Options(level=0.9, seed=5)

BINARY = [name for name, metric in METRICS.items() if metric.task == "binary"]
ALL = sorted(METRICS)


def _classes(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = random.integers(0, 3, ROWS)
    shared = random.normal(size=(ROWS, 3)) + 1.5 * np.eye(3)[labels]
    first, second = (np.exp(shared + 0.3 * random.normal(size=(ROWS, 3))) for _ in range(2))
    return labels.astype(float), first / first.sum(axis=1)[:, None], second / second.sum(axis=1)[:, None]


def _numbers(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = random.gamma(2, 3, ROWS)
    shared = labels + random.normal(size=ROWS)
    return labels, shared + 0.3 * random.normal(size=ROWS), shared + 0.3 * random.normal(size=ROWS)


DATA = {"binary": (LABELS, SCORES, OTHERS), "multiclass": _classes(RANDOM), "regression": _numbers(RANDOM)}
WEIGHTS = RANDOM.integers(0, 4, ROWS) * 0.75


def _data(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return DATA[METRICS[name].task]


def _calibration_error(y: np.ndarray, s: np.ndarray, w: np.ndarray | None) -> float:
    weights = np.ones(len(y)) if w is None else w
    bins = [np.floor(np.minimum(s * 10, 9)) == place for place in range(10)]
    return sum(abs(np.sum(weights[rows] * (s[rows] - y[rows]))) for rows in bins) / weights.sum()


def _recall_at_precision(y: np.ndarray, s: np.ndarray, w: np.ndarray | None) -> float:
    precision, recall, _ = oracle.precision_recall_curve(y, s, sample_weight=w)
    return float(recall[precision >= 0.9].max())


# Each takes labels, scores and weights or None.
ORACLES = {
    "roc_auc": lambda y, s, w: oracle.roc_auc_score(y, s, sample_weight=w),
    "brier": lambda y, s, w: oracle.brier_score_loss(y, s, sample_weight=w),
    "log_loss": lambda y, s, w: oracle.log_loss(y, np.clip(s, 1e-15, 1 - 1e-15), sample_weight=w),
    "accuracy": lambda y, s, w: oracle.accuracy_score(y, s >= 0.5, sample_weight=w),
    "average_precision": lambda y, s, w: oracle.average_precision_score(y, s, sample_weight=w),
    "f1": lambda y, s, w: oracle.f1_score(y, s >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, s, w: oracle.balanced_accuracy_score(y, s >= 0.5, sample_weight=w),
    "precision": lambda y, s, w: oracle.precision_score(y, s >= 0.5, sample_weight=w),
    "recall": lambda y, s, w: oracle.recall_score(y, s >= 0.5, sample_weight=w),
    "recall_at_precision": _recall_at_precision,
    "calibration_error": _calibration_error,
    "expected_cost": lambda y, s, w: oracle.zero_one_loss(y, s >= 0.5, sample_weight=w),
    "multiclass_accuracy": lambda y, s, w: oracle.accuracy_score(y, s.argmax(axis=1), sample_weight=w),
    "macro_f1": lambda y, s, w: oracle.f1_score(y, s.argmax(axis=1), average="macro", sample_weight=w),
    "macro_recall": lambda y, s, w: oracle.recall_score(y, s.argmax(axis=1), average="macro", sample_weight=w),
    "multiclass_log_loss": lambda y, s, w: oracle.log_loss(y, s, sample_weight=w),
    "rmse": lambda y, s, w: oracle.root_mean_squared_error(y, s, sample_weight=w),
    "mae": lambda y, s, w: oracle.mean_absolute_error(y, s, sample_weight=w),
    "r2": lambda y, s, w: oracle.r2_score(y, s, sample_weight=w),
    "pinball": lambda y, s, w: oracle.mean_pinball_loss(y, s, alpha=0.5, sample_weight=w),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_value_equals_scikit_learn(name: str, weights: np.ndarray | None) -> None:
    """The value is scikit-learn's, ties in the scores and rows of weight zero included."""
    labels, scores, _ = _data(name)
    ours = METRICS[name].point(labels, scores, replace(OPTIONS, weights=weights))

    assert ours == pytest.approx(ORACLES[name](labels, scores, weights), abs=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_values_are_those_of_every_set_of_weights(name: str) -> None:
    """Many sets of weights at once give what each gives alone, and a weight of 2 is the row standing there twice."""
    labels, scores, _ = _data(name)
    counts = np.random.default_rng(3).integers(0, 3, (4, ROWS)).astype(float)
    ours = METRICS[name].values(labels, scores, counts, OPTIONS)
    alone = [METRICS[name].values(labels, scores, row[None, :], OPTIONS)[0] for row in counts]
    repeated = [
        METRICS[name].point(np.repeat(labels, times), np.repeat(scores, times, axis=0), OPTIONS)
        for times in counts.astype(int)
    ]

    assert ours == pytest.approx(alone, abs=1e-12)
    assert ours == pytest.approx(repeated, abs=1e-10)


CLUSTERS = np.arange(ROWS) // 8
WAYS = {
    "plain": OPTIONS,
    "weighted": replace(OPTIONS, weights=WEIGHTS),
    "clustered": replace(OPTIONS, clusters=CLUSTERS, draws=500),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("way", WAYS)
def test_interval_surrounds_the_value(name: str, way: str) -> None:
    """The interval holds the value and has a width, whether rows are independent, weighted or clustered."""
    labels, scores, _ = _data(name)
    measured = METRICS[name].measure(labels, scores, WAYS[way])

    assert measured.low < measured.value < measured.high
    assert measured.value == pytest.approx(METRICS[name].point(labels, scores, WAYS[way]))
    assert measured.n == ROWS


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("way", WAYS)
def test_difference_is_candidate_minus_champion(name: str, way: str) -> None:
    """The difference is that of the values, and swapping the models turns its sign."""
    metric, options = METRICS[name], WAYS[way]
    labels, first, second = _data(name)
    ours, swapped = metric.compare(labels, first, second, options), metric.compare(labels, second, first, options)
    expected = metric.point(labels, first, options) - metric.point(labels, second, options)

    assert ours.value == pytest.approx(expected, abs=1e-12)
    assert swapped.value == pytest.approx(-ours.value, abs=1e-12)
    assert ours.low < ours.value < ours.high
    assert ("bootstrap" in ours.method) is metric.draws_for(options)


@pytest.mark.parametrize("name", ALL)
def test_pairing_pays(name: str) -> None:
    """Two models that agree on most rows have a difference far surer than either value."""
    metric = METRICS[name]
    labels, first, second = _data(name)
    # At 0.9 these rows have a recall of a few percent, which is all noise.
    options = replace(OPTIONS, params={"precision": 0.6}) if name == "recall_at_precision" else OPTIONS
    ours, alone = metric.compare(labels, first, second, options), metric.measure(labels, first, options)

    assert ours.high - ours.low < alone.high - alone.low


@pytest.mark.parametrize("name", ALL)
def test_same_input_gives_the_same_bounds(name: str) -> None:
    """A retry sees the same numbers to the last bit."""
    metric = METRICS[name]
    labels, first, second = _data(name)

    assert metric.measure(labels, first, OPTIONS) == metric.measure(labels, first, OPTIONS)
    assert metric.compare(labels, first, second, OPTIONS) == metric.compare(labels, first, second, OPTIONS)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("way", WAYS)
def test_equal_models_differ_by_nothing_but_not_for_sure(name: str, way: str) -> None:
    """A model against itself has the difference 0 with an interval that is not empty."""
    labels, scores, _ = _data(name)
    difference = METRICS[name].compare(labels, scores, scores, WAYS[way])

    assert difference.value == 0
    assert difference.low < 0 < difference.high


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_not_measurable(name: str, bad: float) -> None:
    """One NaN among the scores, and nothing is measured."""
    labels, scores, _ = _data(name)
    scores = scores.copy()
    scores[3] = bad
    with pytest.raises(NotMeasurable, match="1 of 800 scores"):
        METRICS[name].measure(labels, scores, OPTIONS)
    with pytest.raises(NotMeasurable, match="1 of 800 scores"):
        METRICS[name].compare(labels, scores, scores, OPTIONS)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, 3.0, -1.0, 0.5])
def test_labels_that_cannot_be_are_not_measurable(name: str, bad: float) -> None:
    """A label that is no class, or no number, makes the rows not measurable."""
    labels, scores, _ = _data(name)
    if METRICS[name].task == "regression" and np.isfinite(bad):
        bad = np.nan
    labels = labels.copy()
    labels[0] = bad
    with pytest.raises(NotMeasurable, match="1 of 800 labels"):
        METRICS[name].measure(labels, scores, OPTIONS)


@pytest.mark.parametrize("name", ALL)
def test_no_rows_are_not_measurable(name: str) -> None:
    """Nothing can be said from nothing."""
    labels, scores, _ = _data(name)
    with pytest.raises(NotMeasurable, match="no rows"):
        METRICS[name].measure(labels[:0], scores[:0], OPTIONS)


@pytest.mark.parametrize("name", BINARY)
def test_one_class_only_is_not_measurable(name: str) -> None:
    """Nothing can be said about a class that is not there, or has no weight."""
    with pytest.raises(NotMeasurable, match="0 negative rows"):
        METRICS[name].measure(np.ones(ROWS), SCORES, OPTIONS)
    with pytest.raises(NotMeasurable, match="0 positive rows"):
        METRICS[name].compare(np.zeros(ROWS), SCORES, OTHERS, OPTIONS)
    with pytest.raises(NotMeasurable, match="0 positive rows"):
        METRICS[name].measure(LABELS, SCORES, replace(OPTIONS, weights=1 - LABELS))


@pytest.mark.parametrize("name", ALL)
def test_rows_that_do_not_pair_up_are_refused(name: str) -> None:
    """A length mismatch is a broken input, not a measurement."""
    labels, scores, _ = _data(name)
    with pytest.raises(BadInput, match="do not pair up"):
        METRICS[name].compare(labels, scores, scores[:-1], OPTIONS)
    with pytest.raises(BadInput, match=r"do not pair up.*weights 799"):
        METRICS[name].measure(labels, scores, replace(OPTIONS, weights=WEIGHTS[1:]))
    with pytest.raises(BadInput, match=r"do not pair up.*clusters 799"):
        METRICS[name].measure(labels, scores, replace(OPTIONS, clusters=CLUSTERS[1:]))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_weights_must_be_weights(name: str, bad: float) -> None:
    """A weight is finite and not negative."""
    labels, scores, _ = _data(name)
    weights = np.ones(ROWS)
    weights[5] = bad
    with pytest.raises(BadInput, match="weights must be finite and not negative"):
        METRICS[name].point(labels, scores, replace(OPTIONS, weights=weights))


@pytest.mark.parametrize("name", ALL)
def test_weights_of_zero_are_not_measurable(name: str) -> None:
    """Rows that all count nothing say nothing."""
    labels, scores, _ = _data(name)
    with pytest.raises(NotMeasurable, match="weights of all 800 rows are zero"):
        METRICS[name].measure(labels, scores, replace(OPTIONS, weights=np.zeros(ROWS)))


@pytest.mark.parametrize("name", ["brier", "log_loss", "calibration_error"])
def test_some_metrics_want_probabilities(name: str) -> None:
    """A score of 1.2 has no Brier score."""
    with pytest.raises(NotMeasurable, match="no probabilities"):
        METRICS[name].measure(LABELS, SCORES + 0.5, OPTIONS)


@pytest.mark.parametrize("name", ALL)
def test_text_is_no_score(name: str) -> None:
    """Scores of another type are refused by name."""
    labels, scores, _ = _data(name)
    with pytest.raises(BadInput, match=r"scores must be (a matrix of )?numbers"):
        METRICS[name].measure(labels, scores.astype(str), OPTIONS)


def test_an_unknown_metric_names_the_known() -> None:
    """A typing error shows what there is."""
    with pytest.raises(BadInput, match=r"roc_auk.*roc_auc"):
        metric_named("roc_auk")


def test_a_direction_must_be_the_metrics_own() -> None:
    """Built-in metrics know their direction; saying it right does no harm."""
    assert metric_named("brier", higher_is_better=False) is METRICS["brier"]
    with pytest.raises(BadInput, match="For brier lower is better"):
        metric_named("brier", higher_is_better=True)


@pytest.mark.parametrize("name", [name for name in ALL if METRICS[name].thresholded])
def test_threshold_moves_metrics_of_decisions(name: str) -> None:
    """Metrics of decisions use the threshold that they are given, at or above."""
    high = replace(OPTIONS, threshold=0.6)
    decisions = np.where(SCORES >= 0.6, 0.9, 0.1)

    assert METRICS[name].point(LABELS, SCORES, high) == METRICS[name].point(LABELS, decisions, OPTIONS)
    assert METRICS[name].point(LABELS, SCORES, high) != METRICS[name].point(LABELS, SCORES, OPTIONS)


def test_seeds_belong_to_intervals_that_draw() -> None:
    """A closed form has no seed; the same metric on clusters has."""
    assert not METRICS["accuracy"].draws_for(OPTIONS)
    assert METRICS["accuracy"].draws_for(WAYS["clustered"])
    assert METRICS["f1"].draws_for(OPTIONS)
