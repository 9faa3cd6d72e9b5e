"""From whatever a source yields to blocks of one schema and bounded size: large tables are sliced, tiny ones joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.canonical_types import is_binary, is_text, plain_array, stored_type
from airflow_provider_mlops.backends.content_digest import check_names, shown
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_rows import is_spark_frame, spark_batches
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd
    import pyarrow as pa

    Frame: TypeAlias = pd.DataFrame | pa.Table | pa.RecordBatch

_JOIN_PIECES = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How large what lies in memory and in one file may become.

    :param block_rows: rows of a block, which becomes a row group.
    :param block_bytes: bytes of a block in memory; a single row may be larger.
    :param part_rows: rows of a part file.
    :param part_bytes: bytes of a part file, from which on no block is added.
    """

    block_rows: int = 131_072
    block_bytes: int = 64 << 20
    part_rows: int = 4_194_304
    part_bytes: int = 512 << 20


def blocks(frames: Iterable[Frame], limits: Limits) -> Iterator[pa.Table]:
    """Yield the rows of frames as blocks.

    A column that holds nothing but nulls takes the type of the first frame that has one; from there on the blocks
    have another schema than those before.

    :param frames: pandas frames, Arrow tables or record batches of one schema, in row order; or sorted Spark frames.
    :param limits: how large a block may be.
    :return: tables of at most ``block_rows`` rows and about ``block_bytes`` bytes; empty ones only when all is empty.
    :raises BadInput: when a frame does not fit the first one's schema, or a type cannot be kept.
    """
    gathered = _Gathered(limits)
    schema: pa.Schema | None = None
    for table in _tables(frames):
        if schema is not None and not table.schema.equals(schema):
            yield from gathered.flush()
        schema = table.schema
        for piece in _pieces(table, limits):
            yield from gathered.add(piece)
    yield from gathered.flush()
    if schema is not None and not gathered.given:
        yield schema.empty_table()


class _Gathered:
    """Pieces that wait to become a block."""

    def __init__(self, limits: Limits) -> None:
        self.given = 0
        self._limits = limits
        self._clear()

    def _clear(self) -> None:
        self._pieces: list[pa.Table] = []
        self._rows = self._bytes = 0

    def add(self, piece: pa.Table) -> Iterator[pa.Table]:
        while piece.num_rows:
            if self._rows and self._bytes + piece.nbytes > self._limits.block_bytes:
                yield from self.flush()
            head = piece.slice(0, self._limits.block_rows - self._rows)
            self._keep(head)
            piece = piece.slice(head.num_rows)
            if self._rows >= self._limits.block_rows:
                yield from self.flush()

    def flush(self) -> Iterator[pa.Table]:
        if self._rows:
            block = _joined(self._pieces)
            self.given += 1
            self._clear()
            yield block

    def _keep(self, piece: pa.Table) -> None:
        self._pieces.append(piece)
        self._rows += piece.num_rows
        self._bytes += piece.nbytes
        if len(self._pieces) >= _JOIN_PIECES:
            self._pieces = [_joined(self._pieces)]


def _joined(pieces: list[pa.Table]) -> pa.Table:
    if len(pieces) == 1:
        return pieces[0]
    return load("pyarrow", "parquet").concat_tables(pieces).combine_chunks()


