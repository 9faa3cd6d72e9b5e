"""A changed ranking of the features counts when it is more than noise."""

import math

import numpy as np
import pytest

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.importance_drift import importance_change

NAMES = [f"f{number}" for number in range(10)]


def measured(values: np.ndarray, error: float, random: np.random.Generator) -> dict[str, list[float]]:
    """Measure importances with noise."""
    return {
        name: [float(value), error] for name, value in zip(NAMES, values + random.normal(0, error, 10), strict=True)
    }


def test_noise_alone_is_no_change() -> None:
    """Ranks that change by chance have p-values that are not small more often than they say."""
    random = np.random.default_rng(1)
    truth = np.linspace(0, 0.2, 10)
    small = 0
    for seed in range(200):
        found = importance_change(measured(truth, 0.03, random), measured(truth, 0.03, random), 0.9, top=3, seed=seed)
        small += found.p_value < 0.05

    # The earlier measurement stands for the truth, which errs on both sides a little.
    assert small / 200 < 0.13


def test_a_turned_ranking_is_found() -> None:
    """The last become the first."""
    random = np.random.default_rng(2)
    truth = np.linspace(0, 0.2, 10)
    found = importance_change(measured(truth[::-1], 0.01, random), measured(truth, 0.01, random), 0.9, top=2, seed=1)

    assert found.correlation < -0.9
    assert found.high < 0
    assert found.p_value < 0.01
    assert set(found.entered) == {"f0", "f1"}
    assert set(found.left) == {"f8", "f9"}
    assert found.to_dict()["top"] == 2


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({"f0": [1.0, 0.1]}, "1 features were measured both times"),
        ({name: [math.nan, 0.1] for name in NAMES}, "NaN or infinite"),
        ({name: [0.5, 0.1] for name in NAMES}, "equally important"),
    ],
)
def test_what_has_no_ranking_is_not_measurable(now: dict[str, list[float]], reason: str) -> None:
    """Too few features, bad numbers, all the same."""
    then = measured(np.linspace(0, 1, 10), 0.1, np.random.default_rng(3))

    with pytest.raises(NotMeasurable, match=reason):
        importance_change(now, then, 0.9, top=3, seed=1)
