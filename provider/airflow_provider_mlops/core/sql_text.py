"""Queries as text: which parameters they bind, whether they are ordered, and how a driver wants them written.

Values never become text here. A query names its parameters ``:name``; each driver gets its own placeholder and the
values beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_mlops.core.errors import BadInput

# What stands in quotes or comments is no code; PostgreSQL's ``::type`` is no parameter, ``\:`` is a plain colon.
_TOKEN = re.compile(
    r"""
    (?P<quoted>[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
      | (?<![\w$])\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$)
  | (?P<comment>--[^\n]* | /\*.*?\*/)
  | (?P<colon>\\:)
  | (?<![:\w\\]):(?P<name>[A-Za-z_]\w*)
  | (?P<sign>[();])
    """,
    re.VERBOSE | re.DOTALL,
)
_ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
_READS = re.compile(r"[\s(]*(select|with|values|table)\b", re.IGNORECASE)
STYLES = ("qmark", "format", "pyformat", "named", "numeric")


def checked_query(query: str) -> str:
    """Return a query without a semicolon at its end, after looking that it is one statement that reads.

    :param query: text of the query.
    :return: the same text.
    :raises BadInput: when it is empty, several statements, or does not begin with SELECT, WITH, VALUES or TABLE.
    """
    code = _code(query)
    text = query.rstrip()
    if code.rstrip().endswith(";"):
        cut = max(match.start() for match in _TOKEN.finditer(query) if match["sign"] == ";")
        text, code = (query[:cut] + query[cut + 1 :]).rstrip(), code.rstrip()[:-1]
    if ";" in code:
        raise BadInput("The query holds several statements; write one SELECT, without a semicolon inside.")
    if not _READS.match(code):
        raise BadInput("The query must begin with SELECT, WITH, VALUES or TABLE; a source only reads.")
    return text


def has_order(query: str) -> bool:
    """Tell whether a query orders its rows, outside any parentheses.

    :param query: text of the query.
    """
    depth, outside = 0, []
    for sign in _code(query):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            outside.append(sign)
    return _ORDER_BY.search("".join(outside)) is not None


def ordered(query: str, order_by: tuple[str, ...]) -> str:
    """Return a query whose rows have an order: its own, or the given one.

    :param query: text of the query.
    :param order_by: columns to order by, checked as plain names.
    :return: the query, wrapped when columns are given.
    :raises BadInput: when there is no order, or two.
    """
    own = has_order(query)
    if own and order_by:
        raise BadInput("The query has an ORDER BY and the source order_by; keep one of them.")
    if own:
        return query
    if not order_by:
        raise BadInput(
            "The query has no ORDER BY. The order of rows is part of a snapshot's identity: order by a unique key, "
            "in the query or with order_by=[...]."
        )
    return f"SELECT * FROM (\n{query}\n) mlops_rows ORDER BY {', '.join(order_by)}"  # noqa: S608 - plain names


def parameters_of(query: str) -> list[str]:
    """List the parameters that a query names, in order of first use.

    :param query: text of the query.
    """
    return list(dict.fromkeys(match["name"] for match in _TOKEN.finditer(query) if match["name"]))


def bind(query: str, values: Mapping[str, Any], style: str) -> tuple[str, list[Any] | dict[str, Any] | None]:
    """Write a query as a driver wants it, with the values beside it.

    :param query: text with ``:name`` parameters.
    :param values: value by name; more than the query names are allowed.
    :param style: the driver's ``paramstyle`` (PEP 249).
    :return: the text and the second argument of ``cursor.execute``, None when the query names no parameter.
    :raises BadInput: when the query names a parameter that has no value, or the style is unknown.
    """
    if style not in STYLES:
        raise BadInput(f"The driver's paramstyle {style!r} is unknown; known are: {', '.join(STYLES)}.")
    names = parameters_of(query)
    if not names:
        return replaced(query, values, lambda name: name), None
    order: list[str] = []

    def placeholder(name: str) -> str:
        order.append(name)
        marks = {"qmark": "?", "format": "%s", "pyformat": f"%({name})s", "named": f":{name}"}
        return marks.get(style, f":{len(order)}")

    doubled = style in ("format", "pyformat")
    text = replaced(query, values, placeholder, percent="%%" if doubled else "%")
    if style in ("pyformat", "named"):
        return text, {name: values[name] for name in names}
    return text, [values[name] for name in order]


def replaced(query: str, values: Mapping[str, Any], write: Callable[[str], str], percent: str = "%") -> str:
    r"""Return a query with each ``:name`` replaced and ``\:`` turned into a plain colon.

    :param query: text of the query.
    :param values: the names that are known.
    :param write: gives the text for a name.
    :param percent: what a percent sign of the query becomes.
    :raises BadInput: when the query names a parameter that is not known.
    """

    def one(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return ":" if match["colon"] else match[0].replace("%", percent)
        if name not in values:
            known = ", ".join(f":{known}" for known in values)
            raise BadInput(f"The query names :{name}, which is no parameter ({known}); write \\: for a plain colon.")
        return write(name)

    parts, end = [], 0
    for match in _TOKEN.finditer(query):
        parts += [query[end : match.start()].replace("%", percent), one(match)]
        end = match.end()
    return "".join([*parts, query[end:].replace("%", percent)])


def _code(query: str) -> str:
    """Return a query without comments and quoted parts, each a space."""
    return _TOKEN.sub(lambda match: match[0] if match["sign"] else " ", query)
