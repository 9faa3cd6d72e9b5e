"""What the gate promises, by simulation: false promotions at most at alpha, power as designed, intervals that cover."""

import math
from dataclasses import replace

import numpy as np
import pytest

from airflow_provider_mlops.core.gate import decide_non_inferior
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.metrics import METRICS, Options
from airflow_provider_mlops.statistics.sample_size import rows_needed

LEVEL = 0.9
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _binary(random: np.random.Generator, n: int) -> Rows:
    labels = (random.random(n) < 0.25).astype(float)
    shared = 0.8 * random.normal(size=n) + 1.5 * labels
    first, second = (shared + 0.6 * random.normal(size=n) for _ in range(2))
    return labels, _logistic(1.2 * first - 1.2), _logistic(1.2 * second - 1.2)


def _multiclass(random: np.random.Generator, n: int) -> Rows:
    labels = random.choice(3, n, p=[0.5, 0.3, 0.2])
    shared = random.normal(size=(n, 3)) + 1.2 * np.eye(3)[labels]
    first, second = (np.exp(shared + 0.4 * random.normal(size=(n, 3))) for _ in range(2))
    return labels.astype(float), first / first.sum(axis=1)[:, None], second / second.sum(axis=1)[:, None]


def _regression(random: np.random.Generator, n: int) -> Rows:
    labels = random.gamma(2, 3, n)
    shared = labels + random.normal(size=n) * (0.5 + 0.2 * labels)
    return labels, shared + 0.5 * random.normal(size=n), shared + 0.5 * random.normal(size=n)


ROWS = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}
PARAMS = {"recall_at_precision": {"precision": 0.7}, "expected_cost": {"false_positive": 1, "false_negative": 8}}


@pytest.mark.parametrize("name", METRICS)
def test_intervals_cover_at_their_level(name: str) -> None:
    """Each bound of the value, and of the difference of equally good models, misses the truth in about 5 %."""
    metric, runs, n = METRICS[name], 60, 250
    if not metric.seeded:
        runs = 300
    rows, options = ROWS[metric.task], Options(level=LEVEL, draws=300, params=PARAMS.get(name, {}))
    truth = metric.point(*rows(np.random.default_rng(0), 200_000)[:2], options)
    random, missed = np.random.default_rng(1), np.zeros(4)
    for seed in range(runs):
        labels, first, second = rows(random, n)
        value = metric.measure(labels, first, replace(options, seed=seed))
        # Both models come from one law, so that their true difference is 0.
        gap = metric.compare(labels, first, second, replace(options, seed=seed))
        missed += [value.low > truth, value.high < truth, gap.low > 0, gap.high < 0]

    assert np.all(missed / runs <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs))
    assert missed.sum() > 0


def _passed(name: str, rows: Rows, margin: float, seed: int = 0, threshold: float = 0.5) -> bool:
    metric = METRICS[name]
    difference = metric.compare(*rows, Options(level=LEVEL, seed=seed, draws=500, threshold=threshold))
    return decide_non_inferior(difference, margin, higher_is_better=metric.higher_is_better) is Outcome.PASS


def _two_scores(random: np.random.Generator, n: int, gain: float) -> Rows:
    """Draw scores of unit noise, correlated at 0.9, shifted among the positives: the candidate's by less."""
    labels = (random.random(n) < 0.25).astype(float)
    shared, apart = random.normal(size=n) * math.sqrt(0.9), random.normal(size=(2, n)) * math.sqrt(0.1)
    return labels, shared + apart[0] + (1 - gain) * labels, shared + apart[1] + labels


def _area(shift: float) -> float:
    return 0.5 * math.erfc(-shift / 2)


def test_auc_promotes_a_worse_model_at_most_at_alpha() -> None:
    """A candidate whose ROC-AUC is worse by exactly the margin passes in at most 5 %, by DeLong's bound."""
    random, runs = np.random.default_rng(2), 1_000
    margin = _area(1) - _area(0.9)
    passed = sum(_passed("roc_auc", _two_scores(random, 500, 0.1), margin) for _ in range(runs))

    assert passed / runs <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("n", [400, 1_200])
def test_auc_has_the_power_that_its_error_says(n: int) -> None:
    """An equal candidate passes as often as the true standard error of the difference gives."""
    random, runs, margin = np.random.default_rng(3), 600, 0.02
    metric = METRICS["roc_auc"]
    gaps = [metric.compare(*_two_scores(random, n, 0), Options(level=LEVEL)) for _ in range(runs)]
    error = float(np.std([gap.value for gap in gaps]))
    power = 0.5 * math.erfc((1.6449 - margin / error) / math.sqrt(2))
    passed = sum(decide_non_inferior(gap, margin, higher_is_better=True) is Outcome.PASS for gap in gaps)

    assert passed / runs == pytest.approx(power, abs=4 * math.sqrt(0.25 / runs))


