"""Conditions of expectations, in words, and whether a row alone meets them."""

from typing import Any

import pytest

from airflow_provider_mlops.core.expectation import DUCKDB, Judged
from airflow_provider_mlops.core.row_condition import condition_text, meets_alone
from airflow_provider_mlops.core.suite_verdict import judge_suite


def compared(column: str, operator: str, parameter: Any) -> dict[str, Any]:
    """A column held against a value."""
    return {"type": "comparison", "column": {"name": column}, "operator": operator, "parameter": parameter}


FLOWN = compared("cancelled", "==", 0)
NOON = {"type": "nullity", "column": {"name": "noon"}, "is_null": False}
BIG = compared("carrier", "NOT_IN", ["AA", "ÜA"])


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (FLOWN, "cancelled == 0"),
        (NOON, "noon is not null"),
        ({**NOON, "is_null": True}, "noon is null"),
        (BIG, 'carrier not in ["AA", "ÜA"]'),
        ({"type": "and", "conditions": [FLOWN, NOON]}, "cancelled == 0 and noon is not null"),
        (
            {"type": "and", "conditions": [BIG, {"type": "or", "conditions": [FLOWN, NOON]}]},
            'carrier not in ["AA", "ÜA"] and (cancelled == 0 or noon is not null)',
        ),
        ("x > x.mean()", "x > x.mean()"),
        ({"type": "pass_through", "pass_through_filter": "x > 1"}, "x > 1"),
        ({"type": "comparison"}, '{"type": "comparison"}'),
        ({"type": ["and"]}, '{"type": ["and"]}'),
        ([1], "[1]"),
    ],
    ids=str,
)
def test_in_words(wanted: Any, text: str) -> None:
    """As people would write it; what is none that is known stays what it is."""
    assert condition_text(wanted) == text


@pytest.mark.parametrize(
    ("kwargs", "alone"),
    [
        ({}, True),
        ({"row_condition": None}, True),
        ({"row_condition": {"type": "or", "conditions": [FLOWN, {"type": "and", "conditions": [NOON, BIG]}]}}, True),
        ({"row_condition": 'col("x") > 1', "condition_parser": "great_expectations"}, True),
        ({"row_condition": 'col("x") > 1', "condition_parser": "great_expectations__experimental__"}, True),
        ({"row_condition": "x > x.mean()", "condition_parser": "pandas"}, False),
        ({"row_condition": "x > x.mean()"}, False),
        ({"row_condition": {"type": "pass_through", "pass_through_filter": "x > x.mean()"}}, False),
        ({"row_condition": {"type": "or", "conditions": [FLOWN, {"type": "pass_through"}]}}, False),
        ({"row_condition": [FLOWN]}, False),
        ({"row_condition": {"type": ["and"]}}, False),
    ],
    ids=str,
)
def test_whether_a_row_alone_meets_it(kwargs: dict[str, Any], alone: bool) -> None:
    """An expression of pandas may look at all rows."""
    assert meets_alone(kwargs) is alone


def test_a_verdict_says_which_rows_were_asked() -> None:
    """After what was demanded of them."""
    item = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "dep", "row_condition": FLOWN}}
    found = Judged(position=0, holds=False, engine=DUCKDB, numbers={"element_count": 9, "unexpected_count": 2}, **item)
    verdict = judge_suite([found], {"name": "s", "expectations": [{**item, "severity": "critical"}]})
    assert verdict.rules[0].reason == (
        "dep: expect_column_values_to_not_be_null where cancelled == 0 does not hold: 2 of 9 values"
    )
