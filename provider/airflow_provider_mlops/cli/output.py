"""Writes lines, tables and JSON to the terminal, or to whatever stands in its place."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Of a file or a pipe; the environment variable COLUMNS says otherwise.
_WIDTH_WITHOUT_TERMINAL = 120
_GAP = 2
# The last column wraps, but not to a word a line: below this the terminal has to wrap whole rows.
_LEAST_LAST_COLUMN = 20


def say(line: str, *, error: bool = False) -> None:
    """Write one line, however long.

    :param line: plain text; it is not read as markup.
    :param error: write to standard error.
    """
    _console(error=error).print(Text(_printable(line)), soft_wrap=True)


def write_json(value: Any) -> None:
    """Write a value as indented JSON to standard output.

    :param value: anything JSON-safe.
    """
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str | int | None]]) -> None:
    """Write a table in which only the last column wraps, between words.

    :param columns: the heads.
    :param rows: the cells, as many as columns; None is an empty cell.
    """
    cells = [[_printable("" if cell is None else str(cell)) for cell in row] for row in rows]
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    least = 0
    for index, name in enumerate(columns):
        width = max(cell_len(text) for text in [name, *(row[index] for row in cells)])
        last = index == len(columns) - 1
        table.add_column(
            name, no_wrap=not last, overflow="fold", justify="right" if _are_numbers(rows, index) else "left"
        )
        least += min(width, _LEAST_LAST_COLUMN) if last else width + _GAP
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    console = _console()
    console.width = max(console.width, least)
    console.print(table)


def _are_numbers(rows: Sequence[Sequence[str | int | None]], index: int) -> bool:
    return any(isinstance(row[index], int) for row in rows)


def _console(*, error: bool = False) -> Console:
    console = Console(stderr=error)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def _printable(text: str) -> str:
    # A record may hold anything; a terminal must not obey it.
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
