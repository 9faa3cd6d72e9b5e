"""PostgreSQL by ``COPY``: the database writes text, Arrow parses it in C, and Python touches no value.

COPY takes no bind parameters. They are bound to settings of the transaction instead (``set_config`` with the driver's
own parameters), which the query reads by ``current_setting``: a value never becomes a part of the query's text.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.sql_text import parameters_of, replaced

if TYPE_CHECKING:
    import pyarrow as pa
    from airflow.providers.common.sql.hooks.sql import DbApiHook

_SETTINGS = {"TimeZone": "UTC", "DateStyle": "ISO", "IntervalStyle": "postgres", "extra_float_digits": "3"}
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "bigint"),
    (float, "double precision"),
    (datetime, "timestamptz"),
)


def is_postgres(hook: DbApiHook) -> bool:
    """Whether a hook talks to PostgreSQL itself; Redshift speaks its protocol, but has no COPY to the client.

    :param hook: the hook.
    """
    extra = hook.connection_extra
    return hook.conn_type == "postgres" and not (extra.get("redshift") or extra.get("redshift-serverless"))


def copy_rows(connection: Any, query: str, values: Mapping[str, Any], schema: Mapping[str, str]) -> Iterator[pa.Table]:
    """Stream the rows of a query in one read-only transaction that sees one state of the database.

    :param connection: connection of psycopg2 or psycopg.
    :param query: the ordered query, with ``:name`` parameters.
    :param values: the values that it may name.
    :param schema: types that the source states.
    :return: Arrow tables of one schema; without rows an empty one.
    """
    from airflow_provider_mlops.backends.copied_rows import copied_tables

    connection.autocommit = False
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        text = _with_settings(cursor, query, values)
        types = _types(cursor, text, schema)
        with _Copy(connection, f"COPY (\n{text}\n) TO STDOUT (FORMAT csv, ENCODING 'UTF8')") as file:
            given = False
            for table in copied_tables(file, types):
                given = True
                yield table
        if not given:
            yield load("pyarrow", "parquet").schema(list(types.items())).empty_table()


def _with_settings(cursor: Any, query: str, values: Mapping[str, Any]) -> str:
    """Bind the values to settings of the transaction, and return the query that reads them."""
    used = {name: values[name] for name in parameters_of(query) if values.get(name) is not None}
    # Numbered, because the names of settings know no case.
    places = {name: f"mlops.p{place}" for place, name in enumerate(used)}
    settings = {**_SETTINGS, **{places[name]: _plain(value) for name, value in used.items()}}
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    cursor.execute(f"SELECT {calls}", [part for setting in settings.items() for part in setting])

    def read(name: str) -> str:
        if name not in used:
            return "NULL"
        kind = next((kind for types, kind in _TYPES if isinstance(used[name], types)), "text")
        return f"current_setting('{places[name]}')::{kind}"

    return replaced(query, values, read)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _types(cursor: Any, text: str, schema: Mapping[str, str]) -> dict[str, pa.DataType]:
    """Ask for the columns without reading a row."""
    from airflow_provider_mlops.backends.arrow_types import arrow_types, check_columns
    from airflow_provider_mlops.backends.copied_rows import postgres_type

    cursor.execute(f"SELECT * FROM (\n{text}\n) mlops_rows LIMIT 0")  # noqa: S608 - the author's query, no value in it
    description = cursor.description
    names = check_columns((item[0] for item in description), schema, "The query")
    stated = arrow_types(schema)
    return {
        name: stated.get(name) or postgres_type(item[1], item[4], item[5], name)
        for name, item in zip(names, description, strict=True)
    }


class _Copy:
    """A file that COPY writes into from a thread: a full pipe makes the database wait.

    :param connection: connection of psycopg2 or psycopg.
    :param statement: the COPY statement.
    """

    def __init__(self, connection: Any, statement: str) -> None:
        self._connection, self._statement = connection, statement
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write, name="mlops-copy", daemon=True)

    def __enter__(self) -> Self:
        reading, self._writing = os.pipe()
        self._file = os.fdopen(reading, "rb", buffering=1 << 20)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            with suppress(Exception):
                self._connection.cancel()
            # The cancelled COPY ends when nobody listens any more, too.
            self._file.close()
        self._thread.join()
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Read; where COPY has failed, what it failed with is raised instead of an end of the rows."""
        data = self._file.read(size)
        if len(data) < size or size < 0:
            self._thread.join()
            if self._error is not None:
                raise self._error
        return data

    def _write(self) -> None:
        try:
            with (
                os.fdopen(self._writing, "wb", buffering=1 << 20) as file,
                closing(self._connection.cursor()) as cursor,
            ):
                if hasattr(cursor, "copy_expert"):
                    cursor.copy_expert(self._statement, file)
                else:
                    with cursor.copy(self._statement) as rows:
                        for row in rows:
                            file.write(row)
        except BaseException as err:  # noqa: BLE001 - told to the reader
            self._error = err
