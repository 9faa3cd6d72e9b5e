"""The canonical bytes of values: what an id is a hash of.

Validity is one byte a row; values of a fixed width are little-endian, null as zero, every NaN the same; text is its
bytes and the length of each as eight; lists are lengths and the values of their items; structs are their fields.
Each is a plain concatenation over rows.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.arrow_values import nothing
from airflow_provider_mlops.backends.canonical_types import is_binary, is_text, plain_array, stored_type
from airflow_provider_mlops.backends.optional import load

if TYPE_CHECKING:
    import pyarrow as pa

_ONES = b"\x01" * 65_536


def values_of(kind: pa.DataType) -> Values:
    """Return the running hashes that fit a type.

    :param kind: a type as `canonical_types.stored_type` returns it.
    """
    types = load("pyarrow.types", "parquet")
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_null(kind):
        return Values()
    if is_text(kind) or is_binary(kind):
        return _TextValues(is_text(kind))
    if types.is_list(kind) or types.is_map(kind):
        return _ListValues(kind)
    if types.is_struct(kind):
        return _StructValues(kind)
    return _FixedValues()


class Values:
    """Validity of a column: all there is to one that holds nulls only."""

    def __init__(self) -> None:
        self._validity: Any = None  # the hash, from the first null on
        self._valid_rows = 0
        self._hash = hashlib.sha256()

    def state(self) -> dict[str, Any]:
        """Return the digests of the values so far."""
        return {"validity": self._validity_digest(), "values": self._hash.hexdigest()}

    def update(self, chunk: pa.Array) -> None:
        """Add values.

        :param chunk: values as `canonical_types.plain_array` returns them.
        """
        if self._validity is None and chunk.null_count == 0:
            self._valid_rows += len(chunk)
            return
        if self._validity is None:
            self._validity = _hash_of_ones(self._valid_rows)
        self._validity.update(_int_bytes(chunk.is_valid().cast("uint8")))

    def _validity_digest(self) -> str:
        return _digest_of_ones(self._valid_rows) if self._validity is None else str(self._validity.hexdigest())


class _FixedValues(Values):
    def update(self, chunk: pa.Array) -> None:
        super().update(chunk)
        for part in _fixed_width_bytes(chunk):
            self._hash.update(part)


class _TextValues(Values):
    def __init__(self, text: bool) -> None:
        super().__init__()
        self._text = text
        self._lengths = hashlib.sha256()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "lengths": self._lengths.hexdigest()}

    def update(self, chunk: pa.Array) -> None:
        super().update(chunk)
        pa, numpy = load("pyarrow", "parquet"), load("numpy", "parquet")
        if chunk.null_count:
            # What lies under a null counts as empty.
            chunk = chunk.fill_null(nothing(chunk.type))
        width = 8 if chunk.type in (pa.large_string(), pa.large_binary()) else 4
        _, offsets, data = chunk.buffers()
        bounds = numpy.frombuffer(offsets, dtype=f"<i{width}", count=len(chunk) + 1, offset=width * chunk.offset)
        self._lengths.update(numpy.diff(bounds).astype("<i8", copy=False).data)
        if data is not None:
            self._hash.update(memoryview(data)[int(bounds[0]) : int(bounds[-1])])


class _ListValues(Values):
    """Lists are lengths and one column of items; what lies under a null list does not count."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__()
        pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
        # A map is a list of pairs, in their order.
        pair = pa.struct([("key", kind.key_type), ("value", kind.item_type)]) if types.is_map(kind) else None
        self._lengths = hashlib.sha256()
        self._list_type = pa.list_(pair) if pair is not None else kind
        self._items = values_of(stored_type(self._list_type.value_type))

    def state(self) -> dict[str, Any]:
        return {
            "validity": self._validity_digest(),
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


class _StructValues(Values):
    """A struct is its fields, each null where the struct is."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__()
        self._fields = [values_of(stored_type(field.type)) for field in kind]

    def state(self) -> dict[str, Any]:
        return {"validity": self._validity_digest(), "fields": [item.state() for item in self._fields]}

    def update(self, chunk: pa.Array) -> None:
        super().update(chunk)
        for values, field in zip(chunk.flatten(), self._fields, strict=True):
            field.update(plain_array(values))


def _hash_of_ones(rows: int) -> Any:
    found = hashlib.sha256()
    for start in range(0, rows, len(_ONES)):
        found.update(_ONES[: rows - start])
    return found


@functools.lru_cache(maxsize=8)
def _digest_of_ones(rows: int) -> str:
    """Digest of the validity of a column without nulls: the same for all such columns of a table."""
    return str(_hash_of_ones(rows).hexdigest())


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
        return [_int_bytes(_as_int(chunk))]
    values = numpy.frombuffer(_int_bytes(_as_int(chunk)), dtype=f"<f{kind.bit_width // 8}")
    return [_one_nan(values)]


def _as_int(chunk: pa.Array) -> pa.Array:
    """Return values of a fixed width as whole numbers of that width, with nulls as zero."""
    pa = load("pyarrow", "parquet")
    whole = chunk.view(f"int{chunk.type.bit_width}") if not pa.types.is_unsigned_integer(chunk.type) else chunk
    return whole.fill_null(nothing(whole.type)) if whole.null_count else whole


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
