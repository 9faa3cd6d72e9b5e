"""The error of a regression is estimated within its interval, and fails when the concept moves."""

import math

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.error_model import METRICS, ErrorModel, error_spread

LEVEL, REPEATS = 0.9, 300
LEAST = stats.binom.ppf(1e-4, REPEATS, LEVEL) / REPEATS


def drawn(random: np.random.Generator, rows: int, bias: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw values and predictions whose error grows with the prediction."""
    said = random.gamma(2.0, 2.0, rows)
    return said + bias + random.normal(0, 0.3 + 0.2 * said), said


@pytest.mark.parametrize("metric", METRICS)
def test_the_error_is_within_its_interval(metric: str) -> None:
    """At the nominal rate, though the served predictions are other ones than the held-out ones."""
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(REPEATS):
        model = ErrorModel.of(*drawn(random, 2_000))
        truth, said = drawn(random, 3_000)
        served = said < 6
        gaps = np.abs(truth - said)[served]
        value = gaps.mean() if metric == "mae" else math.sqrt(np.square(gaps).mean())
        found = model.estimate(said[served], metric, LEVEL)
        inside += found.low <= value <= found.high

    # Rows of a bin differ a little, which adds a bias smaller than the interval.
    assert inside / REPEATS >= LEAST - 0.05


def test_concept_drift_goes_unnoticed() -> None:
    """Values that moved for the same inputs: the estimate does not move."""
    random = np.random.default_rng(2)
    model = ErrorModel.of(*drawn(random, 2_000))
    truth, said = drawn(random, 2_000, bias=2.0)

    assert np.abs(truth - said).mean() > 1.3 * model.estimate(said, "mae", LEVEL).high


def test_equal_predictions_have_one_bin() -> None:
    """A model that says the same of all rows."""
    truth = np.random.default_rng(3).normal(size=200)
    found = ErrorModel.of(truth, np.zeros(200)).estimate(np.zeros(100), "mae", LEVEL)

    assert found.value == pytest.approx(np.abs(truth).mean())


def test_rows_of_a_day_widen_the_interval() -> None:
    """Errors that a day shares count less."""
    random = np.random.default_rng(4)
    model = ErrorModel.of(*drawn(random, 2_000))
    truth, said = drawn(random, 2_000)
    day = np.repeat(np.arange(20), 100)

    assert error_spread(truth, said, model, None) == 1.0
    assert error_spread(truth + 3 * random.random(20)[day], said, model, day) > 5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_bad_numbers_are_not_estimated(bad: float) -> None:
    """Neither labels, nor predictions held out, nor served ones."""
    good = np.arange(100.0)
    model = ErrorModel.of(good, good + 1)
    for act in (
        lambda: ErrorModel.of(np.append(good, bad), np.append(good, 1.0)),
        lambda: ErrorModel.of(np.append(good, 1.0), np.append(good, bad)),
        lambda: model.estimate(np.append(good, bad), "mae", LEVEL),
    ):
        with pytest.raises(NotMeasurable, match="NaN or infinite"):
            act()


def test_few_rows_are_not_estimated() -> None:
    """Neither few held-out rows nor few served ones."""
    with pytest.raises(NotMeasurable):
        ErrorModel.of(np.arange(10.0), np.arange(10.0))
    with pytest.raises(NotMeasurable):
        ErrorModel.of(np.arange(100.0), np.zeros(100)).estimate(np.zeros(5), "mae", LEVEL)
