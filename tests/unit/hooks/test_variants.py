"""Altered feature rows of each kind, on columns of each type."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.variants import read_variants
from airflow_provider_mlops.hooks.variants import altered_rows

ROWS = 400


def rows() -> pd.DataFrame:
    """Return feature rows of every type, with gaps."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "number": rng.normal(10, 2, ROWS),
            "count": rng.integers(0, 9, ROWS),
            "flag": rng.random(ROWS) < 0.5,
            "text": rng.choice(["a", "b", "c"], ROWS, p=[0.6, 0.3, 0.1]),
            "kind": pd.Categorical(rng.choice(["x", "y"], ROWS)),
        }
    )
    frame.loc[3, "number"] = np.nan
    frame.loc[4, "text"] = None
    return frame


def altered(name: str = "v", *, counterfactual: bool = False, inputs: str = "i", **spec: Any) -> tuple[Any, int]:
    """Alter the rows as a user's setting asks for."""
    read = read_variants(None, {name: spec}) if counterfactual else read_variants({name: spec}, None)
    return altered_rows(rows(), name, read[name], inputs)


def changed(frame: pd.DataFrame) -> dict[str, int]:
    """Count the changed values by column."""
    before = rows()
    pairs = {str(name): (before[name].astype(object), frame[name].astype(object)) for name in before}
    return {n: int(((a != b) & ~(a.isna() & b.isna())).sum()) for n, (a, b) in pairs.items()}


def test_noise_is_on_numbers() -> None:
    """All numbers are disturbed, gaps, texts and yes or no stay, and so do the rows that were given."""
    before = rows()
    frame, count = altered(kind="noise", scale=0.1)
    assert changed(frame) == {"number": ROWS - 1, "count": ROWS, "flag": 0, "text": 0, "kind": 0}
    assert count == ROWS
    pd.testing.assert_frame_equal(before, rows())


def test_noise_derives_from_content() -> None:
    """The same inputs and name give the same rows; other inputs, names and columns draw their own noise."""
    first, _ = altered(kind="noise", scale=0.1)
    again, _ = altered(kind="noise", scale=0.1)
    pd.testing.assert_frame_equal(first, again)
    for other in (altered(inputs="j", kind="noise", scale=0.1), altered("w", kind="noise", scale=0.1)):
        assert not first["number"].equals(other[0]["number"])
    shift = {name: ((first[name] - rows()[name]) / rows()[name].std(ddof=0)).drop(3) for name in ("number", "count")}
    assert abs(np.corrcoef(shift["number"], shift["count"])[0, 1]) < 4 / np.sqrt(ROWS)


def test_only_named_columns_are_disturbed() -> None:
    """With `columns` the others stay."""
    frame, _ = altered(kind="out_of_range", factor=1, columns="count")
    assert changed(frame) == {"number": 0, "count": ROWS, "flag": 0, "text": 0, "kind": 0}
    assert sorted(frame["count"].unique()) == [-8.0, 16.0]


def test_values_are_missing_in_every_type() -> None:
    """The share is missing in each column by itself, whatever its type."""
    frame, count = altered(kind="missing", share=0.2)
    gaps = frame.isna().sum() - rows().isna().sum()
    # 4 standard errors of a binomial with 400 rows are 0.08.
    assert all(gaps.between(ROWS * 0.12 - 2, ROWS * 0.28))
    assert count > gaps.max()
    assert frame["number"].dtype == frame["count"].dtype == frame["flag"].dtype == np.float64
    assert (frame["text"].dtype, frame["kind"].dtype.name) == (np.dtype(object), "category")


def test_rows_of_the_rarest_category() -> None:
    """Every row gets the rarest category; a gap stays one."""
    frame, count = altered(kind="rare_category", column="text")
    assert frame["text"].value_counts(dropna=False).to_dict() == {"c": ROWS - 1, None: 1}
    assert count == (rows()["text"].isin(["a", "b"])).sum()


@pytest.mark.parametrize(
    ("column", "values", "ask"),
    [
        ("text", {"a": "b", "b": "a"}, {"a": "b", "b": "a"}),
        ("text", {"a": "new"}, {"a": "new"}),
        ("count", {0: 8, "8": "0"}, {0: 8, 8: 0}),
        ("count", {0: 20}, {0: 20}),
        ("flag", {True: False, False: True}, {True: False, False: True}),
        ("kind", {"x": "y", "y": "x"}, {"x": "y", "y": "x"}),
        ("kind", {"x": "z"}, {"x": "z"}),
    ],
)
def test_values_change_places(column: str, values: dict[Any, Any], ask: dict[Any, Any]) -> None:
    """A counterfactual exchanges values all at once and keeps everything else, the type too."""
    frame, count = altered(counterfactual=True, column=column, values=values)
    before = rows()[column]
    expected = before.astype(object).map(lambda value: ask.get(value, value))
    assert frame[column].astype(object).where(frame[column].notna(), None).tolist() == expected.tolist()
    assert count == before.isin(list(ask)).sum()
    assert frame[column].dtype.kind == before.dtype.kind
    assert changed(frame) == {name: count if name == column else 0 for name in frame}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"kind": "noise", "scale": 1, "columns": ["late"]}, "alters 'late', which is no feature of the candidate"),
        ({"kind": "noise", "scale": 1, "columns": ["text"]}, "alters 'text', which is not numeric: object"),
        ({"kind": "out_of_range", "factor": 1, "columns": ["flag"]}, "alters 'flag', which is not numeric: bool"),
        ({"kind": "rare_category", "column": "row_id"}, "alters 'row_id', which is no feature"),
    ],
)
def test_bad_columns_are_named(spec: dict[str, Any], says: str) -> None:
    """Label and row id cannot be altered, since they are no features; a text has no standard deviation."""
    with pytest.raises(BadInput, match=says):
        altered(**spec)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("text", {"z": "a"}, "column 'text': no row has the value 'z'"),
        ("count", {"many": 1}, "'many' is no number, and the column holds numbers"),
        ("count", {1: "many"}, "'many' is no number, and the column holds numbers"),
        ("flag", {True: "maybe"}, "'maybe' must be True or False"),
    ],
)
def test_values_that_cannot_be_are_named(column: str, values: dict[Any, Any], says: str) -> None:
    """A misspelt value would exchange nothing, and every model would pass."""
    with pytest.raises(BadInput, match=says):
        altered(counterfactual=True, column=column, values=values)


def test_variant_that_changes_nothing_is_refused() -> None:
    """Noise on a constant proves nothing."""
    frame = pd.DataFrame({"a": [1.0, 1.0], "b": ["x", "x"]})
    for spec in ({"kind": "noise", "scale": 1}, {"kind": "rare_category", "column": "b"}):
        with pytest.raises(BadInput, match="changes none of 2 rows"):
            altered_rows(frame, "v", spec, "i")
    with pytest.raises(BadInput, match="needs numeric features"):
        altered_rows(frame[["b"]], "v", {"kind": "noise", "scale": 1}, "i")
