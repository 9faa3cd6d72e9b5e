"""The identity of rows: a SHA-256 over schema and ordered values, whatever the chunks, files or writer.

Each column feeds two or three running hashes: one byte a row for validity, the bytes of the values with nulls as
zero, and for text and lists the lengths. Each is a plain concatenation over rows, so that splitting the rows in other
chunks gives the same digest. Row order counts: it changes every model that is trained on the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.canonical_types import is_binary, is_text, logical_type, stored_type
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import content_id

if TYPE_CHECKING:
    import pyarrow as pa

_ONES = b"\x01" * 65_536


class ContentDigest:
    """Running digest over tables of one schema.

    :param schema: Arrow schema of the rows; metadata and nullability are ignored.
    :raises BadInput: when a column has a type that has no canonical bytes, or a name stands twice.
    """

    def __init__(self, schema: pa.Schema) -> None:
        check_names(schema.names)
        self.columns = [ColumnDigest(field.name, field.type) for field in schema]
        self.rows = 0

    def update(self, table: pa.Table | pa.RecordBatch, pool: Executor | None = None) -> None:
        """Add rows; with a pool its threads share the columns.

        :param table: rows of the same schema, in order.
        :param pool: threads, None for the caller's own.
        """
        walk: Callable[..., Any] = map if pool is None else pool.map
        for _ in walk(ColumnDigest.update, self.columns, table.columns):
            pass
        self.rows += table.num_rows

    def hexdigest(self) -> str:
        """Return ``sha256:`` and 64 hexadecimal digits for all rows so far."""
        return content_id(self.rows, [digest.state() for digest in self.columns])


class ColumnDigest:
    """Running digest over the values of one column.

    :param name: name of the column.
    :param arrow_type: its Arrow type.
    :raises BadInput: when the type has no canonical bytes.
    """

    def __init__(self, name: str, arrow_type: pa.DataType) -> None:
        try:
            self.type = logical_type(arrow_type)
        except BadInput as err:
            raise BadInput(f"Column {shown(name)}: {err}") from None
        self.name = name
        self._values = _values_of(stored_type(arrow_type))

    def update(self, column: pa.ChunkedArray | pa.Array) -> None:
        """Add values.

        :param column: values of the same logical type, in row order.
        """
        for chunk in column.chunks if hasattr(column, "chunks") else [column]:
            if len(chunk):
                self._values.update(plain_array(chunk))

    def digests(self) -> dict[str, Any]:
        """Return the digests of the values so far, as the manifest keeps them."""
        return self._values.state()

    def state(self) -> dict[str, Any]:
        """Return name, type and digests, as the id is computed from."""
        return {"name": self.name, "type": self.type, **self.digests()}


def check_names(names: Sequence[str]) -> None:
    """Refuse a name that stands more than once.

    :param names: names of the columns.
    :raises BadInput: naming those that do.
    """
    if len(set(names)) == len(names):
        return
    twice = sorted({name for name in names if names.count(name) > 1})
    listed = ", ".join(shown(name) for name in twice[:5])
    raise BadInput(f"Column names must be unique; {listed} stand more than once.")


def shown(name: str, limit: int = 80) -> str:
    """Return a name as an error shows it: quoted, and cut when it is very long.

    :param name: the name.
    :param limit: characters to show.
    """
    return repr(name) if len(name) <= limit else f"{name[:limit]!r}... ({len(name):,} characters)"


def plain_array(chunk: pa.Array) -> pa.Array:
    """Return the values of a chunk without dictionary, run ends or extension type.

    :param chunk: the chunk.
    """
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    if isinstance(chunk.type, pa.BaseExtensionType):
        chunk = chunk.storage
    if types.is_run_end_encoded(chunk.type):
        chunk = load("pyarrow.compute", "parquet").run_end_decode(chunk)
    if types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    target = stored_type(chunk.type)
    return chunk if chunk.type.equals(target) else chunk.cast(target)


def _values_of(kind: pa.DataType) -> _Values:
    types = load("pyarrow.types", "parquet")
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_null(kind):
        return _Values()
    if is_text(kind) or is_binary(kind):
        return _TextValues(is_text(kind))
    if types.is_list(kind) or types.is_map(kind):
        return _ListValues(kind)
    if types.is_struct(kind):
        return _StructValues(kind)
    return _FixedValues()


class _Values:
    """Validity of a column: all there is to one that holds nulls only."""

    def __init__(self) -> None:
        self._validity = hashlib.sha256()
        self._hash = hashlib.sha256()

    def state(self) -> dict[str, Any]:
        return {"validity": self._validity.hexdigest(), "values": self._hash.hexdigest()}

    def update(self, chunk: pa.Array) -> None:
        if chunk.null_count:
            valid = chunk.is_valid().cast("uint8")
            self._validity.update(_int_bytes(valid))
            return
        for start in range(0, len(chunk), len(_ONES)):
            self._validity.update(_ONES[: len(chunk) - start])


class _FixedValues(_Values):
    def update(self, chunk: pa.Array) -> None:
        super().update(chunk)
        for part in _fixed_width_bytes(chunk):
            self._hash.update(part)


class _TextValues(_Values):
    def __init__(self, text: bool) -> None:
        super().__init__()
        self._text = text
        self._lengths = hashlib.sha256()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "lengths": self._lengths.hexdigest()}

    def update(self, chunk: pa.Array) -> None:
        super().update(chunk)
        pa, numpy = load("pyarrow", "parquet"), load("numpy", "parquet")
        wide = chunk.cast(pa.large_string() if self._text else pa.large_binary())
        if wide.null_count:
            wide = wide.fill_null("" if self._text else b"")
        _, offsets, data = wide.buffers()
        bounds = numpy.frombuffer(offsets, dtype="<i8", count=len(wide) + 1, offset=8 * wide.offset)
        self._lengths.update(numpy.diff(bounds).data)
        if data is not None:
            self._hash.update(memoryview(data)[int(bounds[0]) : int(bounds[-1])])


class _ListValues(_Values):
    """Lists are lengths and one column of items; what lies under a null list does not count."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__()
        pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
        # A map is a list of pairs, in their order.
        pair = pa.struct([("key", kind.key_type), ("value", kind.item_type)]) if types.is_map(kind) else None
        self._lengths = hashlib.sha256()
        self._list_type = pa.list_(pair) if pair is not None else kind
        self._items = _values_of(stored_type(self._list_type.value_type))

    def state(self) -> dict[str, Any]:
        return {
            "validity": self._validity.hexdigest(),
            "lengths": self._lengths.hexdigest(),
            "items": self._items.state(),
        }

    def update(self, chunk: pa.Array) -> None:
        super().update(chunk)
        pc = load("pyarrow.compute", "parquet")
        if not chunk.type.equals(self._list_type):
            chunk = chunk.cast(self._list_type)
        lengths = pc.list_value_length(chunk)
        self._lengths.update(_int_bytes((lengths.fill_null(0) if lengths.null_count else lengths).cast("int64")))
        items = plain_array(chunk.flatten())
        if len(items):
            self._items.update(items)


