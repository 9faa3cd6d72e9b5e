"""The page of a validation: nothing of the rows becomes markup, nothing is fetched."""

import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from airflow_provider_mlops.backends.data_docs import write_data_docs
from airflow_provider_mlops.backends.validation import judge
from airflow_provider_mlops.core.suite import read_suite
from airflow_provider_mlops.core.suite_report import gx_shaped
from airflow_provider_mlops.core.suite_verdict import judge_suite

HOSTILE = "<script>alert(1)</script><img src=//evil.example/x onerror=1>$v__1 ${x} & \"q\" 'a' <!-- \u202e \ue000"
LONG = "b" * 100_000
AND = {
    "type": "and",
    "conditions": [
        {"type": "comparison", "column": {"name": "t"}, "operator": "IN", "parameter": ["a", HOSTILE]},
        {"type": "nullity", "column": {"name": "<b>ö</b>"}, "is_null": False},
    ],
}


class Tags(HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.words += data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the page of hostile rows, judged by a hostile suite."""
    folder = tmp_path_factory.mktemp("docs")
    rows = pd.DataFrame({"x": [1.0, 2.0, None], "t": ["a", HOSTILE, LONG], "<b>ö</b>": [HOSTILE, "ü", None]})
    rows.to_parquet(folder / "rows.parquet")
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_values_to_be_between", {"column": "x", "min_value": 0, "max_value": 1}),
        ("expect_column_values_to_be_in_set", {"column": "t", "value_set": ["a", HOSTILE + "k"]}),
        ("expect_column_values_to_match_regex", {"column": "t", "regex": r"(?<!\s)<b>$"}),
        ("expect_column_values_to_be_in_set", {"column": "<b>ö</b>", "value_set": ["a"]}),
        ("expect_column_values_to_not_be_null", {"column": "gone"}),
        ("expect_column_values_to_not_be_null", {"column": "x", "row_condition": AND}),
        ("expect_column_distinct_values_to_be_in_set", {"column": "t", "value_set": ["a"]}),
        ("expect_column_values_to_not_be_in_set", {"column": "x", "value_set": list(range(5_000))}),
        ("expect_table_columns_to_match_ordered_list", {"column_list": [f"c{place}" for place in range(5_000)]}),
        ("expect_table_columns_to_match_set", {"column_set": ["a", HOSTILE]}),
        ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 5}),
    ]
    entries = [{"type": kind, "kwargs": kwargs, "severity": "warning"} for kind, kwargs in kinds]
    suite = read_suite({"name": HOSTILE, "expectations": entries}, "here")
    judged = judge([folder / "rows.parquet"], suite, seed="s")
    verdict = judge_suite(judged, suite)
    path = folder / "page.html"
    write_data_docs(path, gx_shaped(judged, suite, {}), verdict, [("Partition", HOSTILE)], "flights")
    return path.read_text(encoding="utf-8")


def test_nothing_of_the_rows_becomes_markup(page: str) -> None:
    """No script, no image, no link, no handler: of whoever's text, only text."""
    tags = Tags()
    tags.feed(page)
    names = {tag for tag, _ in tags.found}
    attributes = {name for tag, attrs in tags.found if tag != "meta" for name in attrs}

    assert names.isdisjoint({"script", "img", "link", "a", "iframe", "object", "form", "base", "svg"})
    assert attributes <= {"class", "lang", "charset", "scope"}
    assert "<script>alert(1)</script>" in tags.words
    assert "ö" in tags.words


def test_page_needs_no_network(page: str) -> None:
    """It stands alone, and its policy forbids what it does not need."""
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=|url\(|@import", page.replace("src=//evil.example/x", ""))


def test_page_is_bounded_and_shows_what_broke(page: str) -> None:
    """A value of 100,000 signs and a set of 5,000 are cut; each expectation is there, in Great Expectations' words."""
    assert len(page) < 100_000
    assert page.count("and 4,900 more") == 2
    assert "b" * 200 in page
    assert "b" * 300 not in page
    assert "could not be judged" in page
    assert "values must be greater than or equal to" in re.sub(r"<[^>]*>", "", page)
    assert "Unsuccessful Expectations" in page
    assert not re.search("Data asset|__none__|<h[456]", page)
    assert not re.search("[\ue000-\ue006]|\\\\ue00", page.partition("Every expectation")[2])
