"""Tests of tables and pages: whole numbers, nothing that runs, nothing from the network."""

import csv
from html.parser import HTMLParser
from pathlib import Path

from airflow_provider_mlops.backends.tables import MAX_PAGE_ROWS, Link, Page, Table, write_csv

HOSTILE = "<script>alert('x')</script><img src=http://evil/ onerror=y>"


class Seen(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.text += data


def page(tmp_path: Path, build: object) -> Seen:
    """Save a page and read it."""
    made = Page(HOSTILE)
    build(made)  # type: ignore[operator]
    made.save(tmp_path / "page.html")
    return Seen((tmp_path / "page.html").read_text(encoding="utf-8"))


def test_texts_of_anyone_are_text(tmp_path: Path) -> None:
    """In titles, headings, paragraphs, cells, heads and descriptions."""
    (tmp_path / "i.png").write_bytes(b"png")

    def build(made: Page) -> None:
        made.heading(HOSTILE)
        made.text(HOSTILE, kind='"><script>')
        made.table(Table([HOSTILE], [[HOSTILE], [None], [1_234], [0.5]]))
        made.figure(tmp_path / "i.png", HOSTILE + '"')

    seen = page(tmp_path, build)

    assert "script" not in seen.tags
    assert seen.tags.count("img") == 1
    assert seen.text.count(HOSTILE) == 6
    assert "1,234" in seen.text
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert [value for name, value in seen.attributes if name == "src"] == ["data:image/png;base64,cG5n"]


def test_a_page_may_load_nothing(tmp_path: Path) -> None:
    """Its policy forbids every source but the images within."""
    seen = page(tmp_path, lambda made: None)

    assert ("content", "default-src 'none'; img-src data:; style-src 'unsafe-inline'") in seen.attributes


def test_a_long_table_says_what_it_leaves_out(tmp_path: Path) -> None:
    """The CSV file has every row."""
    table = Table(["n"], [[i] for i in range(MAX_PAGE_ROWS + 5)])

    seen = page(tmp_path, lambda made: made.table(table))
    write_csv(tmp_path / "t.csv", table)

    assert seen.tags.count("tr") == MAX_PAGE_ROWS + 1
    assert "And 5 more rows" in seen.text
    assert len((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()) == MAX_PAGE_ROWS + 6


def test_csv_keeps_numbers_whole_and_disarms_formulas(tmp_path: Path) -> None:
    """A spreadsheet computes nothing; negative numbers stay numbers."""
    write_csv(tmp_path / "t.csv", Table(["a", "b"], [["=1+1", -0.1 - 0.2], ["@x", None], ['q"\n', 1]]))
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))

    assert rows == [["a", "b"], ["'=1+1", "-0.30000000000000004"], ["'@x", ""], ['q"\n', "1"]]


def test_empty_columns_go(tmp_path: Path) -> None:
    """A page shows what there is; zero and False are something."""
    found = Table(["a", "b", "c"], [[None, 0, ""], ["", False, "x"]]).filled()

    assert (list(found.columns), list(found.rows)) == (["b", "c"], [[0, ""], [False, "x"]])


def test_facts_have_heads_of_rows_and_other_tables_heads_of_columns(tmp_path: Path) -> None:
    """Who cannot see a table hears what a cell belongs to; nothing is an empty head."""

    def build(made: Page) -> None:
        made.table(Table(("", ""), [["Rows", 5]]))
        made.table(Table(("Partition", "Outcome"), [["2013-01", "PASS"]]))

    seen = page(tmp_path, build)

    assert [value for name, value in seen.attributes if name == "scope"] == ["row", "col", "col"]
    assert seen.tags.count("thead") == 1


def test_a_page_is_read_on_any_screen(tmp_path: Path) -> None:
    """On a narrow one, and on a dark one."""
    made = Page("title")

    assert 'name="viewport"' in made.render()
    assert "prefers-color-scheme:dark" in made.render()


def test_lists_and_links_hold_any_text(tmp_path: Path) -> None:
    """What stands in a link's text, path or note is text."""

    def build(made: Page) -> None:
        made.items([HOSTILE, "b"])
        made.links([Link(HOSTILE, '/a"><script>', HOSTILE)])

    seen = page(tmp_path, build)

    assert (seen.tags.count("li"), seen.tags.count("script"), seen.tags.count("img")) == (3, 0, 0)
    assert [value for name, value in seen.attributes if name == "href"] == ['/a"><script>']


def test_an_outcome_is_never_broken_in_two(tmp_path: Path) -> None:
    """Beside long sentences a narrow cell would say PAS and S; a link stands in a cell as any text does."""
    made = Page("title")
    made.table(Table(("Outcome", "Why", "Page"), [["PASS", "because " * 60, Link(HOSTILE, "../1/page.html")]]))
    text = made.render()

    assert "td.PASS,td.FAIL,td.INCONCLUSIVE{white-space:nowrap}" in text
    assert '<td class="PASS">' in text
    assert '<td><a href="../1/page.html">&lt;script&gt;' in text


def test_a_time_or_a_short_link_stays_on_one_line(tmp_path: Path) -> None:
    """Beside long sentences the day would stand on two lines, and a digit of a hash alone on the next."""
    made = Page("title")
    made.table(Table(("Time", "Page"), [["2026-11-27 08:07:12", Link("34cbbd164fa7", "../1/page.html")]]))
    text = made.render()

    assert '<td class="short">2026-11-27 08:07:12</td>' in text
    assert '<td class="short"><a href="../1/page.html">34cbbd164fa7</a></td>' in text
