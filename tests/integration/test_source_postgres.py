"""Snapshots from PostgreSQL: every type, both drivers, one consistent state, values that stay values."""

import time as time_module
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.providers.postgres.hooks import postgres as provider

from airflow_provider_mlops import sources
from airflow_provider_mlops.backends.content_digest import ContentDigest
from airflow_provider_mlops.core.errors import BadInput, TransientError
from tests.support.sources import PostgresServer, opened, read, rows_of

TYPES = """
CREATE TABLE types (
    id int PRIMARY KEY, small int2, big int8, real4 float4, real8 float8, money numeric(12, 4), yes bool, words text,
    code varchar(8), padded char(3), day date, at time, moment timestamp, instant timestamptz, tag uuid, doc jsonb,
    raw bytea, lists int[]);
INSERT INTO types VALUES
    (1, 2, 9007199254740993, 0.1, 0.1, 12345678.0001, true, 'a "b", c', 'x', 'ab', '2020-01-31', '01:02:03.5',
     '2020-01-01 00:00:00.123456', '2020-01-01 00:00:00+02', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1}',
     '\\x00ff', '{1,2}'),
    (2, NULL, -9007199254740993, 'NaN', '-Infinity', -0.5, false, '', E'\\\\N', NULL, '0001-01-01', '00:00',
     '1970-01-01', '9999-12-31 23:59:59.999999+00', NULL, 'null', '', '{}'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 0, 0, 0, 1e300, 0, true, E'two\\nlines\\r\\n\\tand ünïcödé', 'NULL', 'abc', '2020-02-29', '23:59:59.999999',
     '2020-06-01 12:00', '2020-06-01 12:00+00', NULL, '[]', '\\x5c78', '{NULL}');
"""


@pytest.fixture(scope="module")
def server(postgres_server: PostgresServer) -> PostgresServer:
    """A server with a table of every type and one of flights."""
    with postgres_server.open() as connection:
        connection.execute(TYPES)
        connection.execute(
            "CREATE TABLE flights (id int PRIMARY KEY, at timestamptz NOT NULL, carrier text, delay int)"
        )
        connection.execute(
            "INSERT INTO flights SELECT i, '2020-01-01'::timestamptz + i * interval '1 hour', "
            "(ARRAY['AA', 'B6', 'UA'])[1 + i % 3], i % 60 FROM generate_series(0, 1500) i"
        )
    return postgres_server


