"""What a snapshot costs: against DVC on the same file, and in memory, from Parquet and from PostgreSQL.

Each run is a fresh process, Python's start and imports included; both sides of a pair copy the same bytes on the same
disk. DVC keeps an MD5; ours keeps a SHA-256 of the file, the id of the content, and what a manifest states of columns.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pv
import pytest

from tests.benchmarks.conftest import ROOT
from tests.benchmarks.wide_rows import FOLDER, wide_block, wide_blocks, wide_file
from tests.support.sources import PostgresServer

PAIRS = 3
ROWS = 10_000_000
WORK = ROOT / "tests" / "benchmarks" / "snapshot_work.py"
LIMIT = "<= 1024"


def run(command: Sequence[str | Path], folder: Path, **env: str) -> tuple[float, str]:
    """Run a command; return its wall time in seconds and what it printed."""
    os.sync()  # what the last run has left to write is not this one's
    began = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command],
        check=True,
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    return time.monotonic() - began, done.stdout


def work(name: str, argument: str | Path, **env: str) -> tuple[float, dict[str, Any]]:
    """Do a piece of work in a fresh process; return its wall time and what it measured."""
    seconds, printed = run([sys.executable, WORK, name, argument], ROOT, PYTHONPATH=str(ROOT), **env)
    measured: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return seconds, measured


def dvc_add(source: Path) -> float:
    """Let DVC copy a file into the cache of a new repository; return the wall time of the command."""
    dvc = Path(sys.executable).with_name("dvc")
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        # A site cache of its own, else DVC remembers the MD5 of the run before.
        quiet = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "site")}
        run([dvc, "init", "--no-scm", "--quiet"], folder, **quiet)
        for option, value in (("core.analytics", "false"), ("core.no_scm", "true"), ("cache.type", "copy")):
            run([dvc, "config", option, value], folder, **quiet)
        shutil.copyfile(source, folder / "rows.parquet")
        return run([dvc, "add", "--quiet", "rows.parquet"], folder, **quiet)[0]


def test_snapshot_vs_dvc(keep: Callable[..., None]) -> None:
    """10 million rows of 40 columns in one Parquet file, copied and hashed."""
    source = wide_file(ROWS)
    runs = []
    for _ in range(PAIRS):
        theirs = dvc_add(source)
        ours, measured = work("copied", source)
        assert measured["rows"] == ROWS
        runs.append(theirs / ours)
    keep("snapshot_vs_dvc", runs, unit="ratio", goal=">= 1.5", peer="dvc add, cache.type copy")


def test_snapshot_rss_10m_mib(keep: Callable[..., None]) -> None:
    """10 million rows from Parquet, written anew."""
    runs = [work("streamed", wide_file(ROWS))[1]["mib"] for _ in range(PAIRS)]
    keep("snapshot_rss_10m_mib", runs, unit="MiB", goal=LIMIT, peer="the operating system's peak (VmHWM), Parquet")


@pytest.fixture
def warehouse() -> Any:
    """A PostgreSQL with the rows as a table."""
    with (
        tempfile.TemporaryDirectory(dir=FOLDER.parent) as folder,
        PostgresServer(Path(folder) / "server") as server,
        server.open() as connection,
    ):
        fill(connection, ROWS)
        yield server


def fill(connection: "psycopg.Connection[Any]", rows: int) -> None:
    """Make the table `wide` and copy the rows into it."""
    schema = wide_block(0, 1).schema
    columns = ", ".join(f"{field.name} {'text' if field.name[0] == 't' else 'float8'}" for field in schema)
    connection.execute(f"CREATE UNLOGGED TABLE wide (id bigserial, {columns})")
    statement = f"COPY wide ({', '.join(schema.names)}) FROM STDIN (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in wide_blocks(rows):
            sink = pa.BufferOutputStream()
            pv.write_csv(block, sink, pv.WriteOptions(include_header=False, quoting_style="needed"))
            copy.write(sink.getvalue().to_pybytes())


def test_snapshot_rss_10m_mib_of_postgres(keep: Callable[..., None], warehouse: PostgresServer) -> None:
    """10 million rows from a query, in the order in which the table was filled."""
    runs = [work("queried", str(ROWS), AIRFLOW_CONN_WAREHOUSE=warehouse.connection())[1]["mib"]]
    keep("snapshot_rss_10m_mib", runs, unit="MiB", goal=LIMIT, peer="the operating system's peak (VmHWM), PostgreSQL")
