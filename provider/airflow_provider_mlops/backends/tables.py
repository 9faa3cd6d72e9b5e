"""CSV tables and HTML pages that stand alone: no network, no script, every text of anyone's escaped."""

from __future__ import annotations

import base64
import csv
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_PAGE_ROWS = 200
"""Rows of a table that a page shows; the CSV file has them all."""
MOST_COLUMNS = 8
"""Columns that fit the page; a table with more of them is scrolled, not squeezed."""
_SHORT = 24
_TIME = re.compile(r"[0-9: -]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--soft:#595959;--line:#d9d9d9}
:root{--pass:#00548a;--fail:#a63f00;--open:#6b5500}
@media (prefers-color-scheme:dark){
:root{--ink:#e8e8e8;--paper:#161616;--soft:#ababab;--line:#444;--pass:#7cc4f5;--fail:#ff9d66;--open:#e0c25a}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
body{max-width:1100px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em}h1,h2,p,li{overflow-wrap:anywhere}h2{font-size:1.15em;margin-top:2em}.note{color:var(--soft)}
.table{overflow-x:auto;margin:.6em 0}
table{border-collapse:collapse;font-size:.87em}
th,td{border-bottom:1px solid var(--line);padding:.25em .7em;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{overflow-wrap:normal}td.short,td.PASS,td.FAIL,td.INCONCLUSIVE{white-space:nowrap}
td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wide th,.wide td{white-space:nowrap;overflow-wrap:normal}
.facts th{font-weight:normal;min-width:11em}.facts td.number{text-align:left}
a{color:var(--pass)}
img{max-width:100%;height:auto;border:1px solid var(--line);background:#fff}
.PASS,.FAIL,.INCONCLUSIVE{font-weight:bold}
.PASS{color:var(--pass)}.FAIL{color:var(--fail)}.INCONCLUSIVE{color:var(--open)}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    :param columns: names of the columns.
    :param rows: the rows: texts, numbers, None; on a page also links.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def filled(self) -> Table:
        """Return the table without the columns that are empty in every row."""
        kept = [i for i in range(len(self.columns)) if any(row[i] not in {None, ""} for row in self.rows)]
        return Table([self.columns[i] for i in kept], [[row[i] for i in kept] for row in self.rows])


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another page of the same storage.

    :param text: what is read.
    :param path: where it leads: from the root of the server, or from the folder of the page.
    :param note: what stands beside it.
    """

    text: str
    path: str
    note: str = ""


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
        self.parts.append(f"<p{_class(kind)}>{html.escape(text)}</p>")

    def items(self, lines: Iterable[str]) -> None:
        """Add a list.

        :param lines: its texts.
        """
        self.parts.append(f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>")

    def links(self, links: Iterable[Link]) -> None:
        """Add a list of links.

        :param links: where they lead.
        """
        lines = (
            f'<li><a href="{html.escape(link.path)}">{html.escape(link.text)}</a> '
            f'<span class="note">{html.escape(link.note)}</span></li>'
            for link in links
        )
        self.parts.append(f"<ul>{''.join(lines)}</ul>")

    def table(self, table: Table) -> None:
        """Add a table; of a long one the first rows.

        :param table: the table; one without rows is left out.
        """
        if not table.rows:
            return
        facts = not any(table.columns)
        head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in table.columns)
        lines = "".join(_line(row, facts=facts) for row in table.rows[:MAX_PAGE_ROWS])
        kind = "table facts" if facts else "table wide" if len(table.columns) > MOST_COLUMNS else "table"
        top = "" if facts else f"<thead><tr>{head}</tr></thead>"
        self.parts.append(f'<div class="{kind}"><table>{top}<tbody>{lines}</tbody></table></div>')
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
        path.write_text(self.render(), encoding="utf-8")

    def render(self) -> str:
        """Return the page as HTML."""
        title, body = html.escape(self.title), "\n".join(self.parts)
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            f"<title>{title}</title><style>{_STYLE}</style></head>\n"
            f"<body><h1>{title}</h1>\n{body}\n</body></html>\n"
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


def _class(names: str) -> str:
    return f' class="{html.escape(names)}"' if names else ""


def _kept_whole(text: str) -> str:
    """Keep a name, a time or a short link on one line, whatever sentences stand beside it."""
    return "short" if len(text) <= _SHORT and (" " not in text or _TIME.fullmatch(text)) else ""


def _line(row: Sequence[Any], *, facts: bool) -> str:
    """Write a row; in a table of facts the first cell is the head of its row."""
    first = f'<th scope="row">{html.escape(str(row[0]))}</th>' if facts else _cell(row[0])
    return f"<tr>{first}{''.join(_cell(value) for value in row[1:])}</tr>"


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<td></td>"
    if isinstance(value, Link):
        anchor = f'<a href="{html.escape(value.path)}">{html.escape(value.text)}</a>'
        return f"<td{_class(_kept_whole(value.text))}>{anchor}</td>"
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = str(value)
        kind = text if text in {"PASS", "FAIL", "INCONCLUSIVE"} else _kept_whole(text)
        return f"<td{_class(kind)}>{html.escape(text)}</td>"
    return f'<td class="number">{f"{value:,}" if isinstance(value, int) else f"{value:.5g}"}</td>'
