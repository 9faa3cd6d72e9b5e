"""What a manifest states of each column: type, nullability, nulls, extremes, and the digest that the id rests on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.arrow_values import as_numpy
from airflow_provider_mlops.backends.canonical_types import is_binary, is_text, logical_type, plain_array
from airflow_provider_mlops.backends.content_digest import ColumnDigest, check_names, shown
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import content_id, is_time

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_TEXT = 128
_NULLS_AT_ONCE = 65_536


class SnapshotFacts:
    """Running facts over the rows of a snapshot, column by column.

    :param schema: Arrow schema of the rows.
    :param time_column: timestamp column whose range is stated, None for none.
    :raises BadInput: when the time column is missing, a name stands twice, or a type cannot be kept.
    """

    def __init__(self, schema: pa.Schema, time_column: str | None = None) -> None:
        check_names(schema.names)
        if time_column is not None and time_column not in schema.names:
            listed = ", ".join(shown(name) for name in schema.names[:20])
            raise BadInput(f"Time column {time_column!r} is not among the columns: {listed}.")
        self.rows = 0
        self._time_column = time_column
        _check_time(schema, time_column)
        self._columns = [_ColumnFacts(field) for field in schema]

    def update(self, table: pa.Table | pa.RecordBatch, pool: Executor | None = None) -> None:
        """Add rows; with a pool its threads share the columns.

        :param table: rows of the schema, in order.
        :param pool: threads, None for the caller's own.
        """
        walk: Callable[..., Any] = map if pool is None else pool.map
        for _ in walk(_ColumnFacts.update, self._columns, table.columns):
            pass
        self.rows += table.num_rows

    def retype(self, schema: pa.Schema) -> None:
        """Give columns that held nulls only so far the type that a later frame brought; nullable once is nullable.

        :param schema: the schema, of the same names.
        """
        _check_time(schema, self._time_column)
        for position, field in enumerate(schema):
            old = self._columns[position]
            old.nullable |= field.nullable
            if old.digest.type == "null" and not load("pyarrow.types", "parquet").is_null(field.type):
                self._columns[position] = _ColumnFacts(field)
                self._columns[position].add_nulls(field.type, self.rows)

    def snapshot_id(self) -> str:
        """Return the id of the rows so far."""
        return content_id(self.rows, [column.digest.state() for column in self._columns])

    def measured(self) -> dict[str, Any]:
        """Return what the manifest states of the rows: id, rows, columns, time range."""
        found: dict[str, Any] = {
            "snapshot_id": self.snapshot_id(),
            "rows": self.rows,
            "columns": [column.stated() for column in self._columns],
            "time_range": self._time_range(),
        }
        return found if self._time_column is None else {**found, "time_column": self._time_column}

    def _time_range(self) -> list[str] | None:
        for column in self._columns:
            if column.digest.name == self._time_column and column.extremes and column.is_ordered_number:
                return [str(value) for value in column.stated_extremes()]
        return None


def _check_time(schema: pa.Schema, name: str | None) -> None:
    """Refuse a time column of text or numbers: nothing can be cut by it; one of nothing but nulls has no type yet."""
    kind = None if name is None else schema.field(name).type
    if kind is None or (logical := logical_type(kind)) == "null" or is_time(logical):
        return
    if logical in ("string", "binary"):
        raise BadInput(
            f"Time column {name!r} is text ({kind}): name its type in the schema of the source, "
            f'schema={{"{name}": "timestamp[us, tz=UTC]"}}, or cast it in the query or the function.'
        )
    raise BadInput(
        f"Time column {name!r} is {shown(logical)}, neither a time nor a date, and nothing can be cut by it: cast it "
        "in the query or the function, or leave out time_column."
    )


class _ColumnFacts:
    def __init__(self, field: pa.Field) -> None:
        types = load("pyarrow.types", "parquet")
        self.digest = ColumnDigest(field.name, field.type)
        self.extremes: tuple[Any, Any] | None = None
        self._nulls = 0
        self.nullable = field.nullable
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        self.is_ordered_number = (
            types.is_integer(kind)
            or types.is_floating(kind)
            or (types.is_temporal(kind) and not types.is_interval(kind))
        )
        self._is_ordered = (
            self.is_ordered_number
            or types.is_decimal(kind)
            or types.is_boolean(kind)
            or is_text(kind)
            or is_binary(kind)
        )

    def update(self, column: pa.ChunkedArray | pa.Array) -> None:
        for chunk in column.chunks if hasattr(column, "chunks") else [column]:
            if len(chunk) == 0:
                continue
            plain = plain_array(chunk)
            self.digest.update(plain)
            self._nulls += plain.null_count
            if self._is_ordered and not self._spans(chunk):
                self._widen(*_extremes(chunk, plain))

    def add_nulls(self, kind: pa.DataType, rows: int) -> None:
        pa = load("pyarrow", "parquet")
        self._nulls += rows
        while rows > 0:
            count = min(rows, _NULLS_AT_ONCE)
            self.digest.update(pa.nulls(count, kind))
            rows -= count

    def stated(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": self.digest.name,
            "type": self.digest.type,
            "nullable": self.nullable,
            "nulls": self._nulls,
        }
        if self.extremes is not None:
            found["min"], found["max"] = self.stated_extremes()
        return {**found, "digest": self.digest.digests()}

    def stated_extremes(self) -> tuple[Any, Any]:
        low, high = self.extremes or (None, None)
        return _plain(low), _plain(high)

    def _spans(self, chunk: pa.Array) -> bool:
        """Whether no entry of the chunk's dictionary, used or not, lies beyond the extremes so far."""
        if self.extremes is None or not load("pyarrow.types", "parquet").is_dictionary(chunk.type):
            return False
        found = load("pyarrow.compute", "parquet").min_max(plain_array(chunk.dictionary))
        low, high = _python(found["min"]), _python(found["max"])
        return low is None or bool(self.extremes[0] <= low and high <= self.extremes[1])

    def _widen(self, low: Any, high: Any) -> None:
        if low is None:
            return
        if self.extremes is None:
            self.extremes = (low, high)
        else:
            self.extremes = (min(self.extremes[0], low), max(self.extremes[1], high))


