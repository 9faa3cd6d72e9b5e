"""JSON lines as Arrow tables of one schema, streamed; a bad line is an error that names file and line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_mlops.backends.arrow_types import check_columns
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20


class JsonLines:
    """Reads files of one JSON object a line that share the columns and types of the first block.

    Text stays text, also where it looks like a time; name the type in the schema to have it parsed.

    :param stated: Arrow type by column, as the source states it; the others are inferred from the first block.
    """

    def __init__(self, stated: Mapping[str, pa.DataType]) -> None:
        self._stated = stated
        self.schema: pa.Schema | None = None

    def tables(self, name: str, open_file: Callable[[], BinaryIO]) -> Generator[pa.Table, None, None]:
        """Read a file.

        :param name: its name, for errors.
        :param open_file: opens it for reading bytes.
        :return: tables of the schema of the first block.
        :raises BadInput: naming file, line and what is wrong.
        """
        line = 1
        with open_file() as file:
            for block in blocks_of(file):
                if block.strip():
                    yield self._table(name, block, line)
                line += block.count(b"\n")

    def learn(self, name: str, open_file: Callable[[], BinaryIO]) -> None:
        """Learn columns and types from a file, unless an earlier one with rows has told them.

        :param name: its name, for errors.
        :param open_file: opens it for reading bytes.
        :raises BadInput: naming file, line and what is wrong.
        """
        if self.schema is None:
            with closing(self.tables(name, open_file)) as tables:
                next(tables, None)

    def _table(self, name: str, block: bytes, line: int) -> pa.Table:
        pa = load("pyarrow", "parquet")
        try:
            if self.schema is None:
                self.schema = self._inferred(name, parsed(block, None))
            return parsed(block, self.schema)
        except pa.ArrowInvalid as err:
            raise BadInput(self._told(name, block, line, str(err))) from None

    def _inferred(self, name: str, rows: pa.Table) -> pa.Schema:
        pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
        schema = rows.schema
        check_columns(schema.names, {}, name)
        found = {field.name: pa.string() if types.is_timestamp(field.type) else field.type for field in schema} | dict(
            self._stated
        )
        for column, kind in found.items():
            if types.is_null(kind):
                raise BadInput(
                    f"{name}: column {column!r} is null throughout its first {BLOCK >> 20} MiB, so that its type is "
                    f'unknown; name it: schema={{"{column}": "float64"}}.'
                )
            if column not in self._stated and types.is_floating(kind) and _are_long(rows.column(column)):
                raise BadInput(
                    f"{name}: column {column!r} holds whole numbers that no int64 holds; floats would lose their last "
                    f'digits. Write them as text, or name the type: schema={{"{column}": "uint64"}} or "float64".'
                )
        return pa.schema(list(found.items()))

    def _told(self, name: str, block: bytes, line: int, message: str) -> str:
        """Find the line of an error: the shortest beginning of its block that fails ends with it."""
        lines, good, where = block.split(b"\n"), 0, ""
        bad = len(lines) + 1
        while bad - good > 1:
            middle = (good + bad) // 2
            if (found := self._error_of(b"\n".join(lines[:middle]))) is None:
                good = middle
            else:
                bad, where, message = middle, f", line {line + middle - 1}", found
        message = re.sub(r" in row \d+$", "", message.rstrip(".")).rstrip(".")
        hint = (
            "" if "Invalid value" in message else " Columns and types are those of the first block; name all in schema."
        )
        return f"{name}{where}: {message[:300]}.{hint}"

    def _error_of(self, block: bytes) -> str | None:
        try:
            if block.strip():
                parsed(block, self.schema)
        except load("pyarrow", "parquet").ArrowInvalid as err:
            return str(err)
        return None


def _are_long(column: pa.ChunkedArray) -> bool:
    """Whether a column was made one of floats because a whole number is no int64."""
    pc = load("pyarrow.compute", "parquet")
    whole = pc.all(pc.equal(pc.floor(column), column)).as_py()
    return bool(whole and pc.any(pc.greater_equal(pc.abs(column), 2.0**63)).as_py())


def parsed(block: bytes, schema: pa.Schema | None) -> pa.Table:
    """Parse whole lines; its errors are Arrow's.

    :param block: the lines.
    :param schema: columns and types; None to infer them.
    :return: the rows.
    """
    json = load("pyarrow.json", "parquet")
    return json.read_json(
        io.BytesIO(block),
        # An object may not be larger than a block, and a schema is inferred from the first one.
        read_options=json.ReadOptions(block_size=len(block) + 1, use_threads=False),
        parse_options=json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "error"
        ),
    )


def blocks_of(file: Any) -> Iterator[bytes]:
    """Give whole lines, some megabytes at a time.

    :param file: read by ``read(size)``.
    """
    rest = b""
    while data := file.read(BLOCK):
        cut = data.rfind(b"\n") + 1
        if cut == 0:
            rest += data
            continue
        yield rest + data[:cut]
        rest = data[cut:]
    if rest:
        yield rest
