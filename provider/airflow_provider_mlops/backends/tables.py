"""CSV tables and HTML pages that stand alone: no network, no script, every text of anyone's escaped."""

from __future__ import annotations

import base64
import csv
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_PAGE_ROWS = 200
"""Rows of a table that a page shows; the CSV file has them all."""
MOST_COLUMNS = 8
"""Columns that fit the page; a table with more of them is scrolled, not squeezed."""
_SHORT = 24
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:1100px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}p.note{color:#595959}
table{border-collapse:collapse;font-size:.87em;margin:.6em 0;display:block;overflow-x:auto}
th,td{border-bottom:1px solid #d9d9d9;padding:.25em .7em;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{overflow-wrap:normal}td.short{white-space:nowrap}
td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wide{overflow-x:auto}
.wide th,.wide td{white-space:nowrap;overflow-wrap:normal}
.facts td.number{text-align:left}
img{max-width:100%;height:auto;border:1px solid #d9d9d9}
.PASS,.FAIL,.INCONCLUSIVE{font-weight:bold}.PASS{color:#00548a}.FAIL{color:#a63f00}.INCONCLUSIVE{color:#6b5500}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    :param columns: names of the columns.
    :param rows: the rows: texts, numbers, None.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def filled(self) -> Table:
        """Return the table without the columns that are empty in every row."""
        kept = [i for i in range(len(self.columns)) if any(row[i] not in {None, ""} for row in self.rows)]
        return Table([self.columns[i] for i in kept], [[row[i] for i in kept] for row in self.rows])


@dataclass(slots=True)
class Page:
    """A page in the making.

    :param title: what it is about.
    :param parts: the parts so far, HTML.
    """

    title: str
    parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Add a heading.

        :param text: the text.
        """
        self.parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str, *, kind: str = "") -> None:
        """Add a paragraph.

        :param text: the text.
        :param kind: ``note``, or an outcome.
        """
        self.parts.append(f'<p class="{html.escape(kind)}">{html.escape(text)}</p>')

    def table(self, table: Table) -> None:
        """Add a table; of a long one the first rows.

        :param table: the table; one without rows is left out.
        """
        if not table.rows:
            return
        head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
        lines = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in table.rows[:MAX_PAGE_ROWS])
        kind = "wide" if len(table.columns) > MOST_COLUMNS else "facts" if len(table.columns) == 2 else ""
        rows = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        self.parts.append(f'<div class="{kind}">{rows}</div>')
        if len(table.rows) > MAX_PAGE_ROWS:
            self.text(f"And {len(table.rows) - MAX_PAGE_ROWS:,} more rows in the CSV file.", kind="note")

    def figure(self, path: Path, description: str) -> None:
        """Add an image; its bytes stand in the page.

        :param path: the PNG file.
        :param description: what it shows, for those who cannot see it.
        """
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        self.parts.append(f'<p><img alt="{html.escape(description)}" src="data:image/png;base64,{data}"></p>')

    def save(self, path: Path) -> None:
        """Write the page.

        :param path: the file.
        """
        title, body = html.escape(self.title), "\n".join(self.parts)
        path.write_text(
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            f"<title>{title}</title><style>{_STYLE}</style></head>\n"
            f"<body><h1>{title}</h1>\n{body}\n</body></html>\n",
            encoding="utf-8",
        )


def write_csv(path: Path, table: Table) -> None:
    """Write a table as CSV; numbers are written in full, a text that a spreadsheet would compute gets an apostrophe.

    :param path: the file.
    :param table: the table.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows([_csv(value) for value in row] for row in table.rows)


def _csv(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<td></td>"
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = str(value)
        # A name or a month on one line, whatever sentences stand beside it.
        short = ' class="short"' if len(text) <= _SHORT and " " not in text else ""
        kind = f' class="{text}"' if text in {"PASS", "FAIL", "INCONCLUSIVE"} else short
        return f"<td{kind}>{html.escape(text)}</td>"
    return f'<td class="number">{f"{value:,}" if isinstance(value, int) else f"{value:.5g}"}</td>'
