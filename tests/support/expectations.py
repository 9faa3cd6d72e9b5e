"""Rows and expectations on which every engine must find the same as Great Expectations on pandas."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

Case = tuple[str, dict[str, Any]]

_AT = dt.datetime(2013, 1, 1)  # noqa: DTZ001 - times without a zone are what is tested
_TEXTS = ["ab", "ÄÖ", "a b\n", "", "Zürich", "日本", "ab12", "x" * 30, "A-1", None]
NUMBERS = ("i", "small", "n", "f", "e", "same")
MOSTLY: tuple[dict[str, float], ...] = ({}, {"mostly": 0.75}, {"mostly": 0.05}, {"mostly": 0.8})
"""Shares that 20 rows meet, meet exactly and miss."""
PATTERNS = (
    "^[A-Z0-9]{2}$", "^[A-Z]", "b", r"\d", r"\D", r"^\w+$", r"\s", r"^\S*$", "^.{2}$", ".", "^$", "(ab|A.)+", "[^a]",
    "a.b", "b$", r"b\Z", "(?s).*", "[à-ÿ]", "ab?1*", "x{30}", "x{31}", "x{2,}?", r"[\d-]", r"[^\s\d]", "'", r"[\w.]+",
    "(?:^a|b$)", r"\n", "(?P<x>a)", "日", r"\W",
)  # fmt: skip
"""Regular expressions that RE2 finds in the same texts, once they are translated."""
LEFT_TO_PYTHON = ("(?i)AB", r"\bab\b", "(?=a)", r"(a)\1", "$x", "(?m)^b", r"x{1001}", r"[^\W\d]")
"""Those that are not compiled."""

MOST_USED = tuple(
    f"expect_{name}"
    for name in [
        "column_distinct_values_to_be_in_set",
        "column_distinct_values_to_contain_set",
        "column_distinct_values_to_equal_set",
        "column_max_to_be_between",
        "column_mean_to_be_between",
        "column_median_to_be_between",
        "column_min_to_be_between",
        "column_most_common_value_to_be_in_set",
        "column_pair_values_a_to_be_greater_than_b",
        "column_pair_values_to_be_equal",
        "column_proportion_of_unique_values_to_be_between",
        "column_quantile_values_to_be_between",
        "column_stdev_to_be_between",
        "column_sum_to_be_between",
        "column_to_exist",
        "column_unique_value_count_to_be_between",
        "column_value_lengths_to_be_between",
        "column_value_lengths_to_equal",
        "column_values_to_be_between",
        "column_values_to_be_in_set",
        "column_values_to_be_in_type_list",
        "column_values_to_be_null",
        "column_values_to_be_of_type",
        "column_values_to_be_unique",
        "column_values_to_match_regex",
        "column_values_to_not_be_in_set",
        "column_values_to_not_be_null",
        "compound_columns_to_be_unique",
        "table_columns_to_match_ordered_list",
        "table_row_count_to_be_between",
    ]
)
"""The thirty of Great Expectations that suites are mostly made of."""


def rows(n: int = 20) -> pa.Table:
    """Rows of every kind: nulls, NaN, ties, texts of many scripts, times with and without a zone, decimals.

    :param n: number of rows.
    """
    spread = list(range(n))
    return pa.table({
        "i": pa.array(spread, pa.int64()),
        "small": pa.array([value % 5 for value in spread], pa.int32()),
        "n": pa.array([None if value % 4 == 3 else value % 6 for value in spread], pa.int64()),
        "f": pa.array([_float(value) for value in spread], pa.float64()),
        "g": pa.array([None if value % 9 == 8 else value / 10 for value in spread], pa.float32()),
        "t": pa.array([_TEXTS[value % len(_TEXTS)] for value in spread], pa.string()),
        "code": pa.array(["AB"[value % 2] + str(value % 3) for value in spread], pa.string()),
        "b": pa.array([value % 3 == 0 for value in spread], pa.bool_()),
        "bn": pa.array([None if value % 5 == 4 else value % 3 == 0 for value in spread], pa.bool_()),
        "at": pa.array([_AT + dt.timedelta(days=value) for value in spread], pa.timestamp("ns")),
        "later": pa.array(
            [None if value % 7 == 6 else _AT + dt.timedelta(days=value + value % 3 - 1) for value in spread],
            pa.timestamp("ns"),
        ),
        "az": pa.array([_AT + dt.timedelta(hours=value) for value in spread], pa.timestamp("us", "UTC")),
        "d": pa.array([(_AT + dt.timedelta(days=value % 4)).date() for value in spread], pa.date32()),
        "m": pa.array([Decimal(value) / 10 for value in spread], pa.decimal128(10, 1)),
        "e": pa.array([None] * n, pa.float64()),
        "blank": pa.array([None] * n, pa.string()),
        "same": pa.array([7] * n, pa.int64()),
        "down": pa.array([n - value // 2 for value in spread], pa.int64()),
    })  # fmt: skip


def same_cases() -> list[Case]:
    """Expectations of every compiled type on columns that keep, break and sit on the edge of them."""
    parts = (_any_column, _numbers, _orders, _times, _texts, _sets, _pairs, _records, _table)
    return [case for part in parts for case in part()]


def _float(value: int) -> float | None:
    if value % 7 == 6:
        return None
    return float(np.nan) if value % 11 == 10 else value / 4


def _map(kind: str, column: str, shares: Any = MOSTLY, **kwargs: Any) -> Iterator[Case]:
    for mostly in shares:
        yield kind, {"column": column, **kwargs, **mostly}


def _between(kind: str, column: str, low: Any, high: Any) -> Iterator[Case]:
    """Limits wide open, on the value, strictly on the value, one-sided, and beside it."""
    for limits in (
        {"min_value": low, "max_value": high},
        {"min_value": low, "max_value": high, "strict_min": True, "strict_max": True},
        {"min_value": low, "strict_min": False},
        {"max_value": high},
        {"max_value": low},
        {"min_value": high, "strict_min": True},
    ):
        yield kind, {"column": column, **limits}


def _any_column() -> Iterator[Case]:
    types = ("int64", "float64", "bool", "object", "float")
    for column in rows(1).column_names:
        yield from _map("expect_column_values_to_not_be_null", column, MOSTLY[:3])
        yield from _map("expect_column_values_to_be_null", column, MOSTLY[:3])
        yield from _map("expect_column_values_to_be_unique", column, MOSTLY[:2])
        share = {"column": column, "min_value": 0.75, "max_value": 1.0}
        yield "expect_column_proportion_of_non_null_values_to_be_between", share
        yield "expect_column_unique_value_count_to_be_between", {"column": column, "min_value": 5, "max_value": 20}
        yield "expect_column_proportion_of_unique_values_to_be_between", {"column": column, "max_value": 0.25}
        yield "expect_column_to_exist", {"column": column, "column_index": 3}
        for kind in types:
            yield "expect_column_values_to_be_of_type", {"column": column, "type_": kind}
        yield "expect_column_values_to_be_in_type_list", {"column": column, "type_list": ["int64", "float64"]}
    for column in ("t", "code", "i", "blank"):
        yield "expect_column_values_to_be_of_type", {"column": column, "type_": "str"}


def _numbers() -> Iterator[Case]:
    for column in (*NUMBERS, "g", "m"):
        yield from _between("expect_column_values_to_be_between", column, 1, 4)
        yield from _between("expect_column_values_to_be_between", column, 0.5, 3.75)
        yield from _map("expect_column_values_to_be_between", column, min_value=0, max_value=3)
        yield from _map("expect_column_values_to_be_in_set", column, value_set=[0, 1.0, 2, 0.5, "a", None])
        yield from _map("expect_column_values_to_not_be_in_set", column, MOSTLY[:2], value_set=[0, 1, 2.5, "a"])
        for name, low, high in (("min", 0, 7), ("max", 1.5, 7), ("sum", 7, 190)):
            yield from _between(f"expect_column_{name}_to_be_between", column, low, high)
    for column in NUMBERS:
        for name in ("mean", "median", "stdev"):
            yield from _between(f"expect_column_{name}_to_be_between", column, 2, 7)
        yield from _map("expect_column_value_z_scores_to_be_less_than", column, threshold=1.5, double_sided=True)
        kwargs = {"column": column, "threshold": 1, "double_sided": False}
        yield "expect_column_value_z_scores_to_be_less_than", kwargs
    for column in ("i", "n", "f", "e"):
        for quantiles, bounds in (([0.5], [None, 2]), ([0.0, 0.25, 1.0], [0, 19]), ([0.05, 0.95, 1 / 3], [0.25, 18])):
            wanted = {"quantiles": quantiles, "value_ranges": [bounds] * len(quantiles)}
            yield "expect_column_quantile_values_to_be_between", {"column": column, "quantile_ranges": wanted}


def _orders() -> Iterator[Case]:
    for column in ("i", "n", "f", "at", "az", "same", "down", "e"):
        for way in ("increasing", "decreasing"):
            yield f"expect_column_values_to_be_{way}", {"column": column, "strictly": True}
            yield f"expect_column_values_to_be_{way}", {"column": column, "mostly": 0.5}


def _times() -> Iterator[Case]:
    for column, low, high in (
        ("at", "2013-01-02T00:00:00", "2013-01-09 00:00:00"),
        ("az", "2013-01-01T02:00:00+00:00", "2013-01-01 10:00:00+01:00"),
        ("d", "2013-01-01", "2013-01-03"),
    ):
        for kind in ("values", "min", "max"):
            yield from _between(f"expect_column_{kind}_to_be_between", column, low, high)


def _texts() -> Iterator[Case]:
    for column in ("t", "code", "blank"):
        yield from _map("expect_column_values_to_be_in_set", column, value_set=["ab", "A0", "B1", "Zürich", 3, None])
        yield from _map("expect_column_values_to_not_be_in_set", column, value_set=["ab", "A0", "o'clock"])
        yield from _map("expect_column_value_lengths_to_equal", column, value=2)
        for limits in ({"min_value": 0, "max_value": 4}, {"min_value": 2}, {"max_value": 2, "strict_max": True}):
            yield "expect_column_value_lengths_to_be_between", {"column": column, **limits}
        for pattern in PATTERNS:
            yield "expect_column_values_to_match_regex", {"column": column, "regex": pattern}
            yield "expect_column_values_to_not_match_regex", {"column": column, "regex": pattern, "mostly": 0.5}
        for match_on in ("any", "all"):
            kwargs = {"column": column, "regex_list": ["^A", r"\d$"], "match_on": match_on}
            yield "expect_column_values_to_match_regex_list", kwargs
        yield "expect_column_values_to_not_match_regex_list", {"column": column, "regex_list": ["^A", r"\s"]}


def _sets() -> Iterator[Case]:
    listed: dict[str, list[Any]] = {
        "small": [0, 1, 2, 3, 4], "n": [0, 1, 2, 3, 4, 5, 6], "code": ["A0", "A1", "A2", "B0"], "t": ["ab"],
        "b": [True], "bn": [True, False], "f": [0.0, 0.25, "x"], "blank": ["x"],
        "same": [7], "m": [0, 1], "e": [1],
    }  # fmt: skip
    for column, values in listed.items():
        for name in ("be_in_set", "contain_set", "equal_set"):
            yield f"expect_column_distinct_values_to_{name}", {"column": column, "value_set": values}
        for ties in ({}, {"ties_okay": True}):
            kwargs = {"column": column, "value_set": values, **ties}
            yield "expect_column_most_common_value_to_be_in_set", kwargs
    yield from _map("expect_column_values_to_be_in_set", "b", value_set=[True])
    yield from _map("expect_column_values_to_be_in_set", "bn", value_set=[1, 0])


def _pairs() -> Iterator[Case]:
    names = (("at", "later"), ("later", "at"), ("i", "small"), ("n", "f"), ("g", "small"), ("same", "same"), ("e", "f"))
    for ignore in ("both_values_are_missing", "either_value_is_missing", "neither"):
        for first, second in names:
            pair = {"column_A": first, "column_B": second, "ignore_row_if": ignore}
            yield "expect_column_pair_values_a_to_be_greater_than_b", {**pair, "or_equal": True}
            yield "expect_column_pair_values_a_to_be_greater_than_b", {**pair, "mostly": 0.25}
            yield "expect_column_pair_values_to_be_equal", pair
        for first, second, pairs in (
            ("code", "small", [["A0", 0], ["B1", 1], ["A2", 2], ["x", None]]),
            ("n", "f", [[0, 0.0], [None, 0.75], [1, 0.25]]),
        ):
            pair = {"column_A": first, "column_B": second, "value_pairs_set": pairs, "ignore_row_if": ignore}
            yield "expect_column_pair_values_to_be_in_set", pair
            yield "expect_column_pair_values_to_be_in_set", {**pair, "mostly": 0.1}
    for first, second in (("t", "code"), ("code", "code"), ("blank", "blank")):
        yield "expect_column_pair_values_to_be_equal", {"column_A": first, "column_B": second}


def _records() -> Iterator[Case]:
    for ignore in ("all_values_are_missing", "any_value_is_missing", "never"):
        for several in (["i", "small"], ["n", "f"], ["n", "small", "same"], ["f", "e"]):
            kwargs = {"column_list": several, "ignore_row_if": ignore}
            for total in (0, 8.5):
                yield "expect_multicolumn_sum_to_equal", {**kwargs, "sum_total": total}
            yield "expect_multicolumn_values_to_be_equal", kwargs
            yield "expect_select_column_values_to_be_unique_within_record", kwargs
            yield "expect_compound_columns_to_be_unique", kwargs
        for several in (["code", "n"], ["t", "blank"], ["small", "bn", "d"]):
            kwargs = {"column_list": several, "ignore_row_if": ignore, "mostly": 0.3}
            yield "expect_compound_columns_to_be_unique", kwargs


def _table() -> Iterator[Case]:
    names = rows(1).column_names
    for limits in ({"min_value": 20, "max_value": 20}, {"min_value": 21}, {"max_value": 19}):
        yield "expect_table_row_count_to_be_between", limits
    yield "expect_table_row_count_to_be_between", {"min_value": 20, "strict_min": True}
    for value in (20, 1, 0, len(names)):
        yield "expect_table_row_count_to_equal", {"value": value}
        yield "expect_table_column_count_to_equal", {"value": value}
        yield "expect_table_column_count_to_be_between", {"min_value": value}
    for several in (names, names[::-1], names[1:], [*names, "more"]):
        yield "expect_table_columns_to_match_ordered_list", {"column_list": several}
        for exact in (True, False):
            yield "expect_table_columns_to_match_set", {"column_set": several, "exact_match": exact}


def cases_by_type() -> dict[str, list[Case]]:
    """The cases of each type, each once."""
    found: dict[str, dict[str, Case]] = defaultdict(dict)
    for kind, kwargs in same_cases():
        found[kind][json.dumps(kwargs)] = (kind, kwargs)
    return {kind: list(cases.values()) for kind, cases in found.items()}
