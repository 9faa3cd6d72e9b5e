"""Patterns as SQL: Python's regular expressions where RE2 gives the same answer, and LIKE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from re import _constants as codes  # type: ignore[attr-defined]  # private, and the only parser that agrees with re
from re import _parser as parser  # type: ignore[attr-defined]  # private, and the only parser that agrees with re
from typing import Any

from airflow_provider_mlops.backends.duckdb_columns import NotCompiled
from airflow_provider_mlops.backends.duckdb_session import text

_MOST_REPEATS = 1000
"""RE2 refuses more."""
_SPACES = r"\x09-\x0d\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_CLASSES = {
    codes.CATEGORY_DIGIT: r"\p{Nd}",
    codes.CATEGORY_WORD: r"\p{L}\p{N}_",
    codes.CATEGORY_SPACE: _SPACES,
}
_FLAGS = re.UNICODE.value | re.DOTALL.value


def search(value: str, pattern: Any) -> str:
    """Write that a regular expression is found in a text.

    :param value: SQL of the text.
    :param pattern: Python regular expression.
    :return: SQL of a truth value.
    :raises NotCompiled: when RE2 has no expression that finds the same.
    """
    written = text(re2(pattern))
    if _found_at_start(pattern):
        # What cannot fail DuckDB asks once for each text of a dictionary; `regexp_matches` can.
        return f"regexp_extract({value}, {written}) <> ''"
    return f"regexp_matches({value}, {written})"


def like(value: str, pattern: Any) -> str:
    """Write that a text is like a pattern, with ``%`` for any characters and ``_`` for one.

    :param value: SQL of the text.
    :param pattern: the pattern.
    :return: SQL of a truth value.
    :raises NotCompiled: when it is not a text.
    """
    if not isinstance(pattern, str) or "\x00" in pattern:
        raise NotCompiled
    return f"{value} LIKE {text(pattern)}"


def re2(pattern: Any) -> str:
    r"""Translate a regular expression of Python into one of RE2 that is found in the same texts.

    It is parsed by Python and written anew from what was understood, every character by its number: what differs
    between the two (``$`` before a last line break, ``\d`` of other scripts, ``.``) is spelled out, what RE2 lacks or
    means otherwise (lookarounds, backreferences, ``\b``, flags) is left to Python.

    :param pattern: the expression.
    :return: the translation.
    :raises NotCompiled: when there is none.
    """
    if not isinstance(pattern, str):
        raise NotCompiled
    try:
        parsed = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as err:
        raise NotCompiled from err
    if parsed.state.flags & ~_FLAGS:
        raise NotCompiled
    return _sequence(list(parsed), dotall=bool(parsed.state.flags & re.DOTALL.value), last=True)


def _found_at_start(pattern: str) -> bool:
    """Whether what is found begins where the text does, so that it is cheap to cut out, and is never empty."""
    parsed = parser.parse(pattern)
    start = (codes.AT_BEGINNING, codes.AT_BEGINNING_STRING)
    return bool(parsed) and parsed[0][0] is codes.AT and parsed[0][1] in start and parsed.getwidth()[0] > 0


def _sequence(items: Sequence[Any], *, dotall: bool, last: bool) -> str:
    end = len(items) - 1
    return "".join(_item(*item, dotall=dotall, last=last and place == end) for place, item in enumerate(items))


def _item(code: Any, value: Any, *, dotall: bool, last: bool) -> str:
    if code is codes.LITERAL:
        return _character(value)
    if code is codes.NOT_LITERAL:
        return f"[^{_character(value)}]"
    if code is codes.ANY:
        return r"(?s:.)" if dotall else r"[^\n]"
    if code is codes.IN:
        return _set(value)
    if code is codes.AT:
        return _place(value, last=last)
    if code is codes.BRANCH:
        return f"(?:{'|'.join(_sequence(list(way), dotall=dotall, last=last) for way in value[1])})"
    if code is codes.SUBPATTERN:
        _, added, removed, inner = value
        if added or removed:
            raise NotCompiled
        return f"(?:{_sequence(list(inner), dotall=dotall, last=last)})"
    if code in {codes.MAX_REPEAT, codes.MIN_REPEAT}:
        return _repeated(value, dotall=dotall)
    raise NotCompiled


def _repeated(value: Any, *, dotall: bool) -> str:
    least, most, inner = value
    unbounded = most is codes.MAXREPEAT
    if least > _MOST_REPEATS or (not unbounded and most > _MOST_REPEATS):
        raise NotCompiled
    # Greedy or not, the expression is found or it is not.
    return f"(?:{_sequence(list(inner), dotall=dotall, last=False)}){{{least},{'' if unbounded else most}}}"


def _place(value: Any, *, last: bool) -> str:
    if value in {codes.AT_BEGINNING, codes.AT_BEGINNING_STRING}:
        return r"\A"
    if value is codes.AT_END_STRING:
        return r"\z"
    if value is codes.AT_END and last:
        return r"\n?\z"
    raise NotCompiled


def _set(items: Sequence[Any]) -> str:
    negated = bool(items) and items[0][0] is codes.NEGATE
    parts = []
    for code, value in items[negated:]:
        if code is codes.LITERAL:
            parts.append(_character(value))
        elif code is codes.RANGE:
            parts.append(f"{_character(value[0])}-{_character(value[1])}")
        elif code is codes.CATEGORY and value in _CLASSES:
            parts.append(_CLASSES[value])
        elif code is codes.CATEGORY and value is codes.CATEGORY_NOT_DIGIT:
            parts.append(r"\P{Nd}")
        elif code is codes.CATEGORY and len(items) == 1:
            return f"[^{_CLASSES[_POSITIVE[value]]}]"
        else:
            raise NotCompiled
    return f"[{'^' if negated else ''}{''.join(parts)}]"


_POSITIVE = {codes.CATEGORY_NOT_WORD: codes.CATEGORY_WORD, codes.CATEGORY_NOT_SPACE: codes.CATEGORY_SPACE}


def _character(number: int) -> str:
    if 0xD800 <= number <= 0xDFFF:
        raise NotCompiled
    return chr(number) if number < 128 and chr(number).isalnum() else f"\\x{{{number:x}}}"
