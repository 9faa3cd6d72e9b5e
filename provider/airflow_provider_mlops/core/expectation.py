"""What was found about one expectation of a suite, whichever engine looked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

DUCKDB, GREAT_EXPECTATIONS, SPARK = "duckdb", "great_expectations", "spark"
ENGINES = (DUCKDB, GREAT_EXPECTATIONS, SPARK)
MAX_SHOWN = 20
"""Unexpected values that a result shows; never a list that grows with the rows."""
MAX_SHOWN_TEXT = 200
"""Characters of a shown value or an error."""

ROW_LEVEL = frozenset(
    {
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_match_like_pattern",
        "expect_column_values_to_match_like_pattern_list",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_not_match_like_pattern",
        "expect_column_values_to_not_match_like_pattern_list",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_not_match_regex_list",
        "expect_compound_columns_to_be_unique",
        "expect_multicolumn_sum_to_equal",
        "expect_multicolumn_values_to_be_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)
"""Expectations that name the rows that break them, so that these rows can be set aside."""

ROW_BY_ROW = (ROW_LEVEL - {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}) | {
    "expect_column_values_to_be_dateutil_parseable",
    "expect_column_values_to_be_json_parseable",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_match_strftime_format",
}
"""Expectations that judge each row without looking at another, so that counts of parts of the rows add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an engine found about one expectation.

    :param position: place of the expectation in its suite, from 0.
    :param type: its type, as Great Expectations names it.
    :param kwargs: its arguments.
    :param holds: True or False; None when the rows that were seen do not decide it.
    :param error: why it could not be judged (a missing column, say); None when it was.
    :param numbers: figures by the names of Great Expectations: ``element_count``, ``missing_count``,
        ``unexpected_count``, ``unexpected_percent``, ``observed_value``, ...; JSON-safe.
    :param partial_unexpected: at most 20 values that break it; JSON-safe, texts cut.
    :param engine: ``duckdb``, ``great_expectations`` or ``spark``.
    :param sample_rows: rows that were seen when not all were; None when all were.
    """

    position: int
    type: str
    kwargs: Mapping[str, Any]
    holds: bool | None
    engine: str
    error: str | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    partial_unexpected: Sequence[Any] = ()
    sample_rows: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe mapping."""
        return {
            "position": self.position,
            "type": self.type,
            "kwargs": dict(self.kwargs),
            "holds": self.holds,
            "error": self.error,
            "numbers": dict(self.numbers),
            "partial_unexpected": list(self.partial_unexpected),
            "engine": self.engine,
            "sample_rows": self.sample_rows,
        }


def is_row_level(expectation_type: str) -> bool:
    """Tell whether an expectation names the rows that break it, so that they can be set aside.

    :param expectation_type: type as Great Expectations names it.
    :return: True for expectations about single values, pairs or records.
    """
    return expectation_type in ROW_LEVEL


def shown(value: Any) -> Any:
    """Make a value fit for a record: JSON-safe, and no longer than a line or two.

    :param value: anything.
    :return: None, a truth value, a finite number or a text of at most 200 characters; collections keep 20 entries.
    """
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 1 << 63 else str(value)[:MAX_SHOWN_TEXT]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return {str(key)[:MAX_SHOWN_TEXT]: shown(item) for key, item in list(value.items())[:MAX_SHOWN]}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value[:MAX_SHOWN]]
    return (value.isoformat() if hasattr(value, "isoformat") else str(value))[:MAX_SHOWN_TEXT]
