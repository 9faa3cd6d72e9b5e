"""Columns and their summaries: nulls counted, infinities kept, wrong kinds refused."""

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.columns import Categories, ColumnSample, Numbers


def test_numbers_keep_everything() -> None:
    """Nulls are counted, infinities stay among the values."""
    summary = Numbers.of(ColumnSample("numeric", np.array([3, np.nan, -np.inf, 1, np.inf])))

    assert summary.ordered.tolist() == [-np.inf, 1, 3, np.inf]
    assert (summary.nulls, summary.infinite) == (1, 2)


def test_categories_keep_everything() -> None:
    """None and NaN are nulls; everything else is a category by its text."""
    summary = Categories.of(ColumnSample("categorical", np.array(["a", None, float("nan"), "a", 7], dtype=object)))

    assert summary.counts == {"a": 2, "7": 1}
    assert summary.nulls == 2


def test_whole_numbers_and_booleans_are_numeric() -> None:
    """They become floats."""
    assert ColumnSample("numeric", np.array([1, 2])).values.dtype == np.float64
    assert ColumnSample("numeric", np.array([True, False])).values.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("numeric", np.array(["1", "2"])),
        ("numeric", np.array([1, None], dtype=object)),
        ("numeric", np.ones((2, 2))),
        ("categorical", np.ones((2, 2))),
        ("ordinal", np.ones(2)),
    ],
)
def test_a_wrong_column_is_refused(kind: str, values: np.ndarray) -> None:
    """Text is no number, a table is no column, and there are two kinds."""
    with pytest.raises(BadInput):
        ColumnSample(kind, values)  # type: ignore[arg-type]
