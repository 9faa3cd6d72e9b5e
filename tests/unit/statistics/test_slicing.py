"""Cutting rows by a column: the values, their rows, and nothing copied that a rule does not look at."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from airflow_provider_mlops.core.dependence import Dependence
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.slicing import MAX_SLICES, Rows, Slicer, column_of, rows_together


def table(**columns: object) -> ScoreTable:
    n = len(next(iter(columns.values())))  # type: ignore[arg-type]
    slices = {name: np.asarray(column) for name, column in columns.items()}
    return ScoreTable(np.arange(n) % 2.0, np.arange(n) / n, np.zeros(n), slices, variants={"noise": np.ones(n)})


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.array(["b", "a", None, "b"], dtype=object), {"(none)": [2], "a": [1], "b": [0, 3]}),
        (np.array(["b", "a", "b"]), {"a": [1], "b": [0, 2]}),
        (np.array([2, 1, 2]), {"1": [1], "2": [0, 2]}),
        (np.array([1.5, np.nan, np.nan]), {"(none)": [1, 2], "1.5": [0]}),
        (np.array([True, False]), {"False": [1], "True": [0]}),
        (np.array([float("nan"), None, "(none)"], dtype=object), {"(none)": [0, 1, 2]}),
        (np.array([], dtype=object), {}),
    ],
)
def test_a_column_is_cut_into_its_values(column: npt.NDArray[Any], expected: dict[str, list[int]]) -> None:
    """Every row is in the slice of its value, in its old order; nulls are a value."""
    cut = column_of(column)

    assert {value: cut.rows_of(value).tolist() for value in cut.values} == expected


def test_a_cut_agrees_with_a_comparison_of_every_row() -> None:
    """On many rows, as a slow reference says."""
    column = np.random.default_rng(3).choice(["EWR", "JFK", "LGA", "TEB"], 10_000).astype(object)
    cut = column_of(column)

    for value in cut.values:
        assert np.array_equal(cut.rows_of(value), np.flatnonzero(column == value))


def test_rows_of_a_slice_carry_their_clusters() -> None:
    """What belongs together stays together in a slice."""
    rows = Rows(table(origin=["a", "b", "a"]), np.array([7, 8, 9]))
    cut = rows.at(np.array([0, 2]))

    assert cut.clusters is not None
    assert cut.clusters.tolist() == [7, 9]
    assert cut.table.labels.tolist() == [0, 0]


def test_what_a_rule_does_not_look_at_is_left_out() -> None:
    """Other columns, models and variants are not cut."""
    bare = Rows(table(origin=["a", "b"])).only(("golden",)).table
    kept = Rows(table(origin=["a", "b"])).only(("champion",), ("noise",)).table

    assert (bare.champion, dict(bare.slices), dict(bare.variants)) == (None, {}, {})
    assert kept.champion is not None
    assert set(kept.variants) == {"noise"}


def test_a_column_that_is_not_there_or_endless_cannot_cut() -> None:
    """The error names the columns that there are, and the limit."""
    slicer = Slicer(Rows(table(id=np.arange(MAX_SLICES + 1).astype(str))))
    with pytest.raises(NotMeasurable, match="no slice column 'carrier'; they have: id"):
        slicer.column("carrier")
    with pytest.raises(NotMeasurable, match="has 101 values; it must have 1 to 100"):
        slicer.column("id")


def test_rows_that_belong_together_are_read_from_their_column() -> None:
    """Clusters by value, blocks by time; without a rule all are independent."""
    days = ["2013-01-01T08:00:00+00:00", "2013-01-01T23:00:00+00:00", "2013-01-02T01:00:00+00:00"]
    rows = table(customer=["x", "y", "x"], at=days)
    clusters, blocks = (rows_together(d, rows) for d in (Dependence(cluster="customer"), Dependence(time="at")))

    assert rows_together(None, rows) is None
    assert clusters is not None
    assert blocks is not None
    assert clusters[0] == clusters[2] != clusters[1]
    assert blocks[0] == blocks[1] != blocks[2]
    with pytest.raises(NotMeasurable, match=r"no column 'session'.*they have: customer, at"):
        rows_together(Dependence(cluster="session"), rows)


def test_a_slice_column_that_is_no_column_is_refused() -> None:
    """A matrix has no value per row."""
    labels = np.tile([0.0, 1.0], 5)
    with pytest.raises(BadInput, match="slice origin must be one-dimensional"):
        ScoreTable(labels, labels, slices={"origin": np.ones((10, 2))})
