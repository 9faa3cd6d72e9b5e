"""Reading sources in tests, and the PostgreSQL that they read from."""

import json
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import pyarrow as pa

from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.source import parse_source
from airflow_provider_mlops.embedded import postgres, services
from airflow_provider_mlops.embedded.config import LOOPBACK, Layout
from airflow_provider_mlops.embedded.environment import environment
from airflow_provider_mlops.embedded.ports import Ports, any_free_port
from airflow_provider_mlops.embedded.private import Secrets
from airflow_provider_mlops.embedded.processes import Processes
from airflow_provider_mlops.hooks.sources.opened import open_source
from airflow_provider_mlops.hooks.sources.reading import Reading, Where
from airflow_provider_mlops.hooks.storage import Storage


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str, *args: Any, **_: Any) -> None:
        """Keep a line."""
        self.lines.append(text % args if args else text)

    debug = warning = error = info


def where(root: Path, key: str = "2020-01", **more: Any) -> Where:
    """Say where the tests read: a folder that is bundle and storage, a partition."""
    facts: dict[str, Any] = {"ledger_root": str(root / "ledger"), "time_column": None, "log": Lines(), **more}
    return Where(partition=Partition.parse(key), bundle=root, storage=Storage(str(root / "storage")), **facts)


@contextmanager
def opened(source: str | Mapping[str, Any], root: Path, key: str = "2020-01", **more: Any) -> Any:
    """Open a source as the operator does."""
    with open_source(parse_source(source), where(root, key, **more)) as reading:
        yield reading


def rows_of(reading: Reading) -> pa.Table:
    """Read all rows; a column of nulls takes the type of the tables after it."""
    return pa.concat_tables(list(reading.rows), promote_options="default")


def read(source: str | Mapping[str, Any], root: Path, key: str = "2020-01", **more: Any) -> pa.Table:
    """Open a source and read all its rows."""
    with opened(source, root, key, **more) as reading:
        table = rows_of(reading)
        reading.check()
        return table


class PostgresServer:
    """A PostgreSQL of the tests' own, below a folder.

    :param folder: where it lies.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "dags").mkdir(parents=True)
        self._layout = Layout.of(folder)
        self._layout.create()
        self.ports = Ports(1, 2, any_free_port())
        self._secrets = Secrets.load_or_create(self._layout)
        self._processes = Processes(self._layout)

    def __enter__(self) -> Self:
        """Start it."""
        env = environment(self._layout, self.ports, self._secrets)
        postgres.start(self._layout, self.ports, self._secrets, self._processes, env)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self._processes.stop(services.STOP_ORDER)

    def connection(self, **extra: Any) -> str:
        """Return an Airflow connection to it, as JSON."""
        return json.dumps(
            {
                "conn_type": "postgres",
                "host": LOOPBACK,
                "port": self.ports.postgres,
                "login": "postgres",
                "password": self._secrets.postgres_password,
                "schema": "airflow",
                "extra": extra,
            }
        )

    @property
    def password(self) -> str:
        """The password, which nobody may see."""
        return self._secrets.postgres_password

    def open(self) -> "psycopg.Connection[Any]":
        """Open a connection that commits each statement."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.ports.postgres,
            user="postgres",
            password=self._secrets.postgres_password,
            dbname="airflow",
            autocommit=True,
        )
