"""Training and scoring with scikit-learn, and the identity of a model."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from threadpoolctl import threadpool_info

from airflow_provider_mlops.backends import scikit_learn as sk
from airflow_provider_mlops.backends.skops_digest import canonical_digest
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from tests.support.synthetic import FEATURES, rows_of, train

ROWS = rows_of("2020-01")


def split(**changes: Any) -> tuple[pd.DataFrame, pd.Series, int]:
    """Split the rows, with changed columns."""
    return sk.split_features(ROWS.assign(**changes), features=FEATURES, label="late")


def test_rows_without_a_label_are_left_out() -> None:
    """They are counted, not trained on as a class."""
    features, labels, unlabelled = split()
    assert len(features) == len(labels) == ROWS["late"].notna().sum()
    assert unlabelled == ROWS["late"].isna().sum() > 0
    assert (list(features.columns), str(labels.dtype)) == (FEATURES, "int64")


@pytest.mark.parametrize("dtype", ["boolean", "Int64", "float64", "object"])
def test_forms_of_a_label(dtype: str) -> None:
    """Booleans, integers and floats, with their nulls, are the same labels."""
    values = ROWS["late"].astype("boolean") if dtype == "boolean" else ROWS["late"].astype(dtype)
    assert split(late=values)[1].tolist() == split()[1].tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"late": np.nan}, "Column 'late' is null in all 800 rows"),
        ({"noise": None}, "Column 'noise' is null in all 800 rows"),
        ({"late": 2}, "Label column 'late' holds .*2.*; only 0 and 1"),
        ({"late": 0.5}, "holds .*0.5.*; only 0 and 1"),
        ({"late": "1"}, "Label column 'late' has the type"),
        ({"late": "yes"}, "Label column 'late' has the type"),
    ],
)
def test_labels_and_features_that_cannot_be_used(changes: dict[str, Any], words: str) -> None:
    """Null columns and labels beyond 0 and 1 are named."""
    with pytest.raises(BadInput, match=words):
        split(**changes)


def test_missing_column_is_named() -> None:
    """With the columns that are there."""
    with pytest.raises(BadInput, match="Column 'wind' is missing; the rows have: row_id, time, signal"):
        sk.split_features(ROWS, features=["signal", "wind"], label="late")


def fit(function: Any = train, **params: Any) -> Any:
    """Fit on the rows."""
    features, labels, _ = split()
    return sk.fit(function, features, labels, seed=1, params=params)


def test_threads_are_pinned_while_training() -> None:
    """Sums do not depend on how many cores there are."""
    seen: list[int] = []

    def watching(features: Any, labels: Any, *, seed: int) -> Any:
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return train(features, labels, seed=seed)

    fit(watching)
    assert set(seen) == {1}


@pytest.mark.parametrize("positives", [0, 1, 800])
def test_one_class_is_not_enough(positives: int) -> None:
    """A single row of a class teaches nothing either."""
    features, _, _ = split(late=0)
    labels = pd.Series([1] * positives + [0] * (800 - positives))
    with pytest.raises(BadInput, match="The training rows hold one class only"):
        sk.fit(train, features, labels, seed=1, params={})


def test_digest_is_of_what_was_learned() -> None:
    """Two fits on the same rows have one digest, whatever bytes are written; another parameter has another."""
    assert sk.model_digest(fit()) == sk.model_digest(fit())
    assert sk.model_digest(fit()) != sk.model_digest(fit(strength=0.5))


def test_digest_of_trees_is_stable(tmp_path: Path) -> None:
    """Also with the many arrays of boosted trees; and a loaded model has the digest of the saved one."""

    def boosted(features: Any, labels: Any, *, seed: int) -> Any:
        return HistGradientBoostingClassifier(max_iter=5, random_state=seed).fit(features, labels)

    model = fit(boosted)
    skops.io.dump(model, tmp_path / "m.skops")
    trusted = skops.io.get_untrusted_types(file=tmp_path / "m.skops")
    assert sk.model_digest(fit(boosted)) == canonical_digest(tmp_path / "m.skops")
    assert sk.model_digest(skops.io.load(tmp_path / "m.skops", trusted=trusted)) == sk.model_digest(model)


@pytest.mark.parametrize("how", ["empty", "text", "other zip"])
def test_digest_of_what_is_no_archive(tmp_path: Path, how: str) -> None:
    """A file that is no skops archive is broken evidence."""
    path = tmp_path / "m.skops"
    path.write_text("" if how == "empty" else "text")
    if how == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x", "y")
    with pytest.raises(EvidenceBroken, match=r"m\.skops is not a readable skops archive"):
        canonical_digest(path)


def test_changed_archive_is_not_loaded(tmp_path: Path) -> None:
    """The bytes are checked before anything is read from them."""
    path = tmp_path / "m.skops"
    skops.io.dump(fit(), path)
    with pytest.raises(EvidenceBroken, match=r"m\.skops was changed: its SHA-256 is not the recorded one"):
        sk.read_model(path, sha256="0" * 64, trusted_types=[])


class Stranger(LogisticRegression):
    """A type that skops does not know."""


def test_untrusted_types_are_not_loaded(tmp_path: Path) -> None:
    """An archive that holds more than the record trusts is refused, though its bytes are the recorded ones."""
    path = tmp_path / "m.skops"
    skops.io.dump(Stranger(), path)
    with pytest.raises(EvidenceBroken, match=r"holds types that the record does not trust.*Stranger"):
        sk.read_model(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), trusted_types=[])


def test_scores_are_probabilities_of_the_positive_class() -> None:
    """A higher signal scores higher; scores are hashed bit by bit."""
    scores = sk.score(fit(), pd.DataFrame({"signal": [-3.0, 3.0], "noise": [0.0, 0.0]}))
    assert scores[0] < 0.1
    assert scores[1] > 0.9
    assert sk.prediction_digest(scores) != sk.prediction_digest(np.nextafter(scores, 1))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (pd.DataFrame({"signal": [1.0]}), "The model cannot score these rows"),
        (pd.DataFrame({"signal": ["high"], "noise": [0.0]}), "The model cannot score these rows: could not convert"),
        (pd.DataFrame({"signal": [np.nan], "noise": [0.0]}), "The model cannot score these rows: .*NaN"),
    ],
)
def test_rows_that_cannot_be_scored(rows: pd.DataFrame, words: str) -> None:
    """Other columns, text and nulls that the model does not take are told with its words."""
    with pytest.raises(BadInput, match=words):
        sk.score(fit(), rows)


KINDS = pd.Series(["b", "a", "c", None] * 200)


def kinds(**changes: Any) -> tuple[pd.DataFrame, pd.Series, int]:
    """Split the rows with a label of three words, a quarter unknown."""
    rows = ROWS.assign(kind=KINDS, signal=KINDS.map({"a": -2.0, "b": 0.0, "c": 2.0}).fillna(0) + ROWS["noise"] / 9)
    return sk.split_features(rows, features=FEATURES, label="kind", task="multiclass", **changes)


class Shuffled(LogisticRegression):
    """A classifier that says its classes in an order of its own."""

    @property
    def classes_(self) -> Any:
        """The classes, last first."""
        return self._classes[::-1]

    @classes_.setter
    def classes_(self, classes: Any) -> None:
        self._classes = classes

    def predict_proba(self, features: Any) -> Any:
        """Return the probabilities in that order."""
        return super().predict_proba(features)[:, ::-1]


def test_multiclass_scores_are_in_the_order_of_the_classes() -> None:
    """The columns follow the sorted classes, in whatever order the estimator has them."""
    features, labels, unlabelled = kinds()
    assert (unlabelled, labels[:3].tolist()) == (200, [1, 0, 2])
    assert sk.class_list(ROWS.assign(kind=KINDS), "kind") == ["a", "b", "c"]
    plain, shuffled = (
        sk.fit(
            lambda x, y, *, seed, of=of: of(random_state=seed).fit(x, y),
            features,
            labels,
            seed=1,
            params={},
            task="multiclass",
        )
        for of in (LogisticRegression, Shuffled)
    )
    scores = sk.score(plain, features, "multiclass")
    assert scores.shape == (600, 3)
    assert (scores.argmax(axis=1) == labels.to_numpy()).mean() > 0.95
    assert np.array_equal(sk.score(shuffled, features, "multiclass"), scores)


def test_multiclass_without_every_class_is_refused() -> None:
    """An estimator that knows other classes than those of the training cannot be scored."""
    features, labels, _ = kinds()
    model = LogisticRegression().fit(features, labels + 1)
    with pytest.raises(BadInput, match=r"classes_ are \[1, 2, 3\]; they must be the indices of the 3 classes"):
        sk.score(model, features, "multiclass")


def test_regression_is_scored_by_predict() -> None:
    """The predicted value, one a row, also where the estimator answers with a column."""
    rows = ROWS.assign(minutes=3 * ROWS["signal"] + 1)
    features, labels, _ = sk.split_features(rows, features=FEATURES, label="minutes", task="regression")
    for shape in (labels, labels.to_frame()):
        model = sk.fit(
            lambda x, y, *, seed, target=shape: LinearRegression().fit(x, target),
            features,
            labels,
            seed=1,
            params={},
            task="regression",
        )
        assert np.allclose(sk.score(model, features, "regression"), labels)


@pytest.mark.parametrize(("task", "method"), [("multiclass", "predict_proba"), ("regression", "predict")])
def test_estimator_must_answer_the_task(task: str, method: str) -> None:
    """A regression needs predict, a classification predict_proba."""
    features, labels, _ = split()
    with pytest.raises(BadInput, match=f"returned a dict, which has no {method}"):
        sk.fit(lambda x, y, *, seed: {}, features, labels, seed=1, params={}, task=task)


def test_answer_of_the_wrong_shape_is_refused() -> None:
    """Three columns are no binary answer, and two values a row no regression."""
    features, labels, _ = kinds()
    model = LogisticRegression().fit(features, labels)
    with pytest.raises(BadInput, match=r"its answer has the shape \(600, 3\) in a binary task"):
        sk.score(model, features)
    double = LinearRegression().fit(features, np.column_stack([labels, labels]))
    with pytest.raises(BadInput, match=r"its answer has the shape \(600, 2\) in a regression task"):
        sk.score(double, features, "regression")


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        (None, [8, 9]),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [0, 1]),
        ([5] * 10, [8, 9]),
        ([1, None, None, None, None, None, None, None, None, 0], [0, 9]),
    ],
)
def test_newest_rows(times: Any, newest: list[int]) -> None:
    """The last fifth in time; without a time, and among equal ones, the last rows; null is oldest."""
    column = None if times is None else pd.to_datetime(pd.Series(times, index=range(100, 110)), unit="D")
    assert np.flatnonzero(sk.newest_rows(column, 10, 0.2)).tolist() == newest
