"""Losses per row and the error rate of their paired comparison."""

import math

import numpy as np
import pytest

from airflow_provider_mlops.core.gate import decide_non_inferior
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.loss import brier, log_loss, loss_difference, loss_interval


def test_losses_of_known_rows() -> None:
    """A sure and right row costs nothing; a sure and wrong one costs most, and never infinity."""
    positive, scores = np.array([True, True, False]), np.array([1.0, 0.0, 0.25])

    assert brier(positive, scores) == pytest.approx([0, 1, 0.0625])
    assert log_loss(positive, scores) == pytest.approx([0, -math.log(1e-15), -math.log(0.75)])


def test_a_candidate_worse_by_the_margin_passes_at_most_at_alpha() -> None:
    """The risk of a false promotion on Brier is at most 5 % (plus three standard errors of 1,000 runs)."""
    random = np.random.default_rng(3)
    runs, passed, n = 1_000, 0, 500
    for _ in range(runs):
        truth = random.uniform(0.1, 0.9, n)
        positive = random.random(n) < truth
        # Adding +-0.1 to the true probability costs exactly 0.01 of Brier score.
        worse = truth + 0.1 * random.choice([-1, 1], n)
        difference = loss_difference(brier, positive, worse, truth, 0.9)
        passed += decide_non_inferior(difference, 0.01, higher_is_better=False) is Outcome.PASS

    assert passed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_few_rows_are_not_measurable() -> None:
    """Ten rows have no interval for a mean loss."""
    with pytest.raises(NotMeasurable, match="10 rows"):
        loss_interval(brier, np.ones(10, dtype=bool), np.full(10, 0.5), 0.9)
