"""Conditions of rows on which every engine must find the same as Great Expectations on pandas."""

from collections.abc import Iterator
from typing import Any

from tests.support.expectations import Case, rows

Condition = dict[str, Any]


def compared(column: str, operator: str, parameter: Any) -> Condition:
    """A column held against a value."""
    return {"type": "comparison", "column": {"name": column}, "operator": operator, "parameter": parameter}


def missing(column: str, *, is_null: bool) -> Condition:
    """A column that has a value, or has none."""
    return {"type": "nullity", "column": {"name": column}, "is_null": is_null}


def joined(word: str, *conditions: Condition) -> Condition:
    """Several conditions."""
    return {"type": word, "conditions": list(conditions)}


SOME = joined("or", compared("i", "<", 9), joined("and", compared("t", "==", "ab"), missing("n", is_null=False)))
CONDITIONS = (SOME, compared("n", "!=", 2), compared("i", ">", 1000))
"""Met by some rows, also by such without a value, and by none."""
NUMBERS = {"i": [3, 3.5, -1, 100], "n": [2, 2.5, 0], "f": [0.5, 1, -1], "small": [2], "same": [7], "e": [1.0]}
TEXTS = {"t": ["ab", "", "Zürich", "o'clock", "a b\n"], "code": ["A0", "B1"], "blank": ["a"]}


def conditions() -> Iterator[Condition]:
    """Every operator, on columns of every kind that is compiled."""
    for column, values in NUMBERS.items():
        for operator in ("==", "!=", "<", "<=", ">", ">="):
            yield from (compared(column, operator, value) for value in values)
    for column, texts in TEXTS.items():
        for operator in ("==", "!="):
            yield from (compared(column, operator, text) for text in texts)
    for column, listed in {**NUMBERS, **TEXTS}.items():
        for operator in ("IN", "NOT_IN"):
            yield from (compared(column, operator, values) for values in (listed, []))
    for column in ("b", "bn"):
        for operator in ("==", "!="):
            yield from (compared(column, operator, value) for value in (True, False))
    for column in rows().column_names:
        yield from (missing(column, is_null=is_null) for is_null in (True, False))
    yield from CONDITIONS


def about(cases: list[Case], *met: Condition) -> list[Case]:
    """The cases, about the rows that meet each of some conditions."""
    return [(kind, {**kwargs, "row_condition": one}) for kind, kwargs in cases for one in met]
