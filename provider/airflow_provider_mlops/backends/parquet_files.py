"""Parquet files as Arrow tables of one schema, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_mlops.backends.arrow_types import check_columns
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536


class ParquetFiles:
    """Reads Parquet files that share the schema of the first one.

    :param stated: Arrow type by column that the rows are cast to, as the source states it.
    """

    def __init__(self, stated: Mapping[str, pa.DataType]) -> None:
        self._stated = stated
        self._schema: pa.Schema | None = None

    def tables(self, name: str, open_file: Callable[[], BinaryIO]) -> Iterator[pa.Table]:
        """Read a file.

        :param name: its name, for errors.
        :param open_file: opens it for reading bytes.
        :return: tables of the schema of the first file.
        :raises BadInput: naming the file that is no Parquet, or has another schema.
        """
        pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
        try:
            with open_file() as opened, pq.ParquetFile(opened) as file:
                schema = file.schema_arrow.remove_metadata()
                check_columns(schema.names, self._stated, name)
                if self._schema is None:
                    self._schema = schema
                elif not schema.equals(self._schema):
                    raise BadInput(
                        f"{name} has another schema than the first file: {_difference(self._schema, schema)}."
                    )
                wanted = pa.schema([(field.name, self._stated.get(field.name, field.type)) for field in schema])
                if file.metadata.num_rows == 0:
                    yield wanted.empty_table()
                for batch in file.iter_batches(batch_size=BATCH_ROWS):
                    yield pa.Table.from_batches([batch]).replace_schema_metadata(None).cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as err:
            raise BadInput(f"{name} cannot be read as Parquet of the stated types: {str(err)[:300]}") from None


def _difference(first: pa.Schema, other: pa.Schema) -> str:
    """Say the first column in which two schemas differ."""
    for ours, theirs in zip(first, other, strict=False):
        if not ours.equals(theirs):
            return f"column {theirs.name!r} of type {theirs.type}, there {ours.name!r} of type {ours.type}"
    return f"{len(other)} columns, there {len(first)}"
