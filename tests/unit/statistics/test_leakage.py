"""Whether one feature alone gives the label away."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.leakage import mean_area, number_auc, rate_auc

Array = npt.NDArray[Any]
POSITIVE = np.random.default_rng(7).random(4_000) < 0.3
# The error of an area of 0.5 on 4,000 rows is below 0.011.
CHANCE = 4 * 0.011


def test_leak_is_found_whichever_way_round(random: np.random.Generator) -> None:
    """A number that is the label, or its opposite, has the area 1."""
    noise = random.normal(size=len(POSITIVE)) * 1e-6
    assert number_auc(POSITIVE, POSITIVE + noise) == 1
    assert number_auc(POSITIVE, noise - POSITIVE) == 1


def test_noise_is_no_leak(random: np.random.Generator) -> None:
    """A number without any bearing on the label has an area near one half."""
    assert number_auc(POSITIVE, random.normal(size=len(POSITIVE))) < 0.5 + CHANCE


@pytest.mark.parametrize("where", [POSITIVE, ~POSITIVE])
def test_missing_values_can_leak(where: Array, random: np.random.Generator) -> None:
    """A value that is missing for one class only gives the label away."""
    values = np.where(where, np.nan, random.normal(size=len(POSITIVE)))
    assert number_auc(POSITIVE, values) == 1


def test_empty_feature_says_nothing() -> None:
    """A column of gaps is chance."""
    assert number_auc(POSITIVE, np.full(len(POSITIVE), np.nan)) == 0.5


def counts_of(codes: Array, positive: Array, size: int) -> tuple[Array, Array]:
    """Count rows and positive rows by category."""
    return np.bincount(codes, minlength=size), np.bincount(codes[positive], minlength=size)


@pytest.mark.parametrize("categories", [20, 2_000, 20_000])
def test_many_categories_of_noise_are_no_leak(categories: int, random: np.random.Generator) -> None:
    """A category without any bearing on the label is near one half, also with a row or less per category."""
    train = random.random(4_000) < 0.3
    counts, positives = counts_of(random.integers(0, categories, 4_000), train, categories)
    found = rate_auc(POSITIVE, random.integers(0, categories, len(POSITIVE)), counts, positives)
    assert found == pytest.approx(0.5, abs=CHANCE)


def test_rates_of_the_test_rows_would_cry_leak(random: np.random.Generator) -> None:
    """Why the rates are those of the training rows: in those of the test rows each row's own label stands."""
    train = random.random(4_000) < 0.3
    many, one = random.integers(0, 2_000, len(POSITIVE)), np.zeros(len(POSITIVE), int)
    counts, positives = counts_of(many, POSITIVE, 2_000)
    assert rate_auc(POSITIVE, many, counts, positives) > 0.8
    left_out = (POSITIVE.sum() - POSITIVE) / (len(POSITIVE) - 1)
    assert number_auc(POSITIVE, left_out) == 1

    for codes, size in ((many, 2_000), (one, 1)):
        trained = counts_of(random.integers(0, size, 4_000), train, size)
        assert rate_auc(POSITIVE, codes, *trained) < 0.5 + CHANCE


def test_category_that_is_the_label_leaks(random: np.random.Generator) -> None:
    """A status that is only known afterwards has the area 1."""
    codes = np.where(POSITIVE, random.integers(0, 3, len(POSITIVE)), random.integers(3, 9, len(POSITIVE)))
    assert rate_auc(POSITIVE, codes, *counts_of(codes, POSITIVE, 9)) == 1


def test_unknown_categories_get_the_rate_of_all() -> None:
    """Categories that were never trained on cannot separate anything."""
    codes = POSITIVE.astype(int)
    assert rate_auc(POSITIVE, codes, np.array([0, 0, 50]), np.array([0, 0, 20])) == 0.5
    assert rate_auc(POSITIVE, codes, np.zeros(3, int), np.zeros(3, int)) == 0.5


def test_no_class_has_no_area() -> None:
    """One class only is not chance: it cannot be measured."""
    with pytest.raises(NotMeasurable):
        mean_area({})
    assert mean_area({0: 0.5, 2: 1.0}) == 0.75
