"""Telling how far a long piece of work is."""

from pathlib import Path

import pyarrow as pa

from airflow_provider_mlops.backends.parquet import write_snapshot
from airflow_provider_mlops.backends.progress import Progress


def test_progress_is_told_now_and_then() -> None:
    """Every piece where no time lies between two reports, none where it is long; the end always."""
    for every, expected in ((0.0, [(1, 10), (3, 30), (3, 30)]), (1e9, [(3, 30)])):
        told: list[tuple[int, int]] = []
        progress = Progress(lambda rows, size, seconds, told=told: told.append((rows, size)), every)  # type: ignore[misc]
        progress.add(1, 10)
        progress.add(2, 20)
        progress.tell()
        assert told == expected


def test_writing_tells_rows_and_bytes(tmp_path: Path) -> None:
    """At its end a snapshot has told all rows."""
    told: list[tuple[int, int, float]] = []
    write_snapshot([pa.table({"x": range(10)})], tmp_path, {}, progress=lambda *found: told.append(found))
    assert told[-1][:2] == (10, 80)
    assert told[-1][2] >= 0
