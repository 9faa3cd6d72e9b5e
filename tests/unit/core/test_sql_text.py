"""Queries as text: parameters of every driver's style, order, one statement; quotes and comments are no code."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.sql_text import bind, checked_query, has_order, ordered, parameters_of

VALUES = {"start": 1, "end": 2, "key": 3}
QUERY = "SELECT ':x', \":y\", a::int, 5 % 2 -- :z\nFROM t /* :w */ WHERE a >= :start AND b < :end AND c = :start"


@pytest.mark.parametrize(
    ("style", "marks", "arguments"),
    [
        ("qmark", ("?", "?", "?"), [1, 2, 1]),
        ("format", ("%s", "%s", "%s"), [1, 2, 1]),
        ("numeric", (":1", ":2", ":3"), [1, 2, 1]),
        ("pyformat", ("%(start)s", "%(end)s", "%(start)s"), {"start": 1, "end": 2}),
        ("named", (":start", ":end", ":start"), {"start": 1, "end": 2}),
    ],
)
def test_each_driver_gets_its_placeholders(style: str, marks: tuple[str, ...], arguments: Any) -> None:
    """What stands in quotes, comments and casts is left alone; a percent sign survives the driver's own formatting."""
    text, found = bind(QUERY, VALUES, style)
    percent = "%%" if style in ("format", "pyformat") else "%"
    head = f"SELECT ':x', \":y\", a::int, 5 {percent} 2 -- :z\nFROM t /* :w */ "

    assert text == head + "WHERE a >= {} AND b < {} AND c = {}".format(*marks)
    assert found == arguments


def test_a_query_without_parameters_is_left_as_it_is() -> None:
    """No values are handed over, so that no driver formats the text."""
    assert bind("SELECT 5 % 2, '\\:'", VALUES, "pyformat") == ("SELECT 5 % 2, '\\:'", None)


def test_a_plain_colon_can_be_written() -> None:
    """A slice of an array, and a cast right behind a parameter."""
    query = "SELECT a[1:n], a[(b)\\:n], :key::date"
    assert bind(query, VALUES, "qmark") == ("SELECT a[1:n], a[(b):n], ?::date", [3])


@pytest.mark.parametrize("query", ["SELECT :nope", "SELECT a[i + :n]", "SELECT :Start"])
def test_a_name_without_a_value_is_refused(query: str) -> None:
    """With the names that there are, and how to write a colon."""
    with pytest.raises(BadInput, match=r"names :\w+, which is no parameter \(:start, :end, :key\); write \\:"):
        bind(query, VALUES, "qmark")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SELECT E'it\\'s :a', 'x''s :b', :c", ["c"]),
        ("SELECT $$ :a $$, $tag$ :b $$ $tag$, :c", ["c"]),
        ("SELECT `:a`, 'b' ':c', :d:e", ["d"]),
        ("SELECT a:::b", []),
    ],
)
def test_quotes_hide_what_is_in_them(query: str, names: list[str]) -> None:
    """The ways in which databases quote."""
    assert parameters_of(query) == names


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order\n by a limit 3", True),
        ("WITH x AS (SELECT 1 ORDER BY 1) SELECT a FROM x", False),
        ("SELECT row_number() OVER (ORDER BY a) FROM t", False),
        ("SELECT 'ORDER BY a' FROM t -- ORDER BY a", False),
        ("SELECT a FROM t /* x */ ORDER /* y */ BY a", True),
        ("SELECT border BYTES FROM t", False),
    ],
)
def test_an_order_is_one_of_the_whole(query: str, order: bool) -> None:
    """That of a window, a subquery or a comment does not count."""
    assert has_order(query) is order


def test_an_order_is_demanded_and_never_given_twice() -> None:
    """The columns are wrapped around the query, also behind a comment."""
    assert ordered("SELECT 1 -- x", ("a", "b DESC")) == (
        "SELECT * FROM (\nSELECT 1 -- x\n) mlops_rows ORDER BY a, b DESC"
    )
    with pytest.raises(BadInput, match="has no ORDER BY"):
        ordered("SELECT 1", ())
    with pytest.raises(BadInput, match="keep one of them"):
        ordered("SELECT 1 ORDER BY 1", ("a",))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 1;", "SELECT 1"),
        ("SELECT ';' ;  -- ;\n", "SELECT ';'   -- ;"),
        ("  (select 1)", "  (select 1)"),
        ("-- about\nWITH x AS (SELECT 1) SELECT 1", "-- about\nWITH x AS (SELECT 1) SELECT 1"),
    ],
)
def test_one_statement_that_reads(query: str, text: str) -> None:
    """A semicolon at the end is dropped."""
    assert checked_query(query) == text


@pytest.mark.parametrize(
    "query", ["", ";", "DELETE FROM t", "SELECT 1; DROP TABLE t", "SELECT 1;;", "EXPLAIN SELECT 1"]
)
def test_anything_else_is_refused(query: str) -> None:
    """Several statements, and those that do not read."""
    with pytest.raises(BadInput, match=r"several statements|must begin with SELECT"):
        checked_query(query)


@given(st.text("'\":\\%$;-/*()ax \n", max_size=40))
def test_any_text_is_taken_or_refused(query: str) -> None:
    """Odd quoting ends in an answer, never in another error; values never become text."""
    for style in ("qmark", "pyformat"):
        try:
            text, _ = bind(query, {"a": "VALUE", "x": "VALUE", "ax": "VALUE"}, style)
        except BadInput:
            continue
        assert "VALUE" not in text
