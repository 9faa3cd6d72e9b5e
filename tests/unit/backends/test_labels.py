"""Labels of each task."""

from typing import Any

import pandas as pd
import pytest

from airflow_provider_mlops.backends.labels import check_enough, classes_of, encode_labels
from airflow_provider_mlops.core.errors import BadInput


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["ship", "car", "Train", "car"], ["Train", "car", "ship"]),
        ([10, 2, 2, -1], [-1, 2, 10]),
        ([2.0, 1.0], [1, 2]),
        ([True, False], [0, 1]),
        (pd.Series(["b", "a"], dtype="category"), ["a", "b"]),
        (pd.Series([3, 1], dtype="Int64"), [1, 3]),
    ],
)
def test_classes_are_sorted(values: Any, classes: list[Any]) -> None:
    """Numbers by size, texts by their characters; the order is that of the scores, whatever the order of the rows."""
    labels = pd.Series(values)
    found = classes_of(labels, "kind")
    assert found == classes
    assert [type(item) for item in found] == [type(item) for item in classes]
    assert classes_of(labels[::-1], "kind") == classes
    encoded = encode_labels(labels, "kind", "multiclass")
    assert str(encoded.dtype) == "int64"
    assert sorted(set(encoded)) == list(range(len(classes)))


def test_classes_of_the_training_decide_the_index() -> None:
    """Test rows that lack a class have the same indices as the training rows."""
    assert encode_labels(pd.Series(["c", "a"]), "kind", "multiclass", ["a", "b", "c"]).tolist() == [2, 0]
    assert encode_labels(pd.Series([7.0, 3.0]), "kind", "multiclass", [3, 5, 7]).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("task", "values", "words"),
    [
        ("multiclass", ["a", 1], r"Label column 'kind' mixes text \('a'\) and numbers \(1\)"),
        ("multiclass", [1.5, 1.0], "holds .*1.5.*; classes are text or whole numbers"),
        ("multiclass", [float("inf"), 1.0], "holds .*inf.*; classes are text or whole numbers"),
        ("multiclass", [(1,), (2,)], "classes are text or whole numbers"),
        ("regression", ["1.5"], "Label column 'kind' has the type .*; a regression needs finite numbers"),
        ("regression", [(1,)], "a regression needs finite numbers"),
        ("regression", [1.0, float("-inf")], "holds -inf; a regression needs finite numbers"),
        ("binary", [0, 2], "holds 2.0; only 0 and 1"),
    ],
)
def test_labels_of_another_kind_are_refused(task: str, values: list[Any], words: str) -> None:
    """The value that is no label of the task is named."""
    with pytest.raises(BadInput, match=words):
        encode_labels(pd.Series(values), "kind", task)


def test_class_that_was_never_trained_on_is_refused() -> None:
    """No model can be judged on a class that it cannot say."""
    with pytest.raises(BadInput, match="holds 'bus', which is none of the model's classes: 'car', 'ship'"):
        encode_labels(pd.Series(["car", "bus"]), "kind", "multiclass", ["car", "ship"])


def test_numbers_of_a_regression_are_floats() -> None:
    """Whole numbers too."""
    encoded = encode_labels(pd.Series([1, 2], dtype="Int64"), "minutes", "regression")
    assert (encoded.tolist(), str(encoded.dtype)) == ([1.0, 2.0], "float64")


@pytest.mark.parametrize(
    ("task", "values", "words"),
    [
        ("multiclass", [1, 1, 1], "The label is the same in all 3 training rows"),
        ("multiclass", [0, 0, 1, 1, 2], "The class with the index 2 has one training row"),
        ("regression", [1.5, 1.5], "The label is the same in all 2 training rows"),
        ("regression", [], "The label is the same in all 0 training rows"),
        ("binary", [0, 0, 1], "The training rows hold one class only"),
    ],
)
def test_nothing_to_learn_from(task: str, values: list[Any], words: str) -> None:
    """One class, a class with one row, and a constant teach nothing."""
    with pytest.raises(BadInput, match=words):
        check_enough(pd.Series(values), task)
