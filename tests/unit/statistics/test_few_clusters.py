"""Intervals of a fortnight of days keep their level, and say when there are too few days."""

import numpy as np
import pytest
from scipy import special, stats

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.few_clusters import measure_together
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.metrics import METRICS
from airflow_provider_mlops.statistics.two_samples import change

REPEATS = 250


def rows(random: np.random.Generator, days: int, per_day: int = 80) -> tuple[np.ndarray, ...]:
    """Draw labels that share an effect of their day, scores, and the days."""
    day = np.repeat(np.arange(days), per_day)
    logit = random.normal(0, 1.2, len(day))
    effect = random.normal(0, 0.4, days)[day]
    return (random.random(len(day)) < special.expit(logit + effect)).astype(float), special.expit(logit), day


@pytest.mark.parametrize("name", ["roc_auc", "log_loss"])
def test_a_fortnight_keeps_its_level(name: str) -> None:
    """Two-sided 90 %, within what 250 repeats can tell; independent rows would miss far more."""
    random = np.random.default_rng(21)
    truth = METRICS[name].point(*rows(random, 4_000)[:2], Options(level=0.9))
    missed = 0
    for _ in range(REPEATS):
        labels, scores, day = rows(random, 14)
        found = measure_together(METRICS[name], labels, scores, Options(level=0.9, clusters=day))
        missed += not found.low <= truth <= found.high
        assert found.method == "cluster_jackknife"

    # Up to 13 % of 90 % intervals of a fortnight may miss: the price of few days.
    assert missed <= stats.binom.ppf(0.9999, REPEATS, 0.13)


@pytest.mark.parametrize(("days", "reason"), [(1, "There are 1 clusters"), (6, "There are 6 clusters")])
def test_a_few_days_are_not_measurable(days: int, reason: str) -> None:
    """A day alone says nothing about other days."""
    labels, scores, day = rows(np.random.default_rng(1), days)

    with pytest.raises(NotMeasurable, match=reason):
        measure_together(METRICS["roc_auc"], labels, scores, Options(level=0.9, clusters=day))


def test_one_day_that_holds_nearly_all_rows_counts_as_one() -> None:
    """Ten days, but worth little more than one."""
    labels, scores, day = rows(np.random.default_rng(1), 10)
    day = np.where(np.arange(len(day)) < len(day) - 9, 0, day.max() - np.arange(len(day)) % 9)

    with pytest.raises(NotMeasurable, match="are worth"):
        measure_together(METRICS["roc_auc"], labels, scores, Options(level=0.9, clusters=day))


def test_many_days_are_drawn_and_independent_rows_have_their_own_interval() -> None:
    """Where the usual intervals hold, they are taken."""
    labels, scores, day = rows(np.random.default_rng(1), 25)

    assert "bootstrap" in measure_together(METRICS["brier"], labels, scores, Options(level=0.9, clusters=day)).method
    assert measure_together(METRICS["brier"], labels, scores, Options(level=0.9)).method == "student_t"


def test_days_without_spread_prove_nothing() -> None:
    """A model that is right every day is not proved to be always right."""
    day = np.repeat(np.arange(8), 50)
    labels = np.tile([0.0, 1.0], 200)
    found = measure_together(METRICS["accuracy"], labels, labels, Options(level=0.9, clusters=day))

    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.8


def test_a_change_is_as_uncertain_as_both_sides() -> None:
    """For symmetric intervals it is the root of the sum of squares."""
    now, then = Interval(0.8, 0.77, 0.83, 100, "x"), Interval(0.7, 0.66, 0.74, 200, "x")
    found = change(now, then)

    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.05, 0.15))
    assert found.n == 100