def _extremes(chunk: pa.Array, plain: pa.Array) -> tuple[Any, Any]:
    """Return the smallest and largest value of a chunk, None where it has none; NaN is passed over."""
    pc, types = load("pyarrow.compute", "parquet"), load("pyarrow.types", "parquet")
    if types.is_dictionary(chunk.type) and len(chunk) > len(chunk.dictionary):
        plain = plain_array(chunk.dictionary.filter(_used(chunk)))
    if types.is_float16(plain.type):
        plain = plain.cast("float32")
    if plain.null_count == 0 and (types.is_integer(plain.type) or types.is_floating(plain.type)):
        # NumPy is ten times as fast; of values with a NaN both extremes are NaN.
        values = as_numpy(plain)
        low, high = values.min().item(), values.max().item()
        if low == low:  # noqa: PLR0124 - false for NaN only
            return low + 0, high + 0  # -0.0 becomes 0.0
    if types.is_duration(plain.type):  # min_max knows none
        found = pc.min_max(plain.view("int64"))
        low, high = (load("pyarrow", "parquet").scalar(found[end].as_py(), plain.type) for end in ("min", "max"))
        return _python(low), _python(high)
    found = pc.min_max(plain)
    return _python(found["min"]), _python(found["max"])


def _used(chunk: pa.Array) -> pa.Array:
    """Mark the entries of a dictionary that a chunk refers to."""
    pa, numpy = load("pyarrow", "parquet"), load("numpy", "parquet")
    used = numpy.zeros(len(chunk.dictionary), dtype=bool)
    indices = chunk.indices.drop_null() if chunk.indices.null_count else chunk.indices
    used[as_numpy(indices)] = True
    # Not made of the array as it is: for that Arrow imports pandas.
    bits = pa.py_buffer(numpy.packbits(used, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(used), [None, bits])


def _python(scalar: pa.Scalar) -> Any:
    """Return a scalar as Python's value, None for NaN; a time as one that Python's calendar does not limit."""
    numpy, types = load("numpy", "parquet"), load("pyarrow.types", "parquet")
    if types.is_temporal(scalar.type) and scalar.is_valid:
        return _Moment(scalar)
    value = scalar.as_py()
    return None if isinstance(value, float) and numpy.isnan(value) else value


class _Moment:
    """A time that compares by its count of units, and is written by Python where Python can."""

    __slots__ = ("_count", "_scalar")

    def __init__(self, scalar: pa.Scalar) -> None:
        self._scalar = scalar
        self._count = int(scalar.value)

    def __lt__(self, other: _Moment) -> bool:
        return self._count < other._count

    def __gt__(self, other: _Moment) -> bool:
        return self._count > other._count

    def isoformat(self) -> str:
        """Return the time as ISO 8601, a duration as text; the bare count where the calendar or the zone is unknown."""
        with contextlib.suppress(ValueError, OverflowError, KeyError):
            value = self._scalar.as_py()
            return str(value.isoformat() if hasattr(value, "isoformat") else value)
        return f"{self._count} ({self._scalar.type})"


def _plain(value: Any) -> Any:
    """JSON has numbers and text; whatever else (times, decimals, infinities) is text, cut when it is long."""
    if value is None or isinstance(value, int) or (isinstance(value, float) and value - value == 0):
        return value
    if isinstance(value, bytes):
        value = value[: SHOWN_TEXT // 2 + 1].hex()
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 1] + "…"
