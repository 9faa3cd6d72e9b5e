"""Scores of test rows as Parquet: what was written is read, files of the first release too."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.hooks.scores_store import (
    ScoredRows,
    check_names,
    read_scores,
    score_columns,
    score_table,
    scores_path,
    store_scores,
)
from airflow_provider_mlops.hooks.storage import Storage

BASE: dict[str, Any] = {"row_id": ["a", "b", "c"], "label": [0, 1, 1], "candidate": [0.1, 0.2, 0.3]}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder."""
    return Storage(str(tmp_path))


def test_everything_that_was_scored_is_read(storage: Storage) -> None:
    """Models, altered rows, weights and slices come back as the gate takes them."""
    frame = pd.DataFrame(
        {
            **BASE,
            "champion": [0.3, 0.2, 0.1],
            "golden": [0.5, 0.5, 0.5],
            "weight": [1.0, 2.0, 0.0],
            "variant:noise": [0.1, 0.25, 0.3],
            "variant:sex": [0.9, 0.2, 0.3],
            "origin": ["JFK", None, "EWR"],
        }
    )
    scores_id, uri = store_scores(storage, "m", ScoredRows(frame, 4), {"kind": "scores"})
    table = read_scores(storage, "m", scores_id, {"candidate": 0.3})

    assert uri.endswith(scores_path("m", scores_id))
    assert (table.task, table.rows, table.positives) == ("binary", 3, 2)
    assert table.champion is not None
    assert table.golden is not None
    assert table.weights is not None
    assert (table.champion[0], table.golden[0], list(table.weights)) == (0.3, 0.5, [1, 2, 0])
    assert {name: list(values) for name, values in table.variants.items()} == {
        "noise": [0.1, 0.25, 0.3],
        "sex": [0.9, 0.2, 0.3],
    }
    assert {name: list(values) for name, values in table.slices.items()} == {"origin": ["JFK", None, "EWR"]}
    assert table.thresholds == {"candidate": 0.3}


@pytest.mark.parametrize("champion", [True, False])
def test_first_files_are_read(storage: Storage, champion: bool) -> None:
    """A file that does not say its task has four columns of its own; what it calls golden or weight are slices."""
    from airflow_provider_mlops.backends.parquet import write_snapshot

    frame = pd.DataFrame({**BASE, "golden": ["x", "y", "x"], "weight": ["1", "2", "1"], "variant:a": ["p", "q", "p"]})
    if champion:
        frame["champion"] = [0.3, 0.2, 0.1]
    with storage.staging() as folder:
        scores_id = write_snapshot([frame], folder, {"kind": "scores", "model_name": "m"})["snapshot_id"]
        storage.publish(folder, scores_path("m", scores_id))
    table = read_scores(storage, "m", scores_id)

    assert (table.golden, table.weights, table.variants) == (None, None, {})
    assert (table.champion is not None) is champion
    assert set(table.slices) == {"golden", "weight", "variant:a"}


def test_classes_have_a_column_each(storage: Storage) -> None:
    """With several classes a model's scores are a matrix again, in the order of the classes."""
    classes = ["car", "ship", "train"]
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    columns: dict[str, Any] = {"row_id": ["a", "b"], "label": [2, 0]}
    for name in ("candidate", "champion", "variant:noise"):
        columns |= score_columns(name, scores, classes)
    columns["origin"] = ["JFK", "EWR"]
    scored = ScoredRows(pd.DataFrame(columns), 0, "multiclass", classes)
    scores_id, _ = store_scores(storage, "m", scored, {})
    table = read_scores(storage, "m", scores_id)

    assert "candidate:ship" in columns
    assert (table.task, list(table.slices), table.golden) == ("multiclass", ["origin"], None)
    np.testing.assert_array_equal(table.candidate, scores)
    np.testing.assert_array_equal(table.variants["noise"], scores)


def test_whole_numbers_are_classes_too() -> None:
    """Class 10 comes after class 9: the order is that of the classes, not of the columns' names."""
    classes = list(range(8, 12))
    scores = np.arange(8.0).reshape(2, 4)
    frame = pd.DataFrame({"row_id": ["a", "b"], "label": [0, 3], **score_columns("candidate", scores, classes)})
    table = score_table(frame, {"task": "multiclass", "classes": classes})
    np.testing.assert_array_equal(table.candidate, scores)


def test_regression_has_no_positives() -> None:
    """A value is no class."""
    frame = pd.DataFrame({**BASE, "label": [1.0, 2.5, -3.0]})
    table = score_table(frame, {"task": "regression", "classes": None})
    assert (table.task, table.positives, list(table.labels)) == ("regression", 0, [1.0, 2.5, -3.0])


def test_scores_without_a_class_are_refused() -> None:
    """A model that gives more or fewer scores than there are classes cannot be read again."""
    with pytest.raises(BadInput, match="gave 3 scores a row as champion; there are 2 classes"):
        score_columns("champion", np.zeros((2, 3)), ["a", "b"])


@pytest.mark.parametrize("name", ["label", "row_id", "candidate", "golden", "weight", "variant:x", "champion:car"])
def test_names_that_the_scores_need_are_refused(name: str) -> None:
    """A slice of that name would overwrite the scores, or be read as some."""
    with pytest.raises(BadInput, match=f"Column '{name}' cannot be kept"):
        check_names(["origin", name])
    check_names(["origin", "candidates", "weights"])


def test_missing_scores_are_broken_evidence(storage: Storage) -> None:
    """What was erased cannot be judged."""
    with pytest.raises(EvidenceBroken, match="Nothing is stored"):
        read_scores(storage, "m", "sha256:00")


@pytest.mark.parametrize(
    ("facts", "more"),
    [
        ({}, {"weight": [1.0, 1.0, 1.0]}),
        ({}, {"golden": [0.1, 0.2, 0.3]}),
        ({}, {"variant:noise": [0.1, 0.2, 0.3]}),
        ({"task": "multiclass", "classes": ["a", "b"]}, {}),
        ({"task": "binary"}, {"candidate:a": [0.1, 0.2, 0.3]}),
    ],
)
def test_manifest_that_contradicts_the_columns_is_broken_evidence(facts: dict[str, Any], more: dict[str, Any]) -> None:
    """A manifest without its task would turn weights into a slice; the id of the scores does not prove it."""
    with pytest.raises(EvidenceBroken, match="The manifest of the scores was changed"):
        score_table(pd.DataFrame({**BASE, **more}), facts)


def test_classes_in_another_order_are_broken_evidence() -> None:
    """Exchanged classes would give each row the probability of another class."""
    scores = score_columns("candidate", np.array([[0.9, 0.1]]), ["a", "b"])
    frame = pd.DataFrame({"row_id": ["r"], "label": [0], **scores})
    with pytest.raises(EvidenceBroken, match="candidate:a, candidate:b are not those of its task and classes"):
        score_table(frame, {"task": "multiclass", "classes": ["b", "a"]})
