"""The identity of rows: a SHA-256 over schema and ordered values, whatever the chunks, files or writer.

Each column feeds two or three running hashes: one byte a row for validity, the bytes of the values with nulls as
zero, and for text the lengths. Each is a plain concatenation over rows, so that splitting the rows in other chunks
gives the same digest. Row order counts: it changes every model that is trained on the rows.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

DIGEST_VERSION = 1


class ContentDigest:
    """Running digest over record batches of one schema.

    :param schema: Arrow schema of the rows; metadata is ignored.
    :raises BadInput: when a column has a type that has no canonical bytes (nested types) or a name stands twice.
    """

    def __init__(self, schema: pa.Schema) -> None:
        names = list(schema.names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BadInput(f"Column names must be unique; {', '.join(map(repr, twice[:5]))} stand more than once.")
        self._columns = [_ColumnDigest(field.name, field.type) for field in schema]
        self._rows = 0

    def update(self, table: pa.Table) -> None:
        """Add rows.

        :param table: rows of the same schema, in order.
        """
        for column, digest in zip(table.columns, self._columns, strict=True):
            for chunk in column.chunks:
                digest.update(chunk)
        self._rows += table.num_rows

    def hexdigest(self) -> str:
        """Return ``sha256:`` and 64 hexadecimal digits for all rows so far."""
        columns = [digest.state() for digest in self._columns]
        return sha256_of({"digest": DIGEST_VERSION, "rows": self._rows, "columns": columns})


def logical_type(arrow_type: pa.DataType) -> str:
    """Name the logical type of a column: physical variants of text and dictionary encoding are the same type.

    :param arrow_type: Arrow type of a column.
    :return: name such as ``int64``, ``string``, ``timestamp[us, tz=UTC]``.
    :raises BadInput: for nested types, which have no canonical bytes yet.
    """
    types = load("pyarrow.types", "parquet")
    if types.is_dictionary(arrow_type):
        return logical_type(arrow_type.value_type)
    if types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        return "string"
    if types.is_binary(arrow_type) or types.is_large_binary(arrow_type):
        return "binary"
    if types.is_nested(arrow_type):
        raise BadInput(f"Type {arrow_type} is nested; flatten the column or store it as JSON text.")
    return str(arrow_type)


class _ColumnDigest:
    def __init__(self, name: str, arrow_type: pa.DataType) -> None:
        try:
            self._type = logical_type(arrow_type)
        except BadInput as err:
            raise BadInput(f"Column {name!r}: {err}") from None
        self._name = name
        self._validity = hashlib.sha256()
        self._values = hashlib.sha256()
        self._lengths = hashlib.sha256() if self._type in ("string", "binary") else None

    def state(self) -> dict[str, Any]:
        parts = {"validity": self._validity.hexdigest(), "values": self._values.hexdigest()}
        if self._lengths is not None:
            parts["lengths"] = self._lengths.hexdigest()
        return {"name": self._name, "type": self._type, **parts}

    def update(self, chunk: pa.Array) -> None:
        types = load("pyarrow.types", "parquet")
        if types.is_dictionary(chunk.type):
            chunk = chunk.dictionary_decode()
        self._validity.update(chunk.is_valid().cast("uint8").to_numpy(zero_copy_only=False).tobytes())
        if self._type == "null":
            return
        if self._lengths is not None:
            self._update_text(chunk)
        else:
            self._values.update(_fixed_width_bytes(chunk))

    def _update_text(self, chunk: pa.Array) -> None:
        pa, pc = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet")
        wide = chunk.cast(pa.large_string() if self._type == "string" else pa.large_binary())
        wide = wide.fill_null("" if self._type == "string" else b"")
        lengths = pc.binary_length(wide).cast("int64").to_numpy(zero_copy_only=False)
        if self._lengths is not None:
            self._lengths.update(lengths.astype("<i8", copy=False).tobytes())
        data = wide.buffers()[2]
        if data is None or len(wide) == 0:
            return
        numpy = load("numpy", "parquet")
        offsets = numpy.frombuffer(wide.buffers()[1], dtype="<i8", count=len(wide) + 1, offset=8 * wide.offset)
        self._values.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])


def _fixed_width_bytes(chunk: pa.Array) -> bytes:
    pa, types, numpy = load("pyarrow", "parquet"), load("pyarrow.types", "parquet"), load("numpy", "parquet")
    if types.is_decimal(chunk.type):
        text = chunk.cast(pa.large_string()).fill_null("")
        return "\x00".join(text.to_pylist()).encode() + b"\x00"
    if types.is_boolean(chunk.type):
        chunk = chunk.cast("uint8")
    elif types.is_temporal(chunk.type):
        chunk = chunk.view(f"int{chunk.type.bit_width}")
    values = (
        chunk.fill_null(0).to_numpy(zero_copy_only=False) if chunk.null_count else chunk.to_numpy(zero_copy_only=False)
    )
    if types.is_floating(chunk.type):
        # Every NaN is the same value here: its payload bits differ between libraries.
        values = numpy.where(numpy.isnan(values), numpy.array(numpy.nan, dtype=values.dtype), values)
    return bytes(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
