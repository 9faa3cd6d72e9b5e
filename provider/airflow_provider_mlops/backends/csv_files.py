"""CSV files as Arrow tables of one schema, streamed; a bad line is an error that names file and line."""

from __future__ import annotations

import csv as csv_lines
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_mlops.backends.arrow_types import check_columns, name_column, one_unit
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20
_CODE = r"^\s*[+-]?0[0-9]"
OPTIONS = ("delimiter", "quote", "encoding", "null_values")


class CsvFiles:
    """Reads CSV files that share the columns and types of the first one.

    :param stated: Arrow type by column, as the source states it; the others are inferred from the first block.
    :param options: ``delimiter``, ``quote``, ``encoding``, ``null_values``.
    :raises BadInput: when an option is unknown or of another type.
    """

    def __init__(self, stated: Mapping[str, pa.DataType], options: Mapping[str, Any]) -> None:
        self._stated = stated
        self._types: dict[str, pa.DataType] = {}
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

    def tables(self, name: str, open_file: Callable[[], BinaryIO]) -> Iterator[pa.Table]:
        """Read a file.

        :param name: its name, for errors.
        :param open_file: opens it for reading bytes; called again to find a bad line.
        :return: tables of the schema of the first file.
        :raises BadInput: naming file, line and what is wrong.
        """
        pa = load("pyarrow", "parquet")
        try:
            if not self._types:
                with open_file() as file:
                    schema = self._reader(_Quotes(file), {}).schema
                self._types = self._inferred(name, schema)
                self._types |= self._codes(open_file)
            with open_file() as file:
                counted = _Quotes(file)
                reader = self._reader(counted, self._types)
                if list(reader.schema.names) != list(self._types):
                    raise BadInput(
                        f"{name} has the columns {reader.schema.names}, the first file has {list(self._types)}."
                    )
                for batch in reader:
                    yield pa.Table.from_batches([batch])
            if self._quote == '"' and counted.odd and not self._encoding.lower().startswith(("utf-16", "utf-32")):
                raise BadInput(f"{name}: a quote is opened and never closed; the rows behind it would be one value.")
        except (pa.ArrowInvalid, pa.ArrowKeyError) as err:
            raise BadInput(self._told(name, open_file, str(err))) from None
        except (UnicodeError, LookupError) as err:
            raise BadInput(f"{name} is not {self._encoding}: {str(err)[:200]}; set options encoding.") from None

    def _inferred(self, name: str, schema: pa.Schema) -> dict[str, pa.DataType]:
        types = load("pyarrow.types", "parquet")
        check_columns(schema.names, self._stated, name)
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

    def _codes(self, open_file: Callable[[], BinaryIO]) -> dict[str, pa.DataType]:
        """Find columns of numbers that are codes: a zero before other digits would be lost (007 is not 7)."""
        pa, pc = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet")
        numbers = {
            name: pa.string()
            for name, kind in self._types.items()
            if name not in self._stated and (pa.types.is_integer(kind) or pa.types.is_floating(kind))
        }
        if not numbers:
            return {}
        with open_file() as file:
            head = next(iter(self._reader(_Quotes(file), {**self._types, **numbers})), None)
        if head is None:
            return {}
        return {
            name: kind
            for name, kind in numbers.items()
            if pc.any(pc.match_substring_regex(head.column(head.schema.get_field_index(name)), _CODE)).as_py()
        }

    def _reader(self, file: _Quotes, types: Mapping[str, pa.DataType], *, threads: bool = True) -> Any:
        pa, csv = load("pyarrow", "parquet"), load("pyarrow.csv", "parquet")
        nulls = {} if self._nulls is None else {"null_values": self._nulls, "strings_can_be_null": True}
        return csv.open_csv(
            pa.PythonFile(file, mode="r"),
            read_options=csv.ReadOptions(block_size=BLOCK, encoding=self._encoding, use_threads=threads),
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
                for _ in self._reader(_Quotes(file), self._types, threads=False):
                    pass
        except pa.ArrowInvalid as err:
            message = str(err)
        if found := re.search(r"Row #(\d+): ?", message):
            line = f", line {self._line_of(open_file, int(found[1]))}"
            message = message.replace(found[0], "")
        hint = "" if "parse error" in message else " Name its type in schema, or the value in options null_values."
        return f"{name}{line}: {name_column(message, list(self._types))[:300].rstrip('.')}.{hint}"

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


class _Quotes:
    """A file that counts the quotes that pass: an odd number means that one was never closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.odd, self.closed = file, False, False

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.odd ^= bool(data.count(b'"') % 2)
        return data

    def close(self) -> None:
        self.closed = True
