"""Label-free estimates keep their interval on calibrated models, and fail, as documented, when the concept moves."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics import calibrator as cal
from airflow_provider_mlops.statistics.cbpe import Calibration, design_effect, estimate
from airflow_provider_mlops.statistics.expected_metrics import EXPECTATIONS, cells
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.metrics import METRICS
from airflow_provider_mlops.statistics.support import MAX_OUTSIDE, Support

LEVEL, THRESHOLD, REPEATS = 0.9, 0.4, 120
NAMES = tuple(EXPECTATIONS)
# With 120 repeats, what a share of 0.9 gives in all but one of 10,000 cases.
LEAST, MOST = (stats.binom.ppf(q, REPEATS, LEVEL) / REPEATS for q in (1e-4, 1 - 1e-4))


def drawn(random: Any, rows: int, stretch: float = 1.0, concept: float = 0.0) -> tuple[Any, Any]:
    """Draw labels and scores: calibrated for stretch 1, the labels moved by the concept on the logit scale."""
    logit = random.normal(-1.0, 1.2, rows)
    labels = random.random(rows) < special.expit(logit + concept)
    return labels.astype(float), special.expit(stretch * logit)


def coverage(stretch: float = 1.0, concept: float = 0.0, repeats: int = REPEATS) -> dict[str, float]:
    """Count how often the value that labels show is within the interval that was estimated without them."""
    random = np.random.default_rng(11)
    inside = dict.fromkeys(NAMES, 0)
    for seed in range(repeats):
        held_out = Calibration.of(*drawn(random, 3_000, stretch), seed=seed)
        labels, scores = drawn(random, 1_000, stretch, concept)
        found = estimate(scores, held_out, NAMES, LEVEL, threshold=THRESHOLD)["metrics"]
        for name in NAMES:
            value = METRICS[name].point(labels, scores, Options(level=LEVEL, threshold=THRESHOLD))
            inside[name] += found[name].low <= value <= found[name].high
    return {name: hits / repeats for name, hits in inside.items()}


def test_calibrated_models_keep_their_interval() -> None:
    """Every metric's realised value is within its interval at the nominal rate."""
    found = coverage()

    assert {name: share for name, share in found.items() if not LEAST <= share <= MOST} == {}


def test_scores_that_are_no_probabilities_are_calibrated_first() -> None:
    """A model that is too sure of itself is estimated as well, once its scores are calibrated."""
    found = coverage(stretch=1.7, repeats=40)

    assert {name: share for name, share in found.items() if share < stats.binom.ppf(1e-4, 40, LEVEL) / 40} == {}


def test_concept_drift_goes_unnoticed() -> None:
    """What the documentation says: other labels for the same inputs, and the estimate is wrong and sure of itself."""
    found = coverage(concept=0.7, repeats=40)

    assert all(found[name] < 0.3 for name in ("accuracy", "precision", "brier", "log_loss"))
    assert found["roc_auc"] >= stats.binom.ppf(1e-4, 40, LEVEL) / 40


def exact(name: str, p: Any, scores: Any) -> tuple[float, float]:
    """Return mean and standard deviation of a metric over all labels that are drawn from the probabilities."""
    random = np.random.default_rng(5)
    options = Options(level=LEVEL, threshold=0.5)
    values = [METRICS[name].point((random.random(len(p)) < p).astype(float), scores, options) for _ in range(2_000)]
    return float(np.mean(values)), float(np.std(values))


@pytest.mark.parametrize("name", NAMES)
def test_value_and_error_are_those_of_simulated_labels(name: str) -> None:
    """Formulas agree with labels drawn again and again, scores with ties among them."""
    random = np.random.default_rng(3)
    scores = np.round(special.expit(random.normal(-0.5, 1.5, 300)), 2).clip(0.01, 0.99)
    held_out = Calibration(cal.Calibrator(cal.NONE, 1_000), (), Support.of(scores))
    found = estimate(scores, held_out, [name], LEVEL)["metrics"][name]
    mean, error = exact(name, scores, scores)

    assert found.value == pytest.approx(mean, abs=5 * error / math.sqrt(2_000) + 2e-3)
    assert (found.high - found.low) / 2 == pytest.approx(stats.norm.ppf(0.95) * error, rel=0.08)


def test_cells_add_up_to_the_rows() -> None:
    """Expected true and false positives and negatives."""
    p = np.array([0.9, 0.6, 0.2, 0.1])

    assert cells(p, p, 0.5) == pytest.approx({"tp": 1.5, "fp": 0.5, "fn": 0.3, "tn": 1.7})


@pytest.mark.parametrize(("stretch", "method"), [(1.0, cal.NONE), (2.0, cal.PLATT)])
def test_the_simplest_map_that_holds_is_chosen(stretch: float, method: str) -> None:
    """Calibrated scores stay, a stretched logit gets Platt's line."""
    labels, scores = drawn(np.random.default_rng(2), 4_000, stretch)

    assert cal.choose_calibrator(labels, scores).to_dict()["method"] == method


def test_bent_scores_get_isotonic_steps() -> None:
    """A map that is no line on the logit scale: steps, and they rise."""
    random = np.random.default_rng(4)
    scores = random.random(5_000)
    p = np.where(scores < 0.5, 0.1, 0.9)
    found = cal.choose_calibrator((random.random(5_000) < p).astype(float), scores)
    said = found.probabilities(np.linspace(0, 1, 101))

    assert found.method == cal.ISOTONIC
    assert (np.diff(said) >= 0).all()
    assert said[10] == pytest.approx(0.1, abs=0.03)
    assert 0 < said.min() < said.max() < 1


