"""Rows that belong together: by name, by block of time, and what cannot be placed."""

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.resampling import clusters_of


def test_rows_of_one_name_have_one_code() -> None:
    """Codes are equal exactly where the names are."""
    assert clusters_of(np.array(["b", "a", "b", "c"], dtype=object)).tolist() == [1, 0, 1, 2]


def test_rows_of_one_block_have_one_code() -> None:
    """Midnight UTC starts a day; a time without a zone is UTC, one with a zone is moved there."""
    times = [
        "2013-01-01 00:00:00",
        "2013-01-01T23:59:59.5",
        "2013-01-02",
        "2013-01-02T01:00:00+02:00",
        "2013-01-01T23:00:00-05:00",
    ]
    days = clusters_of(times, block_days=1)

    assert (days - days[0]).tolist() == [0, 0, 1, 0, 1]
    assert len(set(clusters_of(times, block_days=7))) == 1
    assert len(set(clusters_of(times, block_days=0.5))) == 3


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_a_row_of_no_cluster_is_not_measurable(missing: object) -> None:
    """A row that says nothing could belong anywhere."""
    with pytest.raises(NotMeasurable, match="1 of 3 rows do not say"):
        clusters_of(np.array(["a", missing, "b"], dtype=object))


def test_what_is_no_time_cannot_be_cut_into_blocks() -> None:
    """The error shows the value."""
    with pytest.raises(NotMeasurable, match="'soon' is no time"):
        clusters_of(["2013-01-01", "soon"], block_days=1)


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf")])
def test_a_block_has_a_length(days: float) -> None:
    """Zero, negative and endless blocks are refused."""
    with pytest.raises(BadInput, match="above zero"):
        clusters_of(["2013-01-01"], block_days=days)
