"""The work that the figures of snapshots measure, each in a process of its own; prints a JSON line."""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.statistics_work import peak_mib

ROOT = Path(__file__).parents[2]


def copied(path: Path) -> dict[str, Any]:
    """Copy a Parquet file into a snapshot: bytes, their hash, and the id of the content."""
    from airflow_provider_mlops.backends.parquet import write_snapshot_files

    with _folder() as folder:
        manifest = write_snapshot_files([path], folder, {})
    return {"rows": manifest["rows"], "mib": peak_mib(), "id": manifest["snapshot_id"]}


def streamed(path: Path) -> dict[str, Any]:
    """Write the rows of a Parquet file as a snapshot, batch by batch."""
    from airflow_provider_mlops.backends.parquet import write_snapshot
    from airflow_provider_mlops.backends.parquet_reader import decoded_batches

    with _folder() as folder:
        manifest = write_snapshot(decoded_batches(path), folder, {})
    return {"rows": manifest["rows"], "mib": peak_mib(), "id": manifest["snapshot_id"]}


class _folder:  # noqa: N801
    """A folder on the disk of the data, removed afterwards."""

    def __enter__(self) -> Path:
        self._made = tempfile.TemporaryDirectory(dir=ROOT / "build")
        return Path(self._made.name)

    def __exit__(self, *_: object) -> None:
        self._made.cleanup()


WORK = {work.__name__: work for work in (copied, streamed)}

if __name__ == "__main__":
    began = time.monotonic()
    found = WORK[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write("\n" + json.dumps({**found, "seconds": time.monotonic() - began}) + "\n")
