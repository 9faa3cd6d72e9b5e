"""Calibration is tested and its shift is measured, with days that count as one where they do."""

import numpy as np
import pytest
from scipy import special, stats

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.calibration_line import calibration_line, spiegelhalter

REPEATS = 300


def drawn(
    random: np.random.Generator, rows: int, shift: float = 0.0, slope: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels from a line on the logits of the probabilities."""
    logit = random.normal(-1, 1, rows)
    return (random.random(rows) < special.expit(shift + slope * logit)).astype(float), special.expit(logit)


def test_calibrated_rows_are_refused_at_the_nominal_rate() -> None:
    """Spiegelhalter's p-values are uniform for calibrated probabilities."""
    random = np.random.default_rng(1)
    p_values = [spiegelhalter(*drawn(random, 400)).p_value for _ in range(REPEATS)]

    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    assert spiegelhalter(*drawn(random, 400, shift=1.0)).p_value < 1e-3


def test_the_line_is_found_with_its_interval() -> None:
    """Intercept and slope of the labels, each within its interval nine times in ten."""
    random = np.random.default_rng(2)
    inside = np.zeros(2)
    for _ in range(REPEATS):
        found = calibration_line(*drawn(random, 800, slope=0.8), 0.9)
        inside[1] += found["slope"].low <= 0.8 <= found["slope"].high
        found = calibration_line(*drawn(random, 800, shift=0.5), 0.9)
        inside[0] += found["intercept"].low <= 0.5 <= found["intercept"].high

    assert (np.abs(inside / REPEATS - 0.9) < 0.07).all()


def test_days_widen_the_interval() -> None:
    """Rows of a day that err together count as one day."""
    random = np.random.default_rng(3)
    day = np.repeat(np.arange(30), 100)
    p = np.full(3_000, 0.3)
    labels = (random.random(3_000) < special.expit(-0.85 + random.normal(0, 0.8, 30)[day])).astype(float)
    p = np.clip(p + random.normal(0, 0.05, 3_000), 0.05, 0.95)
    alone, together = (calibration_line(labels, p, 0.9, c)["intercept"] for c in (None, day))

    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert spiegelhalter(labels, p, day).p_value > spiegelhalter(labels, p).p_value


@pytest.mark.parametrize(
    ("labels", "p"),
    [
        ([0.0] * 100, [0.3] * 100),
        ([], []),
        ([0.0, 1.0] * 50, [0.3] * 100),
        ([0.0, 1.0] * 50, [np.nan] * 100),
        ([0.0, 1.0] * 50, [1.5] * 100),
        ([0.0] * 50 + [1.0] * 50, [0.1] * 50 + [0.9] * 50),
    ],
)
def test_rows_that_cannot_answer(labels: list[float], p: list[float]) -> None:
    """One class, no rows, one probability, none at all, and labels that the probabilities separate."""
    with pytest.raises(NotMeasurable):
        calibration_line(labels, p, 0.9)


def test_probabilities_of_one_half_cannot_be_tested() -> None:
    """Spiegelhalter's statistic has no variance there."""
    with pytest.raises(NotMeasurable, match="cannot be tested"):
        spiegelhalter([0.0, 1.0], [0.5, 0.5])
