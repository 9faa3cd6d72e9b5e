"""Which column of a manifest says when, also in manifests of earlier versions."""

from typing import Any

import pytest

from airflow_provider_mlops.core.snapshot_manifest import time_column_of

COLUMNS = [
    {"name": "year", "type": "int64", "min": 2013, "max": 2014},
    {"name": "day", "type": "date32[day]", "min": "2013-01-01", "max": "2014-12-31"},
    {"name": "at", "type": "timestamp[us, tz=UTC]", "min": "2013-01-01T00:00:00+00:00", "max": "2013-02-01"},
]


@pytest.mark.parametrize(
    ("stated", "column"),
    [
        ({"time_column": "at", "time_range": None}, "at"),
        ({"time_column": "day"}, "day"),
        ({"time_range": ["2013-01-01", "2014-12-31"]}, "day"),
        ({"time_range": None}, None),
        ({}, None),
        # Once accepted: what is written anew from such rows must not be refused for it.
        ({"time_column": "year", "time_range": ["2013", "2014"]}, None),
        ({"time_column": "gone"}, None),
    ],
)
def test_the_time_column_of_a_manifest(stated: dict[str, Any], column: str | None) -> None:
    """It is named, or found by its range; numbers are none, whatever an earlier version took for one."""
    assert time_column_of({"columns": COLUMNS, **stated}) == column
