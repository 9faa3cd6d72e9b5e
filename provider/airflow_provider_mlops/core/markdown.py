"""Markdown from values that data may have chosen: everything is escaped, tables keep their columns."""

from collections.abc import Iterable, Sequence
from typing import Any

_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>#|~!&"})
_MOST = 500


def escaped(value: Any, most: int = _MOST) -> str:
    """Write a value so that Markdown shows it as it is: no link, image, heading, HTML or further column.

    :param value: any value; what cannot be printed in a line becomes a space.
    :param most: longest text, in characters; the rest is cut and marked.
    :return: Markdown.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in str(value)).strip()
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    # An address would become a link by itself.
    return text.translate(_SIGNS).replace("://", ":\u200b//").replace("www.", "www\u200b.").replace("@", "@\u200b")


def code(value: Any) -> str:
    """Write a short value such as a hash as code.

    :param value: any value; back-ticks and what cannot be printed are left out.
    """
    text = "".join(letter for letter in str(value) if letter.isprintable() and letter not in "`|")
    return f"`{text}`" if text else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table.

    :param heads: heads of the columns, Markdown.
    :param rows: cells, Markdown, as many as heads.
    :return: the lines.
    """
    return [_row(heads), _row(["---"] * len(heads)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