def _decisions(random: np.random.Generator, n: int, candidate: float, champion: float) -> Rows:
    """Draw decisions of two models with false positive rates of 5 %, most errors shared; they differ in recall."""
    labels = (random.random(n) < 0.2).astype(float)
    luck, own = random.random(n), random.random((2, n))
    # A tenth of the rows decide on their own luck; the rest on what both models share.
    luck = [np.where(random.random(n) < 0.1, alone, luck) for alone in own]
    rates = [np.where(labels == 1, recall, 0.05) for recall in (candidate, champion)]
    return labels, (luck[0] < rates[0]).astype(float), (luck[1] < rates[1]).astype(float)


def _f1_of(recall: float) -> float:
    return 2 * 0.2 * recall / (0.2 * recall + 0.8 * 0.05 + 0.2)


def test_f1_promotes_a_worse_model_at_most_at_alpha() -> None:
    """A candidate whose F1 is worse by exactly the margin passes in at most 5 %, by the paired bootstrap."""
    random, runs = np.random.default_rng(4), 1_000
    margin = _f1_of(0.7) - _f1_of(0.66)
    passed = sum(_passed("f1", _decisions(random, 1_500, 0.66, 0.7), margin, seed) for seed in range(runs))

    assert passed / runs <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)


def test_f1_has_the_power_that_its_error_says() -> None:
    """An equal candidate passes as often as the true standard error of the difference gives."""
    random, runs, margin = np.random.default_rng(5), 600, 0.03
    options = Options(level=LEVEL, draws=500)
    gaps = [
        METRICS["f1"].compare(*_decisions(random, 1_500, 0.7, 0.7), replace(options, seed=seed)) for seed in range(runs)
    ]
    error = float(np.std([gap.value for gap in gaps]))
    power = 0.5 * math.erfc((1.6449 - margin / error) / math.sqrt(2))
    passed = sum(decide_non_inferior(gap, margin, higher_is_better=True) is Outcome.PASS for gap in gaps)

    assert 0.3 < power < 0.95
    assert passed / runs == pytest.approx(power, abs=4 * math.sqrt(0.25 / runs))


@pytest.mark.parametrize(
    ("discordant", "margin", "rows"),
    [(0.02, 0.005, 4_947), (0.05, 0.01, 3_092), (0.08, 0.01, 4_947), (0.08, 0.02, 1_237), (0.15, 0.02, 2_319)],
)
def test_rows_needed_give_the_power_they_promise(discordant: float, margin: float, rows: int) -> None:
    """On the rows of the design's table an equal candidate passes on accuracy in about 80 %."""
    assert rows_needed(discordant, margin) == pytest.approx(rows, abs=1)
    random, runs = np.random.default_rng(6), 400
    passed = 0
    for _ in range(runs):
        luck = random.random(rows)
        ours, theirs = (luck >= discordant / 2), (luck >= discordant / 2) & (luck < 1 - discordant / 2)
        ours = np.where(luck < discordant / 2, 0.0, ours)
        theirs = np.where(luck < discordant / 2, 1.0, theirs)
        labels = np.ones(rows)
        labels[::2] = 0
        right = [np.where(labels == 1, model, 1 - model) for model in (ours, theirs)]
        passed += _passed("accuracy", (labels, *right), margin)

    assert passed / runs == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / runs) + 0.01)


def test_rows_of_one_customer_make_the_interval_wider() -> None:
    """Rows that repeat per cluster say less than as many independent ones: the bounds cover only when told so."""
    random, runs, metric = np.random.default_rng(7), 60, METRICS["brier"]
    told, untold = 0, 0
    for seed in range(runs):
        labels = np.repeat((random.random(60) < 0.4).astype(float), 6)
        scores = np.repeat(0.5 + 0.3 * random.uniform(-1, 1, 60), 6)
        options = Options(level=LEVEL, seed=seed, draws=300)
        # A score that is independent of the label, uniform on 0.2 to 0.8: 0.4 * (1 - 0.5)² + 0.6 * 0.5² + 0.03.
        alone = metric.measure(labels, scores, options)
        clustered = metric.measure(labels, scores, replace(options, clusters=np.arange(360) // 6))
        untold += alone.low <= 0.28 <= alone.high
        told += clustered.low <= 0.28 <= clustered.high

    assert told / runs >= 0.9 - 4 * math.sqrt(0.09 / runs)
    assert untold < told - 10
