"""Losses of known rows."""

import math

import numpy as np
import pytest

from airflow_provider_mlops.statistics.loss import absolute_error, brier, log_loss, multiclass_log_loss, pinball


def test_losses_of_known_rows() -> None:
    """A sure and right row costs nothing; a sure and wrong one costs most, and never infinity."""
    positive, scores = np.array([True, True, False]), np.array([1.0, 0.0, 0.25])

    assert brier(positive, scores) == pytest.approx([0, 1, 0.0625])
    assert log_loss(positive, scores) == pytest.approx([0, -math.log(1e-15), -math.log(0.75)])


def test_log_loss_of_classes_reads_the_probability_of_the_true_one() -> None:
    """Two classes give what the binary loss gives."""
    classes, scores = np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.25])
    matrix = np.stack([1 - scores, scores], axis=1)

    assert multiclass_log_loss(classes, matrix) == pytest.approx(log_loss(classes, scores))


def test_errors_of_known_rows() -> None:
    """A prediction too low by 2 costs the quantile times 2, one too high by 2 the rest of it times 2."""
    truth, predicted = np.array([5.0, 5.0, 5.0]), np.array([3.0, 5.0, 7.0])

    assert absolute_error(truth, predicted) == pytest.approx([2, 0, 2])
    assert pinball(truth, predicted, quantile=0.9) == pytest.approx([1.8, 0, 0.2])
