"""Setting rows aside that break a suite: they become a snapshot of their own, the rest becomes the accepted one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import time_column_of
from airflow_provider_mlops.core.suite import suite_hash
from airflow_provider_mlops.core.suite_verdict import Aside, expectation_name

if TYPE_CHECKING:
    import pyarrow as pa

_SPILL = "aside.parquet"
_BATCH_ROWS = 65_536
_WRITTEN = frozenset(
    {"schema", "kind", "snapshot_id", "rows", "columns", "time_column", "time_range", "files", "manifest_sha256"}
)
"""What a manifest says of the rows it was written for; the rest are facts about where they come from."""


@dataclass(slots=True, kw_only=True)
class Split:
    """What became of the rows.

    :param aside: how many were set aside, and why.
    :param kept: manifest of the rows that are left; None when there is none, or too many were set aside.
    :param apart: manifest of the rows set aside, None likewise.
    """

    aside: Aside
    kept: dict[str, Any] | None = None
    apart: dict[str, Any] | None = None


def quarantine_path(dataset: str, quarantine_id: str) -> str:
    """Return where rows that were set aside lie below the storage root.

    :param dataset: name of the dataset.
    :param quarantine_id: id of the snapshot that holds them.
    """
    return f"quarantine/{dataset}/{quarantine_id.removeprefix(PREFIX)}"


def split_snapshot(
    files: Sequence[Path],
    manifest: Mapping[str, Any],
    suite: Mapping[str, Any],
    positions: Sequence[int],
    *,
    kept_folder: Path,
    apart_folder: Path,
    spill_folder: Path,
) -> Split:
    """Write the rows that keep some expectations to one folder, and those that break any to another.

    Rows stream from one to the other, in their order; memory does not grow with them.

    :param files: the snapshot's Parquet files, in order.
    :param manifest: its manifest.
    :param suite: as `core.suite.read_suite` returns it.
    :param positions: places from 0 of the expectations to split by.
    :param kept_folder: an empty staging folder.
    :param apart_folder: another one.
    :param spill_folder: a third one, where the rows set aside wait until the others are written.
    :return: what became of the rows; without manifests when the share is not allowed.
    """
    from airflow_provider_mlops.backends.parquet import write_snapshot

    facts = {name: value for name, value in manifest.items() if name not in _WRITTEN}
    derived = {**facts, "of": manifest["snapshot_id"], "suite_hash": suite_hash(suite)}
    rows = _Rows(files, suite, positions, of_rows=manifest["rows"], spill=spill_folder / _SPILL)
    time_column = time_column_of(manifest)
    try:
        try:
            kept = write_snapshot(rows.kept(), kept_folder, {**derived, "role": "accepted"}, time_column)
        except BadInput:
            if rows.aside().allowed:
                raise
            kept = {}
        if not rows.aside().allowed or rows.apart_rows == 0:
            return Split(aside=rows.aside())
        apart = write_snapshot(rows.apart(), apart_folder, {**derived, "role": "quarantine"}, time_column)
        return Split(aside=rows.aside(), kept=kept, apart=apart)
    finally:
        rows.close()


@dataclass(slots=True)
class _Rows:
    """Both streams: the rows set aside wait in a file until the others are written."""

    files: Sequence[Path]
    suite: Mapping[str, Any]
    positions: Sequence[int]
    of_rows: int
    spill: Path
    apart_rows: int = 0
    by_position: Counter[int] = field(default_factory=Counter)
    writer: Any = None

    def aside(self) -> Aside:
        return Aside(
            rows=self.apart_rows,
            of_rows=self.of_rows,
            max_share=self.suite["quarantine"]["max_share"],
            by_position=dict(self.by_position),
        )

    def kept(self) -> Iterator[pa.Table]:
        from airflow_provider_mlops.backends.validation import split_rows

        for kept, apart in split_rows(self.files, self.suite, self.positions):
            self.apart_rows += apart.num_rows
            if apart.num_rows:
                self._keep_apart(apart)
            if self.aside().allowed:  # else they are counted on, and nothing more is written
                yield kept

    def apart(self) -> Iterator[pa.Table]:
        pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
        self.writer.close()
        with pq.ParquetFile(self.spill) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield pa.Table.from_batches([batch])

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()

    def _keep_apart(self, apart: pa.Table) -> None:
        from airflow_provider_mlops.backends.validation import REASONS

        pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
        broken = apart[REASONS].to_pylist()
        self.by_position.update(place for places in broken for place in places)
        if not self.aside().allowed:
            return
        names = [expectation_name(place, item) for place, item in enumerate(self.suite["expectations"])]
        reasons = pa.array(["; ".join(names[place] for place in places) for places in broken], pa.string())
        table = apart.drop_columns([REASONS]).append_column(REASONS, reasons)
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.spill, table.schema, compression="zstd")
        self.writer.write_table(table)
