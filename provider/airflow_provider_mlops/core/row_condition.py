"""The condition of an expectation: which rows it is about, as Great Expectations writes it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

CONDITION = ("row_condition", "condition_parser")
"""Arguments of an expectation that say which rows it is about."""
_KINDS = ("comparison", "nullity", "and", "or")


def meets_alone(kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a row alone says if it meets an expectation's condition, whatever the other rows are.

    :param kwargs: the expectation's arguments.
    :return: True without a condition, and for those that Great Expectations has words for; an expression of pandas or
        Spark may ask for a column's mean.
    """
    wanted = kwargs.get("row_condition")
    if isinstance(wanted, str):
        return str(kwargs.get("condition_parser")).startswith("great_expectations")
    if not isinstance(wanted, Mapping):
        return wanted is None
    parts = wanted.get("conditions", ())
    return wanted.get("type") in _KINDS and all(meets_alone({"row_condition": part}) for part in parts)


def condition_text(wanted: Any) -> str:
    """Write a condition for people.

    :param wanted: ``row_condition`` of an expectation.
    :return: such as ``cancelled == 0 and carrier in ["AA", "UA"]``; JSON where it is none that is known.
    """
    if isinstance(wanted, str):
        return wanted
    try:
        return _WORDS[wanted["type"]](wanted)
    except (KeyError, TypeError):
        return json.dumps(wanted, default=str, ensure_ascii=False)


def _comparison(wanted: Mapping[str, Any]) -> str:
    operator = str(wanted["operator"]).lower().replace("_", " ")
    return f"{wanted['column']['name']} {operator} {json.dumps(wanted['parameter'], default=str, ensure_ascii=False)}"


def _nullity(wanted: Mapping[str, Any]) -> str:
    return f"{wanted['column']['name']} is {'' if wanted['is_null'] else 'not '}null"


def _joined(wanted: Mapping[str, Any]) -> str:
    parts = [condition_text(part) for part in wanted["conditions"]]
    return f" {wanted['type']} ".join(f"({text})" if " or " in text else text for text in parts)


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "comparison": _comparison,
    "nullity": _nullity,
    "and": _joined,
    "or": _joined,
    "pass_through": lambda wanted: str(wanted["pass_through_filter"]),
}
