"""Snapshots from SQLite, which stands for every database whose driver states no types."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.errors import BadInput, MissingBackend, TransientError
from airflow_provider_mlops.hooks.sources import sql
from tests.support.sources import opened, read, rows_of

WALKED = "SELECT * FROM flights WHERE at >= :start AND at < :end ORDER BY id"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with flights and values of every kind, behind the connection `lite`."""
    path = tmp_path / "lite.db"
    monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    monkeypatch.setattr(sql, "CHUNK_ROWS", 10)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE flights (id INTEGER PRIMARY KEY, at TEXT, late INTEGER, gap REAL, odd, none)")
        connection.executemany(
            "INSERT INTO flights VALUES (?, ?, ?, ?, ?, NULL)",
            [
                (n, f"2020-{1 + n // 31:02}-{1 + n % 31:02} 00:00:00", n if n > 25 else None, n / 2, n)
                for n in range(60)
            ],
        )
    return path


def change(database: Path, statement: str, *values: Any) -> None:
    """Change the database as somebody else does."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, values)


@pytest.mark.usefixtures("database")
def test_bounds_compare_with_text(tmp_path: Path) -> None:
    """A month of text times, however they are written: the bounds are dates."""
    table = read(sources.sql("lite", f"SELECT id, at FROM ({WALKED}) ORDER BY id"), tmp_path, "2020-01")

    assert table["id"].to_pylist() == list(range(31))


@pytest.mark.usefixtures("database")
def test_a_column_that_is_null_at_first(tmp_path: Path) -> None:
    """Nulls in the first chunks, then integers: the column is one of integers."""
    table = read(sources.sql("lite", "SELECT id, late, gap FROM flights ORDER BY id"), tmp_path)

    assert [str(kind) for kind in table.schema.types] == ["int64", "int64", "double"]
    assert table["late"].null_count == 26


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        ("abc", {}, r"Column 'odd' mixes int and text: row 43 is the first that is no int but text"),
        (1.5, {}, r"Column 'odd' mixes float and int: row 43 .* schema=\{\"odd\": \"...\"\}"),
        (b"\x00", {}, r"Column 'odd' mixes bytes and int"),
        ("abc", {"odd": "int64"}, r"Column 'odd', rows 41 to 50: a value is no int64"),
        ("abc", {"odd": "float64"}, r"Column 'odd', rows 41 to 50: a value is no double"),
        (2, {"odd": "bool"}, r"Column 'odd', rows 1 to 10: a value is no bool: a number other than 0 and 1"),
    ],
)
def test_mixed_values_are_named(database: Path, value: Any, schema: dict[str, str], words: str, tmp_path: Path) -> None:
    """SQLite takes any value in any column; a snapshot does not."""
    change(database, "UPDATE flights SET odd = ? WHERE id = 42", value)
    with pytest.raises(BadInput, match=words):
        read(sources.sql("lite", "SELECT id, odd FROM flights ORDER BY id", schema=schema), tmp_path)


def test_a_stated_type_takes_what_equals_it(database: Path, tmp_path: Path) -> None:
    """Integers among fractions, text that is a time: the schema says what they are."""
    change(database, "UPDATE flights SET odd = 1.5 WHERE id = 42")
    schema = {"odd": "float64", "at": "timestamp[us]", "none": "string"}
    table = read(sources.sql("lite", "SELECT id, odd, at, none FROM flights ORDER BY id", schema=schema), tmp_path)

    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "timestamp[us]", "string"]
    assert table["odd"].to_pylist()[41:43] == [41.0, 1.5]


@pytest.mark.usefixtures("database")
def test_a_column_without_a_value_has_no_type(tmp_path: Path) -> None:
    """Null in all rows: the type must be named."""
    with pytest.raises(BadInput, match=r"Column 'none' is null in all rows .* name it: schema"):
        read(sources.sql("lite", "SELECT id, none FROM flights ORDER BY id"), tmp_path)


def test_one_consistent_state(database: Path, tmp_path: Path) -> None:
    """What others commit while the rows stream by is not in them."""
    with opened(sources.sql("lite", "SELECT id, gap FROM flights ORDER BY id"), tmp_path) as reading:
        first = next(reading.rows)
        change(database, "UPDATE flights SET gap = -1")
        change(database, "DELETE FROM flights WHERE id > 30")
        rest = rows_of(reading)

    assert first.num_rows == 10
    assert [*first["gap"].to_pylist(), *rest["gap"].to_pylist()] == [n / 2 for n in range(60)]


def test_a_parameter_stays_a_value(database: Path, tmp_path: Path) -> None:
    """An injection comes back as the text that it is."""
    value = "0'; DROP TABLE flights; --"
    query = "SELECT :given AS given, COUNT(*) AS n FROM flights WHERE odd = :given ORDER BY n"
    table = read(sources.sql("lite", query, parameters={"given": value}), tmp_path)

    assert table.to_pylist() == [{"given": value, "n": 0}]
    assert read(sources.sql("lite", "SELECT id FROM flights ORDER BY id"), tmp_path).num_rows == 60


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM fligths ORDER BY id", "'lite' refused the query: no such table: fligths"),
        ("SELECT nope FROM flights ORDER BY id", "no such column: nope"),
        ("SELECT id, id FROM flights ORDER BY id", "gives the column 'id' more than once"),
        ("WITH x AS (SELECT 1) DELETE FROM flights RETURNING id /* ORDER BY */ ", "no ORDER BY"),
        ("DELETE FROM flights RETURNING id", "must begin with SELECT"),
    ],
)
def test_what_cannot_be_read_is_named(query: str, words: str, tmp_path: Path) -> None:
    """One line that names what is wrong, and no retry."""
    with pytest.raises(BadInput, match=words) as caught:
        read(sources.sql("lite", query), tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_locked_database_is_tried_again(database: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody else holds the lock: the world broke, not the source."""
    monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps({"conn_type": "sqlite", "host": f"{database}?timeout=0"}))
    change(database, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with (
            pytest.raises(TransientError, match="database is locked"),
            opened(sources.sql("lite", "SELECT id FROM flights ORDER BY id"), tmp_path) as reading,
        ):
            rows_of(reading)


@pytest.mark.parametrize(
    ("connection", "error", "words"),
    [
        (None, BadInput, "There is no connection 'lite'"),
        ({"conn_type": "mlflow", "host": "http://x"}, BadInput, "has the type 'mlflow', whose hook is no DbApiHook"),
        ({"conn_type": "teradata_not_here", "host": "x"}, MissingBackend, "for which no provider is installed"),
    ],
)
def test_a_connection_that_is_no_database(
    connection: dict[str, Any] | None,
    error: type[Exception],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Unknown, of another kind, or of a provider that is not there."""
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps(connection))
    with pytest.raises(error, match=words):
        read(sources.sql("lite", "SELECT 1 AS a ORDER BY a"), tmp_path)
