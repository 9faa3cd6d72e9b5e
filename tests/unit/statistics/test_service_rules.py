"""Latency and errors: the lower bound breaches, the upper bound proves, all else is inconclusive."""

import math

import numpy as np
import pytest

from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.performance_decision import Errors
from airflow_provider_mlops.statistics.service_levels import calls_needed, error_rate, latency_p95
from airflow_provider_mlops.statistics.service_rules import judge_errors, judge_latency

ERRORS = Errors(0.05)


def test_the_bounds_are_those_of_the_binomial_law() -> None:
    """Each bound of p95 errs in at most one case of twenty."""
    random = np.random.default_rng(1)
    truth = -100 * math.log(0.05)
    found = [latency_p95(random.exponential(100, 200), 0.9) for _ in range(1_000)]

    assert sum(one.low > truth for one in found) / 1_000 <= 0.075
    assert sum(one.high < truth for one in found) / 1_000 <= 0.075


def test_58_calls_have_no_upper_bound() -> None:
    """0.95 to the 59th is the first below 0.05."""
    assert calls_needed(0.9) == 59
    assert latency_p95(np.ones(58), 0.9).high is None
    assert latency_p95(np.ones(59), 0.9).high == 1.0


@pytest.mark.parametrize(
    ("latencies", "outcome", "reason"),
    [
        (np.full(59, 10.0), Outcome.PASS, "within the bound 200 ms"),
        (np.full(58, 10.0), Outcome.INCONCLUSIVE, "fewer than 59 calls"),
        (np.full(500, 300.0), Outcome.FAIL, "above the bound 200 ms"),
        (np.linspace(0, 212, 100), Outcome.INCONCLUSIVE, "on both sides"),
        (np.array([]), Outcome.INCONCLUSIVE, "No latency was logged"),
        (np.append(np.ones(100), math.inf), Outcome.INCONCLUSIVE, "1 of 101 latencies"),
        (np.append(np.ones(100), math.nan), Outcome.INCONCLUSIVE, "1 of 101 latencies"),
        (np.append(np.ones(100), -1.0), Outcome.INCONCLUSIVE, "1 of 101 latencies"),
    ],
)
def test_latency(latencies: np.ndarray, outcome: Outcome, reason: str) -> None:
    """What is too little or no number is never PASS."""
    found = judge_latency(latencies, 200.0, ERRORS)

    assert found.outcome is outcome
    assert reason in found.reason


def test_no_error_bounds_the_rate_at_three_over_n() -> None:
    """The rule of three."""
    assert error_rate(0, 1_000, 0.9).high == pytest.approx(3 / 1_000, rel=0.01)


@pytest.mark.parametrize(
    ("failed", "rows", "outcome"),
    [
        (0, 1_000, Outcome.PASS),
        (0, 100, Outcome.INCONCLUSIVE),
        (10, 1_000, Outcome.INCONCLUSIVE),
        (50, 1_000, Outcome.FAIL),
        (0, 0, Outcome.INCONCLUSIVE),
    ],
)
def test_errors(failed: int, rows: int, outcome: Outcome) -> None:
    """The bound is 1 %."""
    assert judge_errors(failed, rows, 0.01, ERRORS).outcome is outcome


def test_a_breach_is_corrected_for_the_number_of_rules() -> None:
    """What one rule alone would call a breach is not one among ten."""
    alone, among = (judge_errors(19, 1_000, 0.012, Errors(0.05, alarms)) for alarms in (1, 10))

    assert (alone.outcome, among.outcome) == (Outcome.FAIL, Outcome.INCONCLUSIVE)
    assert among.numbers["alpha"] == pytest.approx(0.005)
