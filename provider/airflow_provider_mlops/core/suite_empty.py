"""Judging a snapshot of no rows: its columns by the suite, and whether there may be none at all."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops.core.verdict import Outcome, RuleResult

EMPTY_MARK = "empty"
ABOUT_COLUMNS = frozenset(
    {
        "expect_column_to_exist",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_be_of_type",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
    }
)
"""Expectations that look at no row."""


def column_positions(suite: Mapping[str, Any]) -> list[int]:
    """Return the places, from 0, of the expectations that can be judged without a row.

    :param suite: as `core.suite.read_suite` returns it.
    """
    return [place for place, item in enumerate(suite["expectations"]) if item["type"] in ABOUT_COLUMNS]


def empty_rule(suite: Mapping[str, Any]) -> RuleResult:
    """Say whether a suite accepts a snapshot without rows; most expectations hold for no row at all, and prove nothing.

    :param suite: as `core.suite.read_suite` returns it.
    :return: the rule ``rows``: PASS where the suite says so, else INCONCLUSIVE.
    """
    unjudged = len(suite["expectations"]) - len(column_positions(suite))
    told = f"there are no rows, so that {unjudged} of {len(suite['expectations'])} expectations have nothing to judge"
    if suite.get("allow_empty"):
        reason, outcome = f"{told}; the suite allows that", Outcome.PASS
    else:
        reason = f"{told}; where a partition may have none, say so in the suite: allow_empty: true"
        outcome = Outcome.INCONCLUSIVE
    return RuleResult(rule="rows", outcome=outcome, reason=reason, numbers={"rows": 0, "not_judged": unjudged})
