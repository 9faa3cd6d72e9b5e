"""Tests of the slices that a figure shows: each one measured on its own rows, and nothing left out in silence."""

import numpy as np
import pytest

from airflow_provider_mlops.statistics.auc import auc_interval
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.slice_rows import measure_by_slice

RANDOM = np.random.default_rng(4)
N = 3_000
LABELS = (RANDOM.random(N) < 0.3).astype(float)
SCORES = 1 / (1 + np.exp(-(RANDOM.normal(size=N) + LABELS)))


def table(column: list[object] | np.ndarray, champion: bool = True) -> ScoreTable:
    """Put a column beside the scores."""
    values = np.empty(N, dtype=object)
    values[:] = column
    return ScoreTable(LABELS, SCORES, SCORES**2 if champion else None, {"column": values})


def test_each_slice_is_measured_on_its_own_rows() -> None:
    """The interval is that of the slice alone, for each model."""
    column = np.where(np.arange(N) < 1_000, "small", "large").astype(object)

    found = measure_by_slice(table(column), "roc_auc", ["column"], 0.9)

    assert [(row.name, row.n) for row in found.rows] == [("column large", 2_000), ("column small", 1_000)]
    expected = auc_interval(LABELS[:1_000] == 1, SCORES[:1_000], 0.9)
    assert found.rows[1].models["candidate"].to_dict() == pytest.approx(expected.to_dict())
    assert set(found.rows[0].models) == {"candidate", "champion"}


def test_a_slice_that_cannot_be_measured_stays_with_its_reason() -> None:
    """Three rows have no ROC-AUC."""
    column = ["tiny"] * 3 + ["rest"] * (N - 3)

    found = measure_by_slice(table(column, champion=False), "roc_auc", ["column"], 0.9)

    assert found.rows[1].models == {"candidate": None}
    assert "positive rows" in found.rows[1].reason


def test_nulls_are_a_slice_and_values_that_read_the_same_are_one() -> None:
    """None and NaN are both no value; 1 and "1" are one text."""
    column = [None, float("nan"), 1, "1", "x"] * (N // 5)

    found = measure_by_slice(table(column), "brier", ["column"], 0.9)

    assert {row.value: row.n for row in found.rows} == {"(none)": N // 5 * 2, "1": N // 5 * 2, "x": N // 5}


def test_a_column_of_too_many_values_says_so() -> None:
    """It is one line without a value, and nothing is measured."""
    (row,) = measure_by_slice(table([f"v{i}" for i in range(N)]), "brier", ["column"], 0.9).rows

    assert (row.name, row.models) == ("column", {"candidate": None, "champion": None})
    assert "values" in row.reason


def test_a_bootstrap_repeats_itself() -> None:
    """The seed derives from the evaluation and the slice."""
    rows = table(["a", "b", "c"] * (N // 3))
    first, again, other = (
        measure_by_slice(rows, "f1", ["column"], 0.9, evaluation_id=name) for name in ("e", "e", "f")
    )

    assert first == again
    assert first != other
