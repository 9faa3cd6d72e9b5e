"""One column of Parquet files at a time, summed up for comparing: memory holds what is summed up and a batch.

Texts are read as dictionaries, so that each different one is decoded once per row group.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.arrow_values import kind_of
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.summing import summed
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.statistics.arrays import BoolArray
    from airflow_provider_mlops.statistics.columns import Kind, Summary
    from airflow_provider_mlops.statistics.number_memory import NumberMemory

BATCH_ROWS = 262_144
_BUFFER_BYTES = 1 << 18
"""Read at a time: what is decoded at once is still in the processor's caches then, and its memory is used again."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A Parquet file and which of its rows count.

    :param path: the file.
    :param keep: one truth value per row; None for all rows.
    """

    path: Path
    keep: BoolArray | None = None


class ParquetColumns:
    """Columns of Parquet files, in the order of the files.

    :param parts: the files.
    :raises EvidenceBroken: when a file cannot be read.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        self._files = [_metadata(part.path) for part in self._parts]
        self.rows = sum(self.rows_of(position) for position in range(len(self._parts)))
        self._schemas = [file.schema.to_arrow_schema() for file in self._files]

    @property
    def names(self) -> list[str]:
        """Names of the columns that any file has, in the order of their first appearance."""
        return list(dict.fromkeys(name for schema in self._schemas for name in schema.names))

    def kind(self, name: str) -> Kind | None:
        """Tell what a column holds.

        :param name: the column.
        :return: numbers or categories; None where it is missing, or null in every row and of no type.
        :raises BadInput: when only some of the files have it, or they disagree.
        """
        fields = [schema.field(name) if name in schema.names else None for schema in self._schemas]
        if not any(fields):
            return None
        if not all(fields):
            raise BadInput(f"Column {name!r} is in some of the snapshots that are read together, and not in all.")
        kinds = {kind_of(field.type, name) for field in fields if field is not None} - {None}
        if len(kinds) > 1:
            types = ", ".join(sorted({str(field.type) for field in fields if field is not None}))
            raise BadInput(f"Column {name!r} is of several types in the snapshots that are read together: {types}.")
        return kinds.pop() if kinds else None

    def batches(self, name: str) -> Iterator[pa.Array]:
        """Decode a column, a bounded piece after the other.

        :param name: the column.
        :return: its values in order, of the rows that count.
        :raises EvidenceBroken: when a file cannot be decoded.
        """
        for position in range(len(self._parts)):
            for arrays in self.pieces(position, [name]):
                yield arrays[0]

    @property
    def cut(self) -> bool:
        """Whether only some of the rows of a file count."""
        return any(part.keep is not None for part in self._parts)

    def by_schema(self) -> Iterator[tuple[pa.Schema, list[Path]]]:
        """Yield the files in groups that follow each other and have one schema."""
        pairs = zip(self._schemas, (part.path for part in self._parts), strict=True)
        for _, group in itertools.groupby(pairs, key=lambda pair: pair[0].remove_metadata().to_string()):
            schemas, paths = zip(*group, strict=True)
            yield schemas[0], list(paths)

    def schemas(self) -> list[pa.Schema]:
        """Return the schema of each file."""
        return list(self._schemas)

    def rows_of(self, position: int) -> int:
        """Return how many rows of a file count.

        :param position: number of the file, from 0.
        """
        keep = self._parts[position].keep
        return int(self._files[position].num_rows) if keep is None else int(keep.sum())

    def pieces(self, position: int, names: Sequence[str]) -> Iterator[list[pa.Array]]:
        """Decode columns of one file side by side, a bounded piece after the other.

        :param position: number of the file, from 0.
        :param names: the columns.
        :return: an array per column, of the rows that count.
        :raises EvidenceBroken: when the file cannot be decoded.
        """
        return _decoded(self._parts[position], self._files[position], names)

    def summary(self, name: str, kind: Kind | None = None, memory: NumberMemory | None = None) -> Summary | None:
        """Sum a column up.

        :param name: the column.
        :param kind: what to take it for where it has no type of its own; else it is not looked at.
        :param memory: where numbers get theirs from; None for memory of their own.
        :return: the summary, None where no file has the column.
        :raises BadInput: as `kind` does, or where its type cannot be compared.
        """
        if name not in self.names:
            return None
        return summed(self.batches(name), self.rows, self.kind(name) or kind or "categorical", memory)


def _metadata(path: Path) -> Any:
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError, ValueError) as err:
        raise EvidenceBroken(f"{path} cannot be read as Parquet: {err}") from err


def _decoded(part: Part, metadata: Any, names: Sequence[str]) -> Iterator[list[pa.Array]]:
    pa, pq = load("pyarrow", "parquet"), load("pyarrow.parquet", "parquet")
    schema, start = metadata.schema.to_arrow_schema(), 0
    texts = [name for name in names if pa.types.is_string(schema.field(name).type)]
    try:
        with pq.ParquetFile(
            part.path, metadata=metadata, pre_buffer=False, buffer_size=_BUFFER_BYTES, read_dictionary=texts
        ) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(names), use_threads=False):
                arrays, stop = [batch.column(name) for name in names], start + batch.num_rows
                if part.keep is not None:
                    keep = pa.array(part.keep[start:stop])
                    arrays = [array.filter(keep) for array in arrays]
                yield arrays
                start = stop
    except (pa.ArrowException, OSError, ValueError) as err:
        raise EvidenceBroken(f"Column {names[0]!r} of {part.path} cannot be decoded: {err}") from err
