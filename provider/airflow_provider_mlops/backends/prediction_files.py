"""The files of a prediction log: Arrow schemas, part files that are streamed, manifests that prove them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.parquet_reader import decoded_batches
from airflow_provider_mlops.backends.snapshot_files import (
    file_facts,
    open_verified,
    part_name,
    read_manifest,
    write_manifest,
)
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.prediction_log import COLUMNS, LABEL_COLUMNS, score_columns
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH, seal

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = ("prediction_id", "row_id", "entity", "model_version", "snapshot_id", "arm", "error")
# Unlike ids and scores these repeat.
_REPEATING = ("entity", "model_version", "snapshot_id", "arm", "error")


def log_schema(classes: Sequence[Any] | None = None, features: Iterable[pa.Field] = ()) -> pa.Schema:
    """Return the columns of a log.

    :param classes: the classes of a multiclass model, each of which has a column ``score:<class>``; ``score`` is then
        the greatest of them. None where there is one score a row.
    :param features: the feature columns, where their values are kept.
    :return: the schema.
    :raises BadInput: when a feature has the name of a column of the log.
    """
    arrow = load("pyarrow", "parquet")
    kinds = {name: arrow.string() for name in _TEXTS}
    kinds |= {"time": arrow.timestamp("us", "UTC"), "score": arrow.float64(), "latency_ms": arrow.float64()}
    own = {name: kinds[name] for name in COLUMNS} | dict.fromkeys(score_columns(classes), arrow.float64())
    kept = [arrow.field(field.name, field.type) for field in features]
    if taken := [field.name for field in kept if field.name in own]:
        raise BadInput(
            f"Feature {taken[0]!r} has the name of a column of the prediction log; "
            'keep the features by reference: features="reference".'
        )
    return arrow.schema([*own.items(), *((field.name, field.type) for field in kept)])


def label_schema(*, texts: bool) -> pa.Schema:
    """Return the columns of joined labels.

    :param texts: whether labels are names of classes (multiclass), else numbers.
    :return: the schema.
    """
    arrow = load("pyarrow", "parquet")
    kinds = (arrow.string(), arrow.string(), arrow.string() if texts else arrow.float64(), arrow.timestamp("us", "UTC"))
    return arrow.schema(list(zip(LABEL_COLUMNS, kinds, strict=True)))


def write_parts(
    batches: Iterable[pa.RecordBatch], folder: Path, schema: pa.Schema, *, part_rows: int, first: int = 0
) -> list[dict[str, Any]]:
    """Stream rows into part files of a number of rows.

    :param batches: rows of the schema.
    :param folder: an existing folder that nobody reads yet.
    :param schema: the columns.
    :param part_rows: after how many rows a new part begins; batches are not cut for it.
    :param first: number of the first part.
    :return: ``{"name", "bytes", "sha256", "rows"}`` of each part; none where there is no row.
    """
    pq = load("pyarrow.parquet", "parquet")
    repeating = [name for name in schema.names if name in _REPEATING or name not in COLUMNS]
    files: list[dict[str, Any]] = []
    writer, path, rows = None, folder, 0
    try:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            if writer is None:
                path, rows = folder / part_name(first + len(files)), 0
                writer = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeating or False)
            writer.write_batch(batch)
            rows += batch.num_rows
            if rows >= part_rows:
                writer.close()
                writer = None
                files.append({**file_facts(path), "rows": rows})
    finally:
        if writer is not None:
            writer.close()
    if writer is not None:
        files.append({**file_facts(path), "rows": rows})
    return files


def write_log_manifest(folder: Path, facts: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write the manifest beside the parts.

    :param folder: the folder.
    :param facts: JSON-safe facts: kind, model, partition, how it was scored.
    :param files: as `write_parts` lists them.
    :return: the manifest, with its own hash.
    """
    manifest = seal({**facts, "rows": sum(item["rows"] for item in files), "files": [*map(dict, files)]}, {})
    write_manifest(folder, manifest)
    return manifest


def read_log(folder: Path, manifest_sha256: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Stream the rows of a log, or of labels: each file is proved byte for byte before it is decoded.

    :param folder: the folder.
    :param manifest_sha256: hash of its manifest, as the ledger states it.
    :param columns: the columns to read, in that order; None for all.
    :return: record batches of at most 65,536 rows, in the order of the rows.
    :raises EvidenceBroken: when a file is missing, extra or changed.
    :raises BadInput: when a column is missing.
    """
    manifest = read_manifest(folder)
    if manifest.get(OWN_HASH) != manifest_sha256:
        raise EvidenceBroken(f"The manifest at {folder} is not the recorded one: its hash is not {manifest_sha256}.")
    for item, file in open_verified(folder, manifest["files"]):
        arrow, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
        try:
            there = pq.read_schema(file).names
            file.seek(0)
            if missing := [name for name in columns or () if name not in there]:
                raise BadInput(f"The log at {folder} has no column {missing[0]!r}; it has: {', '.join(there[:40])}.")
            yield from decoded_batches(file, columns)
        except (arrow.ArrowException, OSError) as err:
            raise EvidenceBroken(f"{folder / item['name']} cannot be decoded although its hash matches: {err}") from err


class RowsDigest:
    """The hash of columns of text, numbers or times, row by row in order, however the rows are cut into batches.

    :param columns: names of the columns.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = {name: (hashlib.sha256(), hashlib.sha256()) for name in columns}
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Take rows in.

        :param batch: rows with the columns.
        """
        numpy, pc = load("numpy", "parquet"), load("pyarrow.compute", "parquet")
        arrow = load("pyarrow", "parquet")
        self.rows += batch.num_rows
        for name, (content, shape) in self._columns.items():
            column = batch.column(name)
            if arrow.types.is_string(column.type):
                content.update("".join(text for text in column.to_pylist() if text is not None).encode())
                shape.update(numpy.asarray(pc.fill_null(pc.binary_length(column), -1), dtype="<i4").tobytes())
                continue
            kind = "<i8" if arrow.types.is_timestamp(column.type) else "<f8"
            plain = column.cast(arrow.int64()) if kind == "<i8" else column
            content.update(numpy.asarray(pc.fill_null(plain, 0), dtype=kind).tobytes())
            shape.update(numpy.asarray(pc.is_null(column), dtype="u1").tobytes())

    def copy(self) -> RowsDigest:
        """Return the hash of the rows so far, to go on from."""
        twin = RowsDigest(())
        twin._columns = {name: (content.copy(), shape.copy()) for name, (content, shape) in self._columns.items()}
        twin.rows = self.rows
        return twin

    def result(self) -> str:
        """Return ``sha256:`` and 64 hexadecimal digits."""
        found = {name: [one.hexdigest() for one in both] for name, both in self._columns.items()}
        return sha256_of({"rows": self.rows, "columns": found})