@pytest.fixture(params=["psycopg", "psycopg2"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two drivers that the provider uses."""
    monkeypatch.setattr(provider, "USE_PSYCOPG3", request.param == "psycopg")
    return str(request.param)


@pytest.fixture(autouse=True)
def _connections(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that read by COPY, and by a cursor of the server as Redshift needs it."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", server.connection())
    monkeypatch.setenv("AIRFLOW_CONN_BY_CURSOR", server.connection(redshift=True))


def digest(table: pa.Table) -> str:
    """Return the id of rows."""
    found = ContentDigest(table.schema)
    found.update(table)
    return found.hexdigest()


def test_every_type(driver: str, tmp_path: Path) -> None:
    """Each type of the database has its Arrow type; what has none is kept as its text."""
    table = read(sources.sql("warehouse", "SELECT * FROM types ORDER BY id"), tmp_path)
    first, second, third, fourth = table.to_pylist()

    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "int32",
        "small": "int16",
        "big": "int64",
        "real4": "float",
        "real8": "double",
        "money": "decimal128(12, 4)",
        "yes": "bool",
        "words": "string",
        "code": "string",
        "padded": "string",
        "day": "date32[day]",
        "at": "time64[us]",
        "moment": "timestamp[us]",
        "instant": "timestamp[us, tz=UTC]",
        "tag": "string",
        "doc": "string",
        "raw": "binary",
        "lists": "string",
    }
    assert first["big"] == 9007199254740993
    assert first["real8"] == 0.1
    assert first["money"] == Decimal("12345678.0001")
    assert (first["words"], first["padded"], first["day"]) == ('a "b", c', "ab ", date(2020, 1, 31))
    assert (first["at"], first["moment"]) == (
        time(1, 2, 3, 500_000),
        datetime.fromisoformat("2020-01-01T00:00:00.123456"),
    )
    assert first["instant"] == datetime(2019, 12, 31, 22, tzinfo=UTC)
    assert (first["tag"], first["doc"]) == ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", '{"a": 1}')
    assert (first["raw"], first["lists"]) == (b"\x00\xff", "{1,2}")
    assert second["real4"] != second["real4"]
    assert second["real8"] == -float("inf")
    assert (second["words"], second["code"], second["doc"], second["raw"]) == ("", "\\N", "null", b"")
    assert {value for name, value in third.items() if name != "id"} == {None}
    assert (fourth["words"], fourth["code"]) == ("two\nlines\r\n\tand ünïcödé", "NULL")


def test_copy_and_cursor_give_the_same_id(driver: str, tmp_path: Path) -> None:
    """How rows travel is no part of their identity."""
    columns = "id, small, big, real4, real8, money, yes, words, code, padded, at, moment, tag, raw"
    query = f"SELECT {columns} FROM types ORDER BY id"
    tables = [read(sources.sql(conn_id, query), tmp_path) for conn_id in ("warehouse", "by_cursor")]

    assert tables[0].schema == tables[1].schema
    assert digest(tables[0]) == digest(tables[1])


@pytest.mark.parametrize("conn_id", ["warehouse", "by_cursor"])
def test_bounds_are_those_of_the_partition(driver: str, conn_id: str, tmp_path: Path) -> None:
    """Half-open, in UTC, whatever the server's own time zone."""
    query = "SELECT id, at, :key::text AS key FROM flights WHERE at >= :start AND at < :end ORDER BY id"
    table = read(sources.sql(conn_id, query), tmp_path, "2020-02")

    assert table["at"][0].as_py() == datetime(2020, 2, 1, tzinfo=UTC)
    assert table["at"][-1].as_py() == datetime(2020, 2, 29, 23, tzinfo=UTC)
    assert set(table["key"].to_pylist()) == {"2020-02"}


HOSTILE = [
    "AA' OR '1'='1",
    "AA'; DROP TABLE flights; --",
    'AA" OR 1=1',
    "$$; DROP TABLE flights; $$",
    "\\'; DROP TABLE flights; --",
    "%s %(x)s %% :start ::text",
    "') TO STDOUT; DROP TABLE flights; COPY (SELECT '",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("conn_id", ["warehouse", "by_cursor"])
def test_a_parameter_stays_a_value(driver: str, conn_id: str, value: str, tmp_path: Path) -> None:
    """Whatever stands in it: it comes back as it is, matches nothing, and the table is there afterwards."""
    query = "SELECT CAST(:carrier AS text) AS given, count(*) AS n FROM flights WHERE carrier = :carrier ORDER BY n"
    table = read(sources.sql(conn_id, query, parameters={"carrier": value}), tmp_path)

    assert table.to_pylist() == [{"given": value, "n": 0}]
    assert read(sources.sql(conn_id, "SELECT id FROM flights ORDER BY id"), tmp_path).num_rows == 1501


def test_a_partition_key_stays_a_key(tmp_path: Path) -> None:
    """A hostile key is no key, before anything is asked of the database."""
    with pytest.raises(BadInput, match="is neither a month"):
        read(sources.sql("warehouse", "SELECT 1 AS a ORDER BY a"), tmp_path, "2020-01'; DROP TABLE flights; --")


@pytest.mark.parametrize("conn_id", ["warehouse", "by_cursor"])
def test_parameters_keep_their_types(driver: str, conn_id: str, tmp_path: Path) -> None:
    """Numbers, booleans and null compare as what they are; casts, quotes and percent signs are left alone."""
    query = """
    SELECT id, 'a:b ''%s''' AS text, id::text || ':key' AS cast -- :not, a 'parameter
    FROM flights WHERE delay % 7 = :rest AND (:all OR id < :most) AND :nothing::int IS NULL ORDER BY id
    """
    # A setting of PostgreSQL knows no case, a parameter does.
    given = {"rest": 3, "most": 40, "MOST": 1, "all": False, "nothing": None}
    query = query.replace("id < :most", "(id < :most AND id > :MOST)")
    rows = read(sources.sql(conn_id, query, parameters=given), tmp_path).to_pylist()

    assert [row["id"] for row in rows] == [3, 10, 17, 24, 31, 38]
    assert (rows[0]["text"], rows[0]["cast"]) == ("a:b '%s'", "3:key")


@pytest.mark.parametrize("conn_id", ["warehouse", "by_cursor"])
def test_one_consistent_state(
    driver: str, conn_id: str, server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What others commit while the rows stream by is not in them."""
    with server.open() as other:
        other.execute("DROP TABLE IF EXISTS moving")
        other.execute(
            "CREATE TABLE moving AS SELECT i AS id, repeat('x', 500) AS text FROM generate_series(1, 60000) i"
        )
        with opened(sources.sql(conn_id, "SELECT * FROM moving ORDER BY id"), tmp_path) as reading:
            first = next(reading.rows)
            other.execute("UPDATE moving SET text = 'changed'")
            other.execute("DELETE FROM moving WHERE id > 30000")
            rest = rows_of(reading)

    assert first.num_rows < 60_000
    assert first.num_rows + rest.num_rows == 60_000
    assert "changed" not in {*first["text"].to_pylist(), *rest["text"].to_pylist()}


def test_a_source_that_writes_is_refused(driver: str, server: PostgresServer, tmp_path: Path) -> None:
    """A query that changes something is no source."""
    query = "WITH gone AS (DELETE FROM flights RETURNING id) SELECT id FROM gone ORDER BY id"
    with pytest.raises(BadInput, match="refused the query"):
        read(sources.sql("warehouse", query), tmp_path)
    assert (
        read(sources.sql("warehouse", "SELECT count(*) AS n FROM flights ORDER BY n"), tmp_path)["n"][0].as_py() == 1501
    )


@pytest.mark.parametrize(
    ("query", "more", "words"),
    [
        (
            "SELECT * FROM fligths ORDER BY id",
            {},
            r"'warehouse' refused the query: relation \"fligths\" does not exist",
        ),
        ("SELECT nope FROM flights ORDER BY id", {}, r"column \"nope\" does not exist"),
        ("SELEKT 1 ORDER BY 1", {}, "must begin with SELECT"),
        ("SELECT id, FROM flights ORDER BY id", {}, "syntax error"),
        ("SELECT 1 AS a; SELECT 2 AS a ORDER BY a", {}, "several statements"),
        ("SELECT id FROM flights", {}, "The query has no ORDER BY. The order of rows is part"),
        ("SELECT id, carrier AS id FROM flights ORDER BY 1", {}, "gives the column 'id' more than once"),
        ("SELECT id FROM flights WHERE id = :nope ORDER BY id", {}, "names :nope, which is no parameter"),
        ("SELECT id FROM flights ORDER BY id", {"schema": {"ids": "int64"}}, "has no column 'ids', which schema names"),
        ("SELECT id FROM flights ORDER BY id", {"schema": {"id": "integer"}}, "'id': Type 'integer' is unknown"),
        ("SELECT 1.5::numeric AS a ORDER BY a", {}, "is a numeric without precision and scale; name them"),
        ("SELECT 'x' AS a ORDER BY a", {"schema": {"a": "int64"}}, "Column 'a'.* invalid value 'x'"),
        ("SELECT timestamptz 'infinity' AS a ORDER BY a", {}, "Column 'a'.* invalid value 'infinity'"),
        ("SELECT id / 0 AS a FROM flights ORDER BY id", {}, "division by zero"),
        ("SELECT repeat('x', 9 << 20) AS a ORDER BY 1", {}, "a row that is longer than 4 MiB as text. Leave out"),
        (
            "SELECT CAST(:secret AS int) AS a ORDER BY a",
            {"parameters": {"secret": "hunter22"}},
            "syntax for .*: :secret",
        ),
    ],
)
def test_what_cannot_be_read_is_named(
    driver: str, query: str, more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """One line that names what is wrong, and never the value of a parameter."""
    with pytest.raises(BadInput, match=words) as caught:
        read(sources.sql("warehouse", query, **more), tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert "hunter22" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_no_rows_have_types_all_the_same(driver: str, tmp_path: Path) -> None:
    """A query without rows gives its columns, as the database states them."""
    with opened(sources.sql("warehouse", "SELECT * FROM flights WHERE false ORDER BY id"), tmp_path) as reading:
        (table,) = reading.rows
    assert table.num_rows == 0
    assert str(table.schema.field("id").type).startswith("int")


def test_an_order_beside_the_query(tmp_path: Path) -> None:
    """Columns to order by are wrapped around the query; two orders are one too many."""
    query = "SELECT id, delay FROM flights WHERE id < 100"
    table = read(sources.sql("warehouse", query, order_by=["delay desc", "id"]), tmp_path)

    assert table["delay"].to_pylist() == sorted(table["delay"].to_pylist(), reverse=True)
    with pytest.raises(BadInput, match="keep one of them"):
        read(sources.sql("warehouse", f"{query} ORDER BY id", order_by=["id"]), tmp_path)


def test_a_server_that_is_not_there_is_tried_again(
    server: PostgresServer, driver: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unreachable database is no fault of the source; the password is not told."""
    there = server.connection(connect_timeout=2)
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", there.replace(str(server.ports.postgres), "1"))
    with pytest.raises(TransientError, match="Connection 'away' cannot be opened") as caught:
        read(sources.sql("away", "SELECT 1 AS a ORDER BY a"), tmp_path)
    assert server.password not in str(caught.value)


def test_a_reader_that_stops_ends_the_query(driver: str, server: PostgresServer, tmp_path: Path) -> None:
    """Rows that nobody wants any more are not read to the end, and nothing stays behind on the server."""
    query = "SELECT i AS id, repeat('x', 300) AS text FROM generate_series(1, 300000) i ORDER BY i"
    with opened(sources.sql("warehouse", query), tmp_path) as reading:
        assert next(reading.rows).num_rows > 0
        reading.rows.close()  # type: ignore[attr-defined]
    active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'"
    with server.open() as other:
        # The server notices a moment later that nobody listens; a query that went on would run into the test's limit.
        while other.execute(active).fetchall() != [(0,)]:
            time_module.sleep(0.05)


def test_text_of_any_row_is_kept(driver: str, server: PostgresServer, tmp_path: Path) -> None:
    """A column alone, of nulls, empty texts, quotes and line ends."""
    values = [None, "", '"', '""', "\n", ",", "\\.", "\\N", str(uuid.uuid4()), None]
    with server.open() as other:
        other.execute("DROP TABLE IF EXISTS texts")
        other.execute("CREATE TABLE texts (id serial, text text)")
        for value in values:
            other.execute("INSERT INTO texts (text) VALUES (%s)", [value])
    query = "SELECT text FROM texts ORDER BY id"

    assert read(sources.sql("warehouse", query), tmp_path)["text"].to_pylist() == values
