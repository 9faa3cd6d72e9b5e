"""A database behind an Airflow connection: its hook, its driver's placeholders, its errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, MissingBackend, MLOpsError, TransientError
from airflow_provider_mlops.core.sql_text import STYLES

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

# Names of PEP 249: what the query, its values or its rights are to blame for, a retry cannot change.
_FINAL = frozenset({"ProgrammingError", "DataError", "NotSupportedError", "IntegrityError"})
_DRIVER = frozenset({"DatabaseError", "InterfaceError"})
# Classes of SQLSTATE: data exceptions, read-only transactions, syntax and access, features that are not there.
_FINAL_STATES = ("22", "25", "42", "0A")


def database_hook(conn_id: str) -> DbApiHook:
    """Return the hook of a connection.

    :param conn_id: id of the connection.
    :raises BadInput: when there is no such connection, or its hook is no ``DbApiHook``.
    :raises MissingBackend: when its provider is not installed.
    """
    base = load("airflow.providers.common.sql.hooks.sql", "sql").DbApiHook
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise BadInput(f"There is no connection {conn_id!r}; add it, or name another conn_id.") from None
    kind = connection.conn_type
    try:
        hook: Any = connection.get_hook()  # type: ignore[no-untyped-call]  # Airflow's has no types
    except (AirflowException, ImportError):
        raise MissingBackend(
            f"Connection {conn_id!r} has the type {kind!r}, for which no provider is installed where this task runs."
        ) from None
    if not isinstance(hook, base):
        raise BadInput(f"Connection {conn_id!r} has the type {kind!r}, whose hook is no DbApiHook: it runs no queries.")
    found: DbApiHook = hook
    return found


@contextmanager
def open_database(hook: DbApiHook, conn_id: str) -> Iterator[Any]:
    """Open a connection of a driver, and close it afterwards.

    :param hook: the hook.
    :param conn_id: id of its connection, for the error.
    :return: context manager that gives the driver's connection.
    :raises TransientError: when the database cannot be reached.
    """
    try:
        connection = hook.get_conn()
    except Exception as err:
        if not _is_driver_error(err):
            raise
        raise TransientError(f"Connection {conn_id!r} cannot be opened: {_first_line(err)}") from None
    with closing(connection):
        yield connection


def paramstyle(hook: DbApiHook, connection: Any) -> str:
    """Return how a driver wants its placeholders.

    :param hook: the hook.
    :param connection: the driver's connection.
    """
    parts = type(connection).__module__.split(".")
    for end in range(len(parts), 0, -1):
        style = getattr(sys.modules.get(".".join(parts[:end])), "paramstyle", None)
        if style in STYLES:
            return str(style)
    return "qmark" if hook.placeholder == "?" else "format"


@contextmanager
def database_errors(conn_id: str, values: Mapping[str, Any]) -> Iterator[None]:
    """Turn a driver's errors into ours: one line, without the value of a parameter.

    :param conn_id: id of the connection.
    :param values: the parameters, whose values must not show.
    :return: context manager.
    :raises BadInput: when the query, its values or its rights are to blame.
    :raises TransientError: when the database is.
    """
    try:
        yield
    except MLOpsError:
        raise
    except Exception as err:
        if not _is_driver_error(err):
            raise
        text = f"Connection {conn_id!r} refused the query: {_without(_first_line(err), values)}"
        raise (BadInput(text) if _is_final(err) else TransientError(text)) from None


def _is_driver_error(err: Exception) -> bool:
    return bool(_DRIVER & {cls.__name__ for cls in type(err).__mro__})


def _is_final(err: Exception) -> bool:
    state = str(getattr(err, "sqlstate", None) or getattr(err, "pgcode", None) or "")
    if state:
        return state.startswith(_FINAL_STATES)
    if getattr(err, "sqlite_errorname", "") in ("SQLITE_ERROR", "SQLITE_READONLY"):
        return True  # no such table, a syntax error: sqlite3 calls them operational
    return bool(_FINAL & {cls.__name__ for cls in type(err).__mro__})


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0][:300]


def _without(text: str, values: Mapping[str, Any]) -> str:
    for name, value in values.items():
        shown = str(value)
        for quote in ("'", '"'):
            text = text.replace(f"{quote}{shown}{quote}", f":{name}")
        if isinstance(value, str) and len(shown) >= 4:
            text = text.replace(shown, f":{name}")
    return text
