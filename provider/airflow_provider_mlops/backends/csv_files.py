"""CSV files as Arrow tables of one schema, streamed; a bad line is an error that names file and line."""

from __future__ import annotations

import csv as csv_lines
import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_mlops.backends.arrow_types import check_columns, name_column, one_unit
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20
_CODE = r"^\s*[+-]?0[0-9]"
_WHOLE = r"^\s*[+-]?[0-9]+\s*$|^[^0-9]*$"
_BEYOND_INT64 = r"^\s*[+-]?[0-9]{19}"
OPTIONS = ("delimiter", "quote", "encoding", "null_values")


class CsvFiles:
    """Reads CSV files that share the columns and types of the first one.

    :param stated: Arrow type by column, as the source states it; the others are inferred from the first block.
    :param options: ``delimiter``, ``quote``, ``encoding``, ``null_values``.

    ``types`` holds the type of each column, in order, once they are known.

    :raises BadInput: when an option is unknown or of another type.
    """

    def __init__(self, stated: Mapping[str, pa.DataType], options: Mapping[str, Any]) -> None:
        self._stated = stated
        self.types: dict[str, pa.DataType] = {}
        self._names: list[str] = []
        for name, value in options.items():
            wanted = list if name == "null_values" else str
            if name not in OPTIONS:
                raise BadInput(
                    f"options of a CSV source has the unknown key {name!r}; known are: {', '.join(OPTIONS)}."
                )
            one = name in ("delimiter", "quote") and len(value) > 1
            if not isinstance(value, wanted) or one or (name == "delimiter" and not value):
                raise BadInput(
                    f"option {name}={value!r} must be {'a list of texts' if wanted is list else 'one text'}."
                )
        self._delimiter = options.get("delimiter", ",")
        self._quote = options.get("quote", '"')
        self._encoding = options.get("encoding", "utf8")
        self._nulls = options.get("null_values")

    def tables(self, name: str, open_file: Callable[[], BinaryIO]) -> Generator[pa.Table, None, None]:
        """Read a file.

        :param name: its name, for errors.
        :param open_file: opens it for reading bytes; called again to find a bad line.
        :return: tables of the schema of the first file; of a header alone one without rows, of type ``null`` where no
            type is known yet.
        :raises BadInput: naming file, line and what is wrong.
        """
        pa = load("pyarrow", "parquet")
        try:
            if (empty := self.learn(name, open_file)) is not None:
                yield empty.empty_table()
                return
            with open_file() as file:
                yield from self.parsed(name, file)
        except (pa.ArrowInvalid, pa.ArrowKeyError) as err:
            raise BadInput(self._told(name, open_file, str(err))) from None
        except (UnicodeError, LookupError) as err:
            raise BadInput(f"{name} is not {self._encoding}: {str(err)[:200]}; set options encoding.") from None

    def learn(self, name: str, open_file: Callable[[], BinaryIO]) -> pa.Schema | None:
        """Learn columns and types from a file, unless an earlier one with rows has told them.

        :param name: its name, for errors.
        :param open_file: opens it for reading bytes.
        :return: the columns of a file that holds a header and no row, None of any other.
        :raises BadInput: when a name stands twice, or a column has no type.
        """
        if self.types:
            return None
        pa = load("pyarrow", "parquet")
        with open_file() as file:
            reader = self._reader(_Quotes(file), {})
            schema, head = reader.schema, next(iter(reader), None)
        self._check_columns(name, check_columns(schema.names, self._stated, name))
        if head is None or head.num_rows == 0:
            return pa.schema([(column, self._stated.get(column, pa.null())) for column in schema.names])
        types = self._inferred(name, schema)
        self.types = {**types, **self._codes(open_file, types)}
        return None

    def parsed(self, name: str, file: Any, *, header: bool = True) -> Iterator[pa.Table]:
        """Parse an open file by the types that are known; its errors are Arrow's.

        :param name: its name, for errors.
        :param file: the file at its start, read by ``read(size)``; or at the start of a row, without a header.
        :param header: whether the columns are named in the first line.
        :return: tables.
        :raises BadInput: when it has other columns, or a quote is never closed.
        """
        pa = load("pyarrow", "parquet")
        counted = _Quotes(file)
        reader = self._reader(counted, self.types, header=header)
        self._check_columns(name, list(reader.schema.names))
        for batch in reader:
            yield pa.Table.from_batches([batch])
        if self._quote == '"' and counted.odd and not self._encoding.lower().startswith(("utf-16", "utf-32")):
            raise BadInput(f"{name}: a quote is opened and never closed; the rows behind it would be one value.")

    def _check_columns(self, name: str, names: list[str]) -> None:
        self._names = self._names or list(self.types) or names
        if names != self._names:
            raise BadInput(f"{name} has the columns {names}, the first file has {self._names}.")

    def _inferred(self, name: str, schema: pa.Schema) -> dict[str, pa.DataType]:
        types = load("pyarrow.types", "parquet")
        found = {field.name: self._stated.get(field.name) or one_unit(field.type) for field in schema}
        for column, kind in found.items():
            if types.is_null(kind):
                raise BadInput(
                    f"{name}: column {column!r} has no value in its first {BLOCK >> 20} MiB, so that its type is "
                    f'unknown; name it: schema={{"{column}": "float64"}}.'
                )
            if types.is_binary(kind) and column not in self._stated:
                raise BadInput(f"{name}: column {column!r} is not {self._encoding} text; set options encoding.")
        return found

    def _codes(self, open_file: Callable[[], BinaryIO], types: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
        """Find columns of numbers that are codes, of which a number would lose digits."""
        pa = load("pyarrow", "parquet")
        numbers = {
            name: pa.string()
            for name, kind in types.items()
            if name not in self._stated and (pa.types.is_integer(kind) or pa.types.is_floating(kind))
        }
        if not numbers:
            return {}
        with open_file() as file:
            head = next(iter(self._reader(_Quotes(file), {**types, **numbers})), None)
        if head is None:
            return {}
        cells = {name: head.column(head.schema.get_field_index(name)) for name in numbers}
        return {name: kind for name, kind in numbers.items() if _are_codes(cells[name], types[name])}

    def _reader(
        self, file: _Quotes, types: Mapping[str, pa.DataType], *, threads: bool = True, header: bool = True
    ) -> Any:
        pa, csv = load("pyarrow", "parquet"), load("pyarrow.csv", "parquet")
        nulls = {} if self._nulls is None else {"null_values": self._nulls, "strings_can_be_null": True}
        return csv.open_csv(
            pa.PythonFile(file, mode="r"),
            read_options=csv.ReadOptions(
                block_size=BLOCK,
                encoding=self._encoding,
                use_threads=threads,
                column_names=None if header else list(types),
            ),
            parse_options=csv.ParseOptions(
                delimiter=self._delimiter, quote_char=self._quote or False, newlines_in_values=bool(self._quote)
            ),
            convert_options=csv.ConvertOptions(column_types=types, quoted_strings_can_be_null=False, **nulls),
        )

    def _told(self, name: str, open_file: Callable[[], BinaryIO], message: str) -> str:
        """Find the line of an error: Arrow counts rows, and only without threads."""
        if "Empty CSV" in message:
            return f"{name} is empty: not even a header."
        pa = load("pyarrow", "parquet")
        line = ""
        try:
            with open_file() as file:
                for _ in self._reader(_Quotes(file), self.types, threads=False):
                    pass
        except pa.ArrowInvalid as err:
            message = str(err)
        if "straddling object" in message:
            return (
                f"{name}: a row is longer than {BLOCK >> 20} MiB, or a quote is opened and never closed; "
                "give texts as long as that as Parquet or JSON lines."
            )
        if found := re.search(r"Row #(\d+): ?", message):
            line = f", line {self._line_of(open_file, int(found[1]))}"
            message = message.replace(found[0], "")
        hint = "" if "parse error" in message else " Name its type in schema, or the value in options null_values."
        return f"{name}{line}: {name_column(message, list(self.types))[:300].rstrip('.')}.{hint}"

    def _line_of(self, open_file: Callable[[], BinaryIO], row: int) -> int:
        """Turn the number of a row into that of a line: rows may span lines, empty lines are no rows."""
        quoting = {"quotechar": self._quote} if self._quote else {"quoting": csv_lines.QUOTE_NONE}
        with open_file() as file:
            text = io.TextIOWrapper(file, encoding=self._encoding, errors="replace", newline="")
            lines: Any = csv_lines.reader(text, delimiter=self._delimiter, **quoting)
            for cells in lines:
                row -= bool(cells)
                if row == 0:
                    return int(lines.line_num)
        return row


def _are_codes(cells: pa.Array, inferred: pa.DataType) -> bool:
    """Whether cells would lose the zeros that they begin with, or the last digits: 007 is not 7.

    Arrow makes floats of whole numbers where one of them is no int64.
    """
    pc, types = load("pyarrow.compute", "parquet"), load("pyarrow.types", "parquet")

    def look(like: str) -> Any:
        return pc.match_substring_regex(cells, like)

    if pc.any(look(_CODE)).as_py():
        return True
    return bool(types.is_floating(inferred) and pc.any(look(_BEYOND_INT64)).as_py() and pc.all(look(_WHOLE)).as_py())


class _Quotes:
    """A file that counts the quotes that pass: an odd number means that one was never closed."""

    def __init__(self, file: Any) -> None:
        self._file, self.odd, self.closed = file, False, False

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self.odd ^= bool(data.count(b'"') % 2)
        return data

    def close(self) -> None:
        self.closed = True
