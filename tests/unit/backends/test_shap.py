"""Tests of SHAP importance, with the real library."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from airflow_provider_mlops.backends.permutation import Explained
from airflow_provider_mlops.backends.shap import BACKGROUND_ROWS, ROWS, explained_rows, shap_importance

RANDOM = np.random.default_rng(5)
FRAME = pd.DataFrame(RANDOM.normal(size=(200, 3)), columns=["strong", "weak", "none"])


def importance(estimator: Any, frame: pd.DataFrame = FRAME, task: str = "regression") -> dict[str, list[float]]:
    """Explain one model."""
    return shap_importance({"candidate": Explained(estimator, frame)}, task=task, seed=3)["candidate"]


def test_a_linear_model_has_the_values_that_the_theory_gives() -> None:
    """The SHAP value of a linear feature is its slope times the distance from the background's mean."""
    model = LinearRegression().fit(FRAME, 3 * FRAME["strong"] + FRAME["weak"])
    order = np.random.default_rng(3).permutation(200)
    background = FRAME.iloc[order[ROWS : ROWS + BACKGROUND_ROWS]].mean()
    expected = (FRAME.iloc[order[:ROWS]] - background).abs().mean() * [3, 1, 0]

    found = importance(model)

    assert [found[name][0] for name in FRAME] == pytest.approx(list(expected), abs=1e-6)


def test_the_same_seed_gives_the_same_values_and_leaves_no_trace() -> None:
    """Shap seeds the shared generator; what draws after it must not notice."""
    model = LogisticRegression().fit(FRAME, FRAME["strong"] > 0)
    np.random.seed(1)
    before = np.random.get_state()[1].copy()

    first, second = importance(model, task="binary"), importance(model, task="binary")

    assert first == second
    assert np.array_equal(np.random.get_state()[1], before)


def test_texts_and_nulls_reach_the_model_as_they_are() -> None:
    """Shap itself only sees positions."""
    frame = pd.DataFrame({"text": ["a", None, "b", "c"] * 10, "number": [1.0, np.nan] * 20})

    class Reader:
        def predict(self, features: pd.DataFrame) -> Any:
            return (features["text"] == "a").to_numpy().astype(float)

    found = importance(Reader(), frame)

    assert found["text"][0] > 0.1
    assert found["number"] == [0.0, 0.0]


def test_classes_are_averaged() -> None:
    """One figure a feature, whatever the number of classes."""
    model = LogisticRegression().fit(FRAME, np.digitize(FRAME["strong"], [-0.5, 0.5]))

    found = importance(model, task="multiclass")

    assert found["strong"][0] > 5 * found["none"][0]


@pytest.mark.parametrize(("rows", "explained"), [(1, 1), (10, 5), (10_000, ROWS)])
def test_at_most_half_of_the_rows_are_explained(rows: int, explained: int) -> None:
    """The others are what they are compared with; a single row is explained by nothing."""
    assert explained_rows(rows) == explained
    assert len(importance(LinearRegression().fit(FRAME, FRAME["strong"]), FRAME.head(rows).copy())) == 3
