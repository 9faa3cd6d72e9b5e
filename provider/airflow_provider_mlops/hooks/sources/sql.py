"""Rows of one query, streamed, in one consistent state of the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core import sql_text
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.source import SqlSource
from airflow_provider_mlops.hooks.sources.database import database_errors, database_hook, open_database, paramstyle
from airflow_provider_mlops.hooks.sources.reading import Reading, Where

if TYPE_CHECKING:
    import pyarrow as pa
    from airflow.providers.common.sql.hooks.sql import DbApiHook

CHUNK_ROWS = 20_000


@contextmanager
def read_sql(source: SqlSource, where: Where) -> Iterator[Reading]:
    """Open a query.

    PostgreSQL streams by COPY in a read-only REPEATABLE READ transaction. Elsewhere one statement is read by
    ``fetchmany``: one statement sees one state of the database.

    :param source: the source.
    :param where: the partition to read.
    :return: context manager that gives the reading.
    :raises BadInput: when query, parameters or connection are wrong.
    :raises TransientError: when the database cannot be reached.
    """
    query = sql_text.ordered(sql_text.checked_query(source.query), source.order_by)
    hook = database_hook(source.conn_id)
    values = bound_values(source, where.partition, _flavour(hook))
    facts = {"query_hash": sha256_of(source.query), "query_parameters": sql_text.parameters_of(query)}
    with open_database(hook, source.conn_id) as connection:
        yield Reading(rows=_rows(source, query, hook, connection, values), facts=facts)


def bound_values(source: SqlSource, partition: Partition, flavour: str) -> dict[str, Any]:
    """Return the values that a query may name: the bounds of the partition as the database compares them.

    :param source: the source.
    :param partition: the partition.
    :param flavour: ``postgres`` takes times with a zone; ``sqlite`` has text, of which a date alone sorts before every
        time of its day, however that is written; every other database takes UTC times without a zone.
    """
    bounds: dict[str, Any] = {"start": partition.start, "end": partition.end}
    if flavour == "sqlite":
        bounds = {name: moment.strftime("%Y-%m-%d") for name, moment in bounds.items()}
    elif flavour != "postgres":
        bounds = {name: moment.astimezone(UTC).replace(tzinfo=None) for name, moment in bounds.items()}
    return {**bounds, "key": partition.key, **source.parameters}


def _flavour(hook: DbApiHook) -> str:
    return str(getattr(hook, "conn_type", ""))


def _rows(
    source: SqlSource, query: str, hook: DbApiHook, connection: Any, values: Mapping[str, Any]
) -> Iterator[pa.Table]:
    from airflow_provider_mlops.hooks.sources.postgres import copy_rows, is_postgres

    with database_errors(source.conn_id, values):
        if is_postgres(hook):
            yield from copy_rows(connection, query, values, source.schema)
        else:
            yield from _fetched(source, query, hook, connection, values)


def _fetched(
    source: SqlSource, query: str, hook: DbApiHook, connection: Any, values: Mapping[str, Any]
) -> Iterator[pa.Table]:
    from airflow_provider_mlops.backends.arrow_rows import tables_of
    from airflow_provider_mlops.backends.arrow_types import arrow_types, check_columns

    text, arguments = sql_text.bind(query, values, paramstyle(hook, connection))
    # A psycopg cursor with a name is one of the server; without, the driver would fetch all rows at once.
    names = ("mlops_rows",) if _flavour(hook) == "postgres" else ()
    with closing(connection.cursor(*names)) as cursor:
        if _flavour(hook) == "sqlite":
            cursor.execute("PRAGMA query_only = ON")
        if arguments is None:
            cursor.execute(text)
        else:
            cursor.execute(text, arguments)
        first = cursor.fetchmany(CHUNK_ROWS)
        columns = check_columns((item[0] for item in cursor.description), source.schema, "The query")
        known = {**_stated_types(hook, cursor.description, source.schema), **arrow_types(source.schema)}
        decimals = {item[0]: (item[4], item[5]) for item in cursor.description if item[4] and item[5] is not None}
        yield from tables_of(_chunks(first, cursor), columns, known, decimals)


def _chunks(first: list[Any], cursor: Any) -> Iterator[list[Any]]:
    chunk = first
    while chunk:
        # The connection's extra may ask for rows as dictionaries.
        yield [tuple(row.values()) for row in chunk] if isinstance(chunk[0], Mapping) else chunk
        chunk = cursor.fetchmany(CHUNK_ROWS)


def _stated_types(hook: DbApiHook, description: Any, schema: Mapping[str, str]) -> dict[str, pa.DataType]:
    """Return the types that a cursor's description states, where its codes are known."""
    if _flavour(hook) != "postgres":
        return {}
    from airflow_provider_mlops.backends.copied_rows import postgres_type

    return {item[0]: postgres_type(item[1], item[4], item[5], item[0]) for item in description if item[0] not in schema}
