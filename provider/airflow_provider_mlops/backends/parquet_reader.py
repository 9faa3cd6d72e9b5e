"""Reading a snapshot: bytes are proved before they are decoded, values against the id while they stream by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_mlops.backends.batch_layout import laid_out
from airflow_provider_mlops.backends.content_digest import ContentDigest, shown
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.snapshot_files import open_verified, read_manifest, verify_files
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.side_by_side import ahead
from airflow_provider_mlops.core.snapshot_manifest import check_identity, column_digests, content_id, is_window

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
BATCH_BYTES = 32 << 20
_BUFFER_BYTES = 1 << 18
_BYTES_OF_A_REPEAT = 4


class SnapshotReader:
    """A snapshot that is read lazily, one bounded batch after the other, in row order.

    :param folder: the snapshot's folder, on this machine.
    :param snapshot_id: the id that the rows must have.
    :param manifest_sha256: hash of the manifest as a ledger record states it, None where no record is at hand.
    :raises EvidenceBroken: when the manifest is missing, was changed, or belongs to other rows.
    :raises BadInput: when it is a window, which has no rows of its own.
    """

    def __init__(self, folder: Path, snapshot_id: str, manifest_sha256: str | None = None) -> None:
        self.folder = folder
        self.snapshot_id = snapshot_id
        self.manifest = read_manifest(folder)
        check_identity(self.manifest, snapshot_id, str(folder), manifest_sha256)
        if is_window(self.manifest):
            raise BadInput(f"{snapshot_id} is a window: read its members with hooks.rows.")

    @property
    def files(self) -> list[dict[str, Any]]:
        """The manifest's file entries, in row order."""
        return list(self.manifest["files"])

    @property
    def rows(self) -> int:
        """Number of rows, as the manifest states."""
        return int(self.manifest["rows"])

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return [str(item["name"]) for item in self.manifest["columns"]]

    def verified_paths(self) -> list[Path]:
        """Return the paths of the part files, each proved byte for byte: for engines that scan Parquet themselves.

        :raises EvidenceBroken: naming the file that is missing, extra or changed.
        """
        verify_files(self.folder, self.files)
        return [self.folder / item["name"] for item in self.files]

    def batches(self, columns: Sequence[str] | None = None, *, content: bool = True) -> Iterator[pa.RecordBatch]:
        """Stream the rows in order: at most 65,536 and about 32 MiB at a time.

        The bytes of each file are proved before it is decoded. With ``content`` the values of the columns that are
        read are proved against the id too; that is known at the end only, so keep nothing before the iterator ends.

        :param columns: the columns to read, in that order; None for all.
        :param content: whether to prove the values besides the bytes.
        :return: record batches of one schema.
        :raises EvidenceBroken: naming the file that is missing, extra or changed, or the column that differs.
        :raises BadInput: when a column is missing.
        """
        there = self.columns
        wanted = there if columns is None else list(columns)
        known = set(there)
        if missing := [name for name in wanted if name not in known]:
            raise BadInput(f"Snapshot {self.snapshot_id} has no column {shown(missing[0])}.")
        # Schema 1 has one digest over all columns: proving it takes them all.
        read = there if content and self.manifest["schema"] == 1 else wanted
        proof: ContentDigest | None = None
        schema: pa.Schema | None = None
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="digest") as pool:
            for item, file in open_verified(self.folder, self.files):
                for decoded in ahead(_decoded(file, item, read, self.folder)):
                    schema = schema or decoded.schema
                    batch = laid_out(decoded, schema)
                    if content:
                        proof = proof or ContentDigest(schema)
                        proof.update(batch, pool)
                    yield batch if read is wanted else batch.select(wanted)
        if proof is not None:
            self._check(proof)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read whole columns, proved against the id.

        :param columns: the columns to read, in that order; None for all.
        :return: the rows, in order.
        :raises EvidenceBroken: as `batches`.
        """
        return load("pyarrow", "parquet").Table.from_batches(self.batches(columns))

    def verify(self, *, content: bool = True) -> None:
        """Check every byte, and with ``content`` every value.

        :param content: whether to decode the rows and compute their id too.
        :raises EvidenceBroken: naming what is missing, extra or changed.
        """
        if not content:
            verify_files(self.folder, self.files)
            return
        for _ in self.batches():
            pass

    def _check(self, proof: ContentDigest) -> None:
        found = [column.state() for column in proof.columns]
        if self.manifest["schema"] == 1:
            if content_id(proof.rows, found) == self.snapshot_id:
                return
            raise EvidenceBroken(
                f"The rows at {self.folder} have the id {content_id(proof.rows, found)}, not {self.snapshot_id}."
            )
        stated = {item["name"]: item for item in column_digests(self.manifest)}
        differ = [shown(item["name"]) for item in found if item != stated[item["name"]]]
        if differ or proof.rows != self.rows:
            what = f"column {differ[0]}" if differ else f"{proof.rows} rows instead of {self.rows}"
            raise EvidenceBroken(
                f"The content at {self.folder} differs from {self.snapshot_id} although the file hashes match the "
                f"manifest: {what}."
            )


def iter_snapshot(folder: Path, snapshot_id: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Stream the rows of a snapshot in order, proved as `SnapshotReader.batches` does.

    :param folder: the snapshot's folder.
    :param snapshot_id: the id that the rows must have.
    :param columns: the columns to read, in that order; None for all.
    :return: record batches.
    :raises EvidenceBroken: naming what is missing, extra or changed.
    """
    return SnapshotReader(folder, snapshot_id).batches(columns)


