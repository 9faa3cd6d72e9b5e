"""What was found about one expectation."""

import datetime as dt
import json
import math

import pytest

from airflow_provider_mlops.core.expectation import Judged, is_row_level, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1 << 80, str(1 << 80)),
        (0.5, 0.5),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ("x" * 300, "x" * 200),
        (dt.date(2013, 1, 31), "2013-01-31"),
        ([1, math.nan] * 50, [1, "nan"] * 10),
        ({"a": (1, {"b": b"c"})}, {"a": [1, {"b": "b'c'"}]}),
    ],
)
def test_shown_values(value: object, expected: object) -> None:
    """Whatever stood in a row, a record holds it as bounded JSON."""
    assert shown(value) == expected
    json.dumps(shown(value), allow_nan=False)


def test_row_level() -> None:
    """An expectation about values names rows, one about a column or a table does not."""
    assert is_row_level("expect_column_values_to_be_unique")
    assert not is_row_level("expect_column_mean_to_be_between")
    assert not is_row_level("expect_magic")


def test_to_dict() -> None:
    """A finding is JSON with all its parts."""
    judged = Judged(position=1, type="t", kwargs={"column": "x"}, holds=None, engine="duckdb", sample_rows=3)
    assert json.loads(json.dumps(judged.to_dict())) == {
        "position": 1,
        "type": "t",
        "kwargs": {"column": "x"},
        "holds": None,
        "error": None,
        "numbers": {},
        "partial_unexpected": [],
        "engine": "duckdb",
        "sample_rows": 3,
    }
