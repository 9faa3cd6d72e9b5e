"""Tests of permutation importance: the right feature, paired, the same again, and equal to scikit-learn's in law."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance as reference
from sklearn.linear_model import LinearRegression, LogisticRegression

from airflow_provider_mlops.backends.permutation import Explained, loss_named, permutation_importance
from airflow_provider_mlops.core.errors import BadInput

RANDOM = np.random.default_rng(11)
FRAME = pd.DataFrame(RANDOM.normal(size=(600, 3)), columns=["strong", "weak", "none"])
LOGIT = 2 * FRAME["strong"] + 0.7 * FRAME["weak"]
LABELS = (RANDOM.random(600) < 1 / (1 + np.exp(-LOGIT))).to_numpy().astype(float)


def importance(estimator: Any, labels: Any = LABELS, frame: pd.DataFrame = FRAME, **options: Any) -> dict[str, Any]:
    """Measure one model."""
    settings = {"task": "binary", "metric": "log_loss", "seed": 3, "repeats": 20, **options}
    return permutation_importance({"candidate": Explained(estimator, frame)}, labels, **settings)["candidate"]


@pytest.fixture(scope="module")
def model() -> LogisticRegression:
    """Fit the law that made the labels."""
    return LogisticRegression().fit(FRAME, LABELS)


@pytest.mark.parametrize(("metric", "scoring"), [("log_loss", "neg_log_loss"), ("brier", "neg_brier_score")])
def test_it_is_what_scikit_learn_measures(model: LogisticRegression, metric: str, scoring: str) -> None:
    """Other permutations, the same law: the means agree within their error."""
    theirs = reference(model, FRAME, LABELS, scoring=scoring, n_repeats=20, random_state=1, n_jobs=1)

    found = importance(model, metric=metric)

    for i, name in enumerate(FRAME.columns):
        error = np.hypot(found[name][1], theirs.importances_std[i]) / np.sqrt(20)
        assert found[name][0] == pytest.approx(theirs.importances_mean[i], abs=5 * error)
    assert found["strong"][0] > found["weak"][0] > found["none"][0]


def test_a_seed_gives_the_same_numbers_in_blocks_of_any_size(
    model: LogisticRegression, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit by bit on the same block, and within rounding on another."""
    first = importance(model)
    monkeypatch.setattr("airflow_provider_mlops.backends.permutation._BLOCK_ROWS", 1)
    small = importance(model)

    assert importance(model) == small
    assert importance(model, seed=4) != small
    assert all(first[name] == pytest.approx(small[name]) for name in first)


def test_a_feature_keeps_its_permutations_when_another_one_comes() -> None:
    """A column that the model ignores changes no other feature's numbers."""
    model = LogisticRegression().fit(FRAME[["strong"]], LABELS)

    class First:
        def predict_proba(self, features: pd.DataFrame) -> Any:
            return model.predict_proba(features[["strong"]])

    assert importance(First())["strong"] == importance(First(), frame=FRAME[["none", "strong"]])["strong"]
    assert importance(First())["none"] == [0.0, 0.0]


def test_a_regression_is_measured_by_its_rmse() -> None:
    """The feature that the value is made of costs what it explained."""
    values = 3 * FRAME["strong"].to_numpy()

    found = importance(LinearRegression().fit(FRAME, values), values, task="regression", metric="rmse")

    assert found["strong"][0] == pytest.approx(3 * np.sqrt(2) * FRAME["strong"].std(), rel=0.1)
    assert found["none"][0] == pytest.approx(0, abs=1e-9)


def test_classes_are_measured_by_their_log_loss() -> None:
    """Labels are indices of the classes."""
    labels = np.digitize(FRAME["strong"], [-0.5, 0.5]).astype(float)

    found = importance(LogisticRegression().fit(FRAME, labels), labels, task="multiclass", metric="multiclass_log_loss")

    assert found["strong"][0] > 0.5 > abs(found["none"][0])


def test_nulls_and_texts_are_permuted_as_they_are() -> None:
    """A column of any type reaches the model with its own type."""
    frame = pd.DataFrame({"text": ["a", None, "b", "a"], "whole": pd.array([1, None, 2, 3], dtype="Int64")})
    seen = []

    class Reader:
        def predict_proba(self, features: pd.DataFrame) -> Any:
            seen.append(features.dtypes.to_dict())
            return np.full((len(features), 2), 0.5)

    found = importance(Reader(), np.array([0.0, 1.0, 0.0, 1.0]), frame)

    assert found == {"text": [0.0, 0.0], "whole": [0.0, 0.0]}
    assert all(types == frame.dtypes.to_dict() for types in seen)


@pytest.mark.parametrize(
    ("task", "labels"), [("binary", [0.0, 2.0]), ("multiclass", [0.0, 9.0]), ("regression", [0.0, np.nan])]
)
def test_a_label_that_is_none_is_refused(task: str, labels: list[float]) -> None:
    """A wrong label must not become a wrong importance."""

    class Half:
        def predict_proba(self, features: pd.DataFrame) -> Any:
            return np.full((len(features), 2), 0.5)

    with pytest.raises(BadInput, match=r"label|Label"):
        importance(Half(), np.array(labels), FRAME.head(2), task=task, metric=loss_named(task, None))


def test_a_model_that_gives_no_numbers_is_refused() -> None:
    """NaN never becomes an importance of zero."""

    class Nothing:
        def predict_proba(self, features: pd.DataFrame) -> Any:
            return np.full((len(features), 2), np.nan)

    with pytest.raises(BadInput, match="1,200 scores that are not numbers"):
        importance(Nothing())


def test_only_proper_scores_measure() -> None:
    """Accuracy would be silent about most changes; the error names what there is."""
    with pytest.raises(BadInput, match="only by log_loss or brier"):
        loss_named("binary", "accuracy")
    with pytest.raises(BadInput, match="task is 'ranking'"):
        loss_named("ranking", None)