def read_snapshot(folder: Path, snapshot_id: str) -> pa.Table:
    """Read all rows of a snapshot and prove that they are the ones its id stands for.

    :param folder: the snapshot's folder.
    :param snapshot_id: the id that the rows must have.
    :return: the rows, in order.
    :raises EvidenceBroken: naming the file that is missing, extra or changed.
    """
    return SnapshotReader(folder, snapshot_id).table()


def verify_snapshot(
    folder: Path, snapshot_id: str, *, content: bool = True, manifest_sha256: str | None = None
) -> dict[str, Any]:
    """Check a snapshot: its manifest, every byte of its files and, with ``content``, every value.

    :param folder: the snapshot's folder.
    :param snapshot_id: its id.
    :param content: whether to decode the rows and compute their id; without it bytes alone are compared, which proves
        the rows when ``manifest_sha256`` comes from the ledger.
    :param manifest_sha256: hash of the manifest as the ledger's record states it, None where there is none.
    :return: the manifest.
    :raises EvidenceBroken: naming what is missing, extra or changed.
    """
    manifest = read_manifest(folder)
    if is_window(manifest):
        check_identity(manifest, snapshot_id, str(folder), manifest_sha256)
        verify_files(folder, [])
        return manifest
    SnapshotReader(folder, snapshot_id, manifest_sha256).verify(content=content)
    return manifest


def decoded_batches(
    source: Any, columns: Sequence[str] | None = None, *, as_dictionaries: bool = False
) -> Iterator[pa.RecordBatch]:
    """Decode a Parquet file batch by batch; memory does not grow with its row groups.

    :param source: path or open file.
    :param columns: top-level columns to read, in that order; None for all.
    :param as_dictionaries: whether text of few kinds may come as dictionaries, which are decoded faster.
    :return: record batches without metadata.
    """
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    repeating = _repeating_texts(pq.read_metadata(source)) if as_dictionaries else None
    # Without these a whole row group, however large, is fetched before its first row is decoded.
    with pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False, read_dictionary=repeating) as file:
        for batch in file.iter_batches(batch_size=batch_rows(file.metadata), columns=columns):
            names = batch.schema.names
            picked = [batch.schema.field(name) for name in columns or names]
            schema = pa.schema([pa.field(field.name, field.type) for field in picked])
            yield pa.RecordBatch.from_arrays([batch.column(names.index(f.name)) for f in picked], schema=schema)


def batch_rows(metadata: Any) -> int:
    """Return how many rows of a Parquet file make a batch of bounded size.

    :param metadata: the file's Parquet metadata.
    :return: rows, from 1 to 65,536.
    """
    size: int = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    return max(1, min(BATCH_ROWS, BATCH_BYTES * int(metadata.num_rows) // max(1, size)))


def _repeating_texts(metadata: Any) -> list[str]:
    """Name the columns of text whose values take so little room that most must be repeats."""
    if metadata.num_row_groups == 0:
        return []
    group = metadata.row_group(0)
    found = []
    for position in range(group.num_columns):
        column, kind = group.column(position), metadata.schema.column(position)
        plain_text = kind.logical_type.type == "STRING" and kind.max_repetition_level == 0
        small = column.total_uncompressed_size <= _BYTES_OF_A_REPEAT * group.num_rows
        if plain_text and small and column.has_dictionary_page:
            found.append(column.path_in_schema)
    return found


def _decoded(
    file: IO[bytes], item: Mapping[str, Any], columns: Sequence[str], folder: Path
) -> Iterator[pa.RecordBatch]:
    pa = load("pyarrow", "parquet")
    try:
        yield from decoded_batches(file, columns)
    except (pa.ArrowException, OSError, ValueError) as err:
        raise EvidenceBroken(f"{folder / item['name']} cannot be decoded although its hash matches: {err}") from err
