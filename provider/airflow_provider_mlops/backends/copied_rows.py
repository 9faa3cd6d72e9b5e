"""Rows as PostgreSQL's ``COPY ... (FORMAT csv)`` writes them, parsed into Arrow tables as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from airflow_provider_mlops.backends.arrow_types import decimal_type, name_column
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20
# Type OIDs of PostgreSQL's catalogue; what is not here (uuid, json, arrays, enums, intervals) is kept as its text.
_NAMES = {
    16: "bool_",
    17: "binary",
    20: "int64",
    21: "int16",
    23: "int32",
    26: "int64",
    700: "float32",
    701: "float64",
    1082: "date32",
}
_TIME, _TIMESTAMP, _TIMESTAMPTZ, _NUMERIC = 1083, 1114, 1184, 1700
_MOST_DIGITS = 1_000


class Readable(Protocol):
    """What COPY is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Read as many bytes as asked for; fewer only at the end."""


def postgres_type(oid: int, precision: int | None, scale: int | None, column: str) -> pa.DataType:
    """Return the Arrow type of a column of PostgreSQL.

    :param oid: the type's OID, as the cursor's description states it.
    :param precision: digits of a ``numeric``, None where it has no bound.
    :param scale: digits after the point.
    :param column: name of the column, for the error.
    :return: the Arrow type.
    :raises BadInput: for a ``numeric`` without precision and scale.
    """
    pa = load("pyarrow", "parquet")
    if oid == _NUMERIC:
        # Drivers write a precision that is missing as None, or as one that no column can have.
        if precision is None or scale is None or precision > _MOST_DIGITS:
            raise BadInput(
                f"Column {column!r} is a numeric without precision and scale; "
                f'name them: schema={{"{column}": "decimal128(18, 4)"}} or "float64".'
            )
        return decimal_type(precision, scale, f"Column {column!r}")
    if oid in (_TIMESTAMP, _TIMESTAMPTZ):
        return pa.timestamp("us", "UTC" if oid == _TIMESTAMPTZ else None)
    if oid == _TIME:
        return pa.time64("us")
    return getattr(pa, _NAMES.get(oid, "string"))()


def copied_tables(file: Readable, types: Mapping[str, pa.DataType]) -> Iterator[pa.Table]:
    """Parse what COPY writes; memory holds a few blocks, whatever the number of rows.

    :param file: where COPY writes to: UTF-8, no header, ISO dates, UTC.
    :param types: Arrow type of each column, in order.
    :return: tables of one schema; none when there is no row.
    :raises BadInput: naming the column whose value does not fit its type.
    """
    pa, csv = load("pyarrow", "parquet"), load("pyarrow.csv", "parquet")
    head = file.read(1)
    if not head:
        return
    parsed = {name: pa.string() if pa.types.is_binary(kind) else kind for name, kind in types.items()}
    try:
        reader = csv.open_csv(
            pa.PythonFile(_Rest(head, file), mode="r"),
            read_options=csv.ReadOptions(column_names=list(types), block_size=BLOCK),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=parsed,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield _with_bytes(pa.Table.from_batches([batch]), types)
    except pa.ArrowInvalid as err:
        if "straddling object" in str(err):
            raise BadInput(
                f"The query gives a row that is longer than {BLOCK >> 20} MiB as text. Leave out the column that is "
                "as long as that, cut it in the query, or read it in a source function."
            ) from None
        raise BadInput(
            f"{name_column(str(err), list(types))[:300]}. Cast it in the query, or name its type in schema."
        ) from None


class _Rest:
    """A file whose first byte was read already."""

    def __init__(self, head: bytes, file: Readable) -> None:
        self._head, self._file, self.closed = head, file, False

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head + self._file.read(size - len(head)) if head else self._file.read(size)

    def close(self) -> None:
        self.closed = True


def _with_bytes(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    r"""Turn the text ``\\x0a1b`` of a bytea into its bytes."""
    pa = load("pyarrow", "parquet")
    for place, (name, kind) in enumerate(types.items()):
        if pa.types.is_binary(kind):
            values = [None if text is None else bytes.fromhex(text[2:]) for text in table[name].to_pylist()]
            table = table.set_column(place, name, pa.array(values, kind))
    return table