class _StructValues(_Values):
    """A struct is its fields, each null where the struct is."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__()
        self._fields = [_values_of(stored_type(field.type)) for field in kind]

    def state(self) -> dict[str, Any]:
        return {"validity": self._validity.hexdigest(), "fields": [item.state() for item in self._fields]}

    def update(self, chunk: pa.Array) -> None:
        super().update(chunk)
        for values, field in zip(chunk.flatten(), self._fields, strict=True):
            field.update(plain_array(values))


def _fixed_width_bytes(chunk: pa.Array) -> Iterable[Any]:
    pa, types, numpy = load("pyarrow", "parquet"), load("pyarrow.types", "parquet"), load("numpy", "parquet")
    kind = chunk.type
    if types.is_decimal(kind):
        text = chunk.cast(pa.large_string()).fill_null("")
        return ["\x00".join(text.to_pylist()).encode(), b"\x00"]
    if types.is_fixed_size_binary(kind):
        return [b"".join(value or b"\x00" * kind.byte_width for value in chunk.to_pylist())]
    if types.is_boolean(kind):
        chunk = chunk.cast("uint8")
    if not types.is_floating(kind):
        return [_int_bytes(chunk.fill_null(0) if types.is_boolean(kind) else _as_int(chunk))]
    values = numpy.frombuffer(_int_bytes(_as_int(chunk)), dtype=f"<f{kind.bit_width // 8}")
    return [_one_nan(values)]


def _as_int(chunk: pa.Array) -> pa.Array:
    """Return values of a fixed width as whole numbers of that width, with nulls as zero."""
    pa = load("pyarrow", "parquet")
    whole = chunk.view(f"int{chunk.type.bit_width}") if not pa.types.is_unsigned_integer(chunk.type) else chunk
    return whole.fill_null(0) if whole.null_count else whole


def _int_bytes(whole: pa.Array) -> memoryview:
    """Return the bytes of whole numbers without nulls, not copied."""
    width = whole.type.bit_width // 8
    return memoryview(whole.buffers()[1])[whole.offset * width : (whole.offset + len(whole)) * width]


def _one_nan(values: Any) -> Any:
    """Make every NaN the same: its payload bits differ between libraries."""
    numpy = load("numpy", "parquet")
    with numpy.errstate(all="ignore"):
        # The sum is NaN when a value is; it may also be so without one, which costs only time.
        if not numpy.isnan(values.sum()):
            return values.data
    return numpy.where(numpy.isnan(values), numpy.array(numpy.nan, dtype=values.dtype), values).data