def _pieces(table: pa.Table, limits: Limits) -> Iterator[pa.Table]:
    """Slice a table until each piece is small enough, or is a single row."""
    rows = table.num_rows
    if rows > 1 and (rows > limits.block_rows or table.nbytes > limits.block_bytes):
        count = max(-(-rows // limits.block_rows), -(-table.nbytes // limits.block_bytes))
        step = max(1, -(-rows // count))
        for start in range(0, rows, step):
            piece = table.slice(start, step)
            yield from _pieces(piece, limits) if piece.num_rows < rows else [piece]
    elif rows:
        yield table


def _tables(frames: Iterable[Frame]) -> Iterator[pa.Table]:
    schema: pa.Schema | None = None
    for number, frame in enumerate(_without_spark(frames), start=1):
        table = _stored(_to_table(frame, number), number)
        if schema is not None:
            table = _fitted(table, schema, number)
        schema = table.schema
        yield table


def _without_spark(frames: Iterable[Any]) -> Iterator[Any]:
    for frame in frames:
        if is_spark_frame(frame):
            yield from spark_batches(frame)
        else:
            yield frame


def _to_table(frame: Any, number: int) -> pa.Table:
    pa = load("pyarrow", "parquet")
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if not hasattr(frame, "columns") or not hasattr(frame, "dtypes"):
        raise BadInput(f"Frame {number} of the source is a {type(frame).__name__}, not a pandas frame or Arrow table.")
    check_names([str(name) for name in frame.columns])
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as err:
        raise BadInput(f"Frame {number} of the source cannot be stored: {_reason(err)}") from err
    for place, field in enumerate(table.schema):
        kinds = _kinds(frame.iloc[:, place], field.type) if frame.dtypes.iloc[place].kind == "O" else set()
        if "set" in kinds:
            raise BadInput(
                f"Frame {number} of the source cannot be stored: column {shown(field.name)} holds sets, which have no "
                "order. Give it sorted lists."
            )
        if len(kinds) > 1:
            raise BadInput(
                f"Frame {number} of the source cannot be stored: column {shown(field.name)} mixes "
                f"{' and '.join(sorted(kinds))}. Give the column one kind of value."
            )
    return table


def _kinds(values: pd.Series, kind: pa.DataType) -> set[str]:
    """Name the kinds of values that Arrow takes for one: it would drop an hour, a zone, what is no text, a truth."""
    types = load("pyarrow.types", "parquet")
    if is_binary(kind):
        return {"text" if issubclass(one, str) else "bytes" for one in set(map(type, values.dropna()))}
    if types.is_floating(kind):
        return {"truth values" if "bool" in one.__name__ else "numbers" for one in set(map(type, values.dropna()))}
    if types.is_list(kind):
        return {"set" if issubclass(one, set | frozenset) else "list" for one in set(map(type, values.dropna()))}
    if not types.is_date(kind) and not types.is_timestamp(kind):
        return set()
    return {
        "date" if not hasattr(value, "tzinfo") else "datetime with time zone" if value.tzinfo else "datetime"
        for value in values.dropna()
    }


def _stored(table: pa.Table, number: int) -> pa.Table:
    """Give the columns the types that Parquet gives back, and drop metadata."""
    pa = load("pyarrow", "parquet")
    check_names(table.schema.names)
    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        try:
            kind = stored_type(field.type)
            same = kind.equals(field.type)
            if same and pa.types.is_dictionary(kind) and any(chunk.dictionary.null_count for chunk in column.chunks):
                # Parquet knows a null of a row, not one among the values of a dictionary.
                column = column.cast(kind.value_type).dictionary_encode().cast(kind)  # noqa: PLW2901 - the same rows
            columns.append(column if same else pa.chunked_array([plain_array(c) for c in column.chunks], kind))
        except BadInput as err:
            raise BadInput(f"Column {shown(field.name)}: {err}") from None
        except (pa.ArrowException, ValueError) as err:
            raise BadInput(f"Column {shown(field.name)} of frame {number} cannot be stored: {_reason(err)}") from err
        fields.append(pa.field(field.name, kind, field.nullable))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _fitted(table: pa.Table, schema: pa.Schema, number: int) -> pa.Table:
    pa = load("pyarrow", "parquet")
    if table.schema.names != schema.names:
        raise BadInput(f"Frame {number} has the columns {_listed(table.schema)}, frame 1 has {_listed(schema)}.")
    columns, fields = [], []
    for new, old, column in zip(table.schema, schema, table.columns, strict=True):
        nullable = old.nullable or new.nullable
        kind = new.type if pa.types.is_null(old.type) else old.type
        columns.append(column if kind.equals(new.type) else _cast(column, kind, new.name, number))
        fields.append(pa.field(old.name, kind, nullable))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, number: int) -> pa.ChunkedArray:
    pa = load("pyarrow", "parquet")
    try:
        if not pa.types.is_null(column.type) and _family(column.type) != _family(kind):
            raise ValueError("no number is text, no text a time, no time of a zone one without")
        if pa.types.is_dictionary(kind):
            return column.cast(kind.value_type).dictionary_encode().cast(kind)
        found = column.cast(kind)
        if pa.types.is_floating(kind) and pa.types.is_floating(column.type) and kind.bit_width < column.type.bit_width:
            _check_digits(column, found.cast(column.type))
        return found
    except (pa.ArrowException, ValueError) as err:
        raise BadInput(
            f"Frame {number} of the source cannot be stored: column {shown(name)} is {column.type} there and {kind} "
            f"before ({_reason(err)}). Give the column one type in all frames."
        ) from err


def _check_digits(before: pa.ChunkedArray, after: pa.ChunkedArray) -> None:
    """Arrow calls it safe to make a float shorter."""
    pc = load("pyarrow.compute", "parquet")
    same = pc.or_(pc.equal(before, after), pc.and_(pc.is_nan(before), pc.is_nan(after)))
    if not pc.all(same).as_py():
        raise ValueError("digits would be lost")


def _family(kind: pa.DataType) -> str:
    """Types among which a value can move when nothing of it is lost."""
    types = load("pyarrow.types", "parquet")
    if types.is_dictionary(kind):
        kind = kind.value_type
    if is_text(kind):
        return "text"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_timestamp(kind):
        return f"timestamp of {kind.tz}"
    return "list" if types.is_list(kind) else "struct" if types.is_struct(kind) else str(kind)


def _listed(schema: pa.Schema, limit: int = 20) -> str:
    names = [name if len(name) <= 80 else name[:80] + "..." for name in schema.names]
    return str(names) if len(names) <= limit else f"{names[:limit]} and {len(names) - limit} more"


def _reason(err: BaseException) -> str:
    """The first words of an error: some hold whole values."""
    if isinstance(err, UnicodeEncodeError):
        return f"text with half a character at position {err.start}: {err.reason}"
    text = " ".join(str(part) for part in err.args) if err.args else type(err).__name__
    return text if len(text) <= 300 else text[:300] + "..."
