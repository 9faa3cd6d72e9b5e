"""The identity of rows: a SHA-256 over schema and ordered values, whatever the chunks, files or writer.

Each column feeds two or three running hashes: one byte a row for validity, the bytes of the values with nulls as
zero, and for text and lists the lengths. Each is a plain concatenation over rows, so that splitting the rows in other
chunks gives the same digest. Row order counts: it changes every model that is trained on the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.canonical_types import logical_type, plain_array, stored_type
from airflow_provider_mlops.backends.canonical_values import values_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import content_id

if TYPE_CHECKING:
    import pyarrow as pa


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
        self._values = values_of(stored_type(arrow_type))

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