def test_scores_beyond_probabilities_get_a_line() -> None:
    """Margins of a support vector machine are calibrated too."""
    random = np.random.default_rng(6)
    margins = random.normal(0, 2, 3_000)
    found = cal.choose_calibrator((random.random(3_000) < special.expit(margins)).astype(float), margins)

    assert found.to_dict()["on"] == "score"
    assert found.line == pytest.approx((0.0, 1.0), abs=0.15)


def test_isotonic_is_that_of_scikit_learn() -> None:
    """Pooled shares of distinct scores agree with scikit-learn's."""
    from sklearn.isotonic import IsotonicRegression

    random = np.random.default_rng(7)
    scores, labels = np.sort(random.random(400)), (random.random(400) < 0.4).astype(float)
    labels[200:] = (random.random(200) < 0.7).astype(float)
    groups = cal.group_scores(labels, scores)
    found = cal.fit_calibrator(groups, cal.ISOTONIC, logit=True)
    theirs = IsotonicRegression().fit(scores, labels).predict(found.knots)

    assert found.values == pytest.approx(theirs, abs=0.2)
    assert np.unique(theirs.round(9)).size == np.unique(found.values.round(9)).size


def test_platt_is_that_of_a_logistic_regression() -> None:
    """The line of separate rows is finite, and that of many rows is the maximum of the likelihood."""
    from sklearn.linear_model import LogisticRegression

    labels, scores = drawn(np.random.default_rng(8), 500, stretch=2.0)
    found = cal.fit_calibrator(cal.group_scores(labels, scores), cal.PLATT, logit=True)
    theirs = LogisticRegression(C=1e6).fit(special.logit(scores)[:, None], labels)
    apart = cal.fit_calibrator(
        cal.group_scores(np.repeat([0.0, 1.0], 40), np.linspace(0, 1, 80)), cal.PLATT, logit=True
    )

    assert found.line == pytest.approx((float(theirs.intercept_[0]), float(theirs.coef_[0, 0])), rel=0.1)
    assert all(map(math.isfinite, apart.line))


def rows_by_day(days: int, sd: float) -> Iterator[Any]:
    """Draw labels that share an effect of their day, their probabilities and the days."""
    random = np.random.default_rng(9)
    day = np.repeat(np.arange(days), 100)
    p = np.full(len(day), 0.3)
    shared = special.expit(special.logit(0.3) + random.normal(0, sd, days))[day]
    yield (random.random(len(day)) < shared).astype(float)
    yield p
    yield day


def test_rows_of_a_day_widen_the_interval() -> None:
    """The variance of rows that share their day is a multiple of that of independent ones."""
    assert design_effect(*rows_by_day(60, 0.0)) < 1.6
    assert design_effect(*rows_by_day(60, 0.8)) > 5
    assert design_effect(*rows_by_day(3, 0.8)) == 1.0


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([0.5] * 10, "There are 10 scores"),
        ([], "There are 0 scores"),
        ([0.5] * 50 + [math.nan], "1 of 51 scores are NaN or infinite"),
        ([0.5] * 50 + [math.inf], "1 of 51 scores are NaN or infinite"),
        ([0.5] * 50 + [1.5], "outside of 0 to 1"),
    ],
)
def test_bad_scores_are_not_estimated(scores: list[float], reason: str) -> None:
    """Too few scores, and scores that are no numbers or no probabilities."""
    held_out = Calibration.of(*drawn(np.random.default_rng(1), 1_000))

    with pytest.raises(NotMeasurable, match=reason):
        estimate(scores, held_out, ["accuracy"], LEVEL)


@pytest.mark.parametrize("labels", [[0.0] * 100, [1.0] * 100, [0.5] * 100])
def test_held_out_rows_of_one_class_carry_no_estimate(labels: list[float]) -> None:
    """Nothing can be calibrated on them."""
    with pytest.raises(NotMeasurable):
        Calibration.of(labels, np.linspace(0, 1, 100))


def test_metrics_that_rest_on_too_few_rows_say_so() -> None:
    """Precision of almost no positives is left out, accuracy is not; unknown metrics are an error."""
    held_out = Calibration.of(*drawn(np.random.default_rng(1), 1_000))
    found = estimate(np.full(100, 0.05), held_out, ["accuracy", "precision", "roc_auc"], LEVEL)

    assert list(found["metrics"]) == ["accuracy"]
    assert set(found["reasons"]) == {"precision", "roc_auc"}
    with pytest.raises(BadInput, match="'r2' cannot be estimated"):
        estimate(np.full(100, 0.05), held_out, ["r2"], LEVEL)


def test_scores_beyond_the_held_out_rows_are_counted() -> None:
    """The share that the estimate has never seen."""
    known = np.concatenate([np.linspace(0.2, 0.4, 50), np.linspace(0.7, 0.8, 50)])
    held_out = Calibration(cal.Calibrator(cal.NONE, 100), (), Support.of(known))

    assert held_out.outside(np.array([0.1, 0.2, 0.8, 0.9])) == 0.5
    assert held_out.outside(np.array([0.55, 0.3])) == 0.5


def test_few_held_out_rows_are_no_false_alarm() -> None:
    """Scores like those that were held out, of which there were hardly enough: a few in a hundred are outside."""
    random = np.random.default_rng(12)
    found = []
    for _ in range(50):
        labels, scores = drawn(random, 250)
        found.append(Calibration.of(labels, scores).outside(drawn(random, 500)[1]))

    assert max(found) < MAX_OUTSIDE
