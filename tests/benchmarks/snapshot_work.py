"""The work that the figures of snapshots measure, each in a process of its own; prints a JSON line."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.statistics_work import peak_mib

ROOT = Path(__file__).parents[2]


def copied(argument: str) -> dict[str, Any]:
    """Copy a Parquet file into a snapshot: bytes, their hash, and the id of the content."""
    from airflow_provider_mlops.backends.parquet import write_snapshot_files

    with _folder() as folder:
        manifest = write_snapshot_files([Path(argument)], folder, {})
    return {"rows": manifest["rows"], "mib": peak_mib(), "id": manifest["snapshot_id"]}


def streamed(argument: str) -> dict[str, Any]:
    """Write the rows of a Parquet file as a snapshot, batch by batch."""
    from airflow_provider_mlops.backends.parquet import write_snapshot
    from airflow_provider_mlops.backends.parquet_reader import decoded_batches

    with _folder() as folder:
        manifest = write_snapshot(decoded_batches(argument), folder, {})
    return {"rows": manifest["rows"], "mib": peak_mib(), "id": manifest["snapshot_id"]}


def queried(argument: str) -> dict[str, Any]:
    """Write the rows of a table of PostgreSQL as a snapshot, as the operator reads them."""
    from airflow_provider_mlops import sources
    from airflow_provider_mlops.backends.parquet import write_snapshot
    from tests.support.sources import opened

    source = sources.sql("warehouse", "SELECT * FROM wide ORDER BY id")
    with _folder() as folder, opened(source, folder.parent) as reading:
        manifest = write_snapshot(reading.rows, folder, {})
    assert manifest["rows"] == int(argument)
    return {"rows": manifest["rows"], "mib": peak_mib(), "id": manifest["snapshot_id"]}


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder on the disk of the data; it is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        yield Path(name)


WORK = {work.__name__: work for work in (copied, streamed, queried)}

if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(WORK[sys.argv[1]](sys.argv[2])) + "\n")
