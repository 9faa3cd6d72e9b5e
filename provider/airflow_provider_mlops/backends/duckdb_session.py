"""A DuckDB that does nothing but read some Parquet files: bounded memory, no extension, no network, no other file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

EXTRA = "great-expectations"
MEMORY_MIB = 1024
"""Memory of a judgement; what needs more is spilled to a private folder."""
NAN_IS_SEEN = {"disabled_optimizers": "statistics_propagation"}
"""The statistics of a Parquet file pass NaN over, and DuckDB concludes from them that a column holds none."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open database and the files that it can read.

    :param connection: the connection; its configuration is locked.
    :param links: paths of the files, as the database may read them.
    """

    connection: Any
    links: Sequence[str]

    def source(self, width: int, links: Sequence[str] | None = None) -> str:
        """Return the relation of all rows, as SQL: its columns are ``c0``, ``c1``, ..., whatever their names are.

        No name of a column or file ever becomes part of a statement, and two names that differ in case stay two.

        :param width: number of columns.
        :param links: some of the links; default: all.
        :return: SQL for a FROM clause; the last column, ``rn``, is the row's number in its file, from 0.
        """
        names = ", ".join([*(f"c{position}" for position in range(width)), "rn"])
        listed = ", ".join(map(text, links or self.links))
        return f"read_parquet([{listed}], hive_partitioning = false, file_row_number = true) AS t({names})"

    def row(self, statement: str) -> tuple[Any, ...]:
        """Run a statement that gives one row.

        :param statement: SQL.
        :return: the row.
        """
        return tuple(self.connection.execute(statement).fetchone())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement that gives few rows.

        :param statement: SQL; it limits what it gives.
        :return: the rows.
        """
        return [tuple(row) for row in self.connection.execute(statement).fetchall()]


@contextmanager
def session(files: Sequence[Path]) -> Iterator[Session]:
    """Open a database in memory that can read these files and its own spill folder, and nothing else.

    :param files: the Parquet files.
    :return: context manager of the session.
    :raises BadInput: when a path has a backslash.
    """
    library = load("duckdb", EXTRA)
    for file in files:
        if "\\" in str(file.resolve()):
            raise BadInput(f"{file} has a backslash in its path, which DuckDB does not read; move the storage root.")
    with tempfile.TemporaryDirectory(prefix="mlops-duckdb-") as folder:
        links = [_link(Path(folder) / f"rows-{number:05d}.parquet", file) for number, file in enumerate(files)]
        connection = library.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "memory_limit": f"{MEMORY_MIB}MiB",
                "threads": str(_cores()),
                "temp_directory": str(Path(folder) / "spill"),
                **NAN_IS_SEEN,
            }
        )
        try:
            # Links are followed before a path is held against this list.
            allowed = ", ".join(text(str(file.resolve())) for file in files)
            connection.execute(f"SET allowed_paths = [{allowed}]")
            connection.execute(f"SET allowed_directories = [{text(str(Path(folder).resolve()))}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield Session(connection, links)
        finally:
            connection.close()


def text(value: str) -> str:
    """Quote a text as SQL literal.

    :param value: the text, without the character NUL.
    :return: the literal.
    :raises ValueError: when it holds a NUL, which no statement can hold.
    """
    if "\x00" in value:
        raise ValueError("A text with the character NUL cannot stand in a statement.")
    return "'" + value.replace("'", "''") + "'"


def _link(link: Path, file: Path) -> str:
    """A path with ``*`` or ``?`` would be a pattern, so that the database reads through names of our own."""
    link.symlink_to(file.resolve())
    return str(link)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
