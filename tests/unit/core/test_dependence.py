"""Rows that belong together: how that is written and read."""

from typing import Any

import pytest

from airflow_provider_mlops.core.dependence import Dependence, read_dependence, stored_dependence
from airflow_provider_mlops.core.errors import BadInput


@pytest.mark.parametrize("mapping", [{"cluster": "customer"}, {"time": "departure", "block_days": 7.0}])
def test_what_is_written_is_read_again(mapping: dict[str, Any]) -> None:
    """The record holds the form of the policy."""
    assert read_dependence(mapping, "it").to_dict() == mapping


def test_a_block_is_a_day_unless_it_is_told_otherwise() -> None:
    """The column is the one that the test rows must keep."""
    assert read_dependence({"time": "departure"}, "it") == Dependence(time="departure", block_days=1.0)
    assert Dependence(time="departure").column == "departure"
    assert Dependence(cluster="customer").column == "customer"


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "it must have either cluster, or time"),
        ({"cluster": "a", "time": "b"}, "it must have either cluster, or time"),
        ({"cluster": "a", "block_days": 2}, "it must have either cluster, or time"),
        ({"time": "a", "block_days": 0}, "block_days must be above 0"),
        ({"clusters": "a"}, "unknown key 'clusters'"),
        ("customer", "must be a mapping"),
    ],
)
def test_anything_else_is_refused(mapping: Any, message: str) -> None:
    """The text names the place and what is allowed there."""
    with pytest.raises(BadInput, match=message):
        read_dependence(mapping, "it")


def test_records_without_a_word_took_rows_for_independent() -> None:
    """Also those from before there was such a word."""
    assert stored_dependence({}) is None
    assert stored_dependence({"dependence": None}) is None
    assert stored_dependence({"dependence": {"cluster": "day"}}) == Dependence(cluster="day")
