"""One column of Parquet files at a time, summed up for comparing: memory holds that column and nothing else.

Numbers (decimals and truth values too) become one sorted array, everything else the counts of its texts. Texts are
read as dictionaries, so that each different one is decoded once per row group.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.side_by_side import both

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.backends.drift_columns import Columns
    from airflow_provider_mlops.statistics.arrays import BoolArray
    from airflow_provider_mlops.statistics.columns import ColumnPair, Kind, Summary

BATCH_ROWS = 262_144
_COMPACT_ROWS = 1 << 20


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

    def summary(self, name: str, kind: Kind | None = None) -> Summary | None:
        """Sum a column up.

        :param name: the column.
        :param kind: what to take it for where it has no type of its own; else it is not looked at.
        :return: the summary, None where no file has the column.
        :raises BadInput: as `kind` does, or where its type cannot be compared.
        """
        if name not in self.names:
            return None
        found = self.kind(name) or kind or "categorical"
        return self._numbers(name) if found == "numeric" else self._categories(name)

    def _numbers(self, name: str) -> Summary:
        from airflow_provider_mlops.statistics.columns import Numbers

        values, filled = load("numpy", "parquet").empty(self.rows), 0
        for array in self.batches(name):
            present = array.drop_null() if array.null_count else array
            values[filled : filled + len(present)] = floats_of(present)
            filled += len(present)
        return Numbers.owning(values[:filled], self.rows - filled)

    def _categories(self, name: str) -> Summary:
        from airflow_provider_mlops.statistics.columns import Categories

        nulls, counting = 0, TextCounts()
        for array in self.batches(name):
            nulls += counting.add(array)
        return Categories(counting.counts(), nulls)


@dataclass(frozen=True, slots=True)
class ParquetPairs:
    """Columns of two samples, summed up pair after pair; they can be gone through more than once.

    :param reference: the reference's columns.
    :param current: the columns to judge.
    :param features: names of the columns; those that neither side has are left out.
    """

    reference: Columns
    current: Columns
    features: Sequence[str]

    def __iter__(self) -> Iterator[ColumnPair]:
        for name in self.features:
            # A column that is null in every row may have no type: it is what the other side is.
            kind = self.reference.kind(name) or self.current.kind(name)
            read = partial(_summary, name=name, kind=kind)
            was, now = both(read, self.reference, self.current, rows=min(self.reference.rows, self.current.rows))
            if was is not None or now is not None:
                yield name, was, now
            # Large columns: none may be alive while the next one is read.
            del was, now


def _summary(columns: Columns, name: str, kind: Kind | None) -> Summary | None:
    return columns.summary(name, kind)


class TextCounts:
    """Counts how often each text appears, in Arrow, so that only different texts become Python's."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._waiting = 0

    @property
    def texts(self) -> int:
        """At least how many different texts memory holds."""
        return max((table.num_rows for table in self._tables), default=0)

    def add(self, array: pa.Array) -> int:
        """Count the values of an array.

        :param array: values of any type but numbers.
        :return: how many of them are null.
        """
        pa, pc = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet")
        if pa.types.is_null(array.type):
            return len(array)
        values, rows = _coded(array) if pa.types.is_dictionary(array.type) else pc.value_counts(array).flatten()
        table = pa.table({"text": _texts(values), "rows": rows})
        present = table.filter(pc.is_valid(table["text"]))
        self._tables.append(present)
        self._waiting += present.num_rows
        if self._waiting > _COMPACT_ROWS:
            self._compact()
        return len(array) - (pc.sum(present["rows"]).as_py() or 0)

    def counts(self) -> Counter[str]:
        """Return rows by text."""
        self._compact()
        table = self._tables[0] if self._tables else None
        if table is None:
            return Counter()
        return Counter(dict(zip(table["text"].to_pylist(), table["rows"].to_pylist(), strict=True)))

    def _compact(self) -> None:
        if not self._tables:
            return
        whole = load("pyarrow", "parquet").concat_tables(self._tables)
        summed = whole.group_by("text", use_threads=False).aggregate([("rows", "sum")])
        self._tables = [summed.select(["text", "rows_sum"]).rename_columns(["text", "rows"])]
        # Doubling, so that many different texts are not summed up again with every batch.
        self._waiting = -summed.num_rows


def _coded(array: pa.DictionaryArray) -> tuple[pa.Array, pa.Array]:
    """Count the values of a dictionary by their codes: each different one and its rows, nulls apart."""
    np, pa = load("numpy", "parquet"), load("pyarrow", "parquet")
    codes = array.indices.drop_null() if array.indices.null_count else array.indices
    rows = np.bincount(codes.to_numpy(), minlength=len(array.dictionary))
    there = pa.array(np.flatnonzero(rows))
    return array.dictionary.take(there), pa.array(rows).take(there)


def floats_of(array: pa.Array) -> Any:
    """Return numbers or truth values as floats.

    :param array: Arrow values.
    :return: a NumPy array, NaN for null.
    """
    pa = load("pyarrow", "parquet")
    if not pa.types.is_float64(array.type):
        array = array.cast(pa.float64(), safe=False)
    return array.to_numpy(zero_copy_only=False)


def _texts(array: pa.Array) -> pa.Array:
    pa = load("pyarrow", "parquet")
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([value if value is None else value.hex() for value in array.to_pylist()], pa.string())
    return array if kind == pa.string() else array.cast(pa.string())


def kind_of(arrow: pa.DataType, name: str) -> Kind | None:
    """Tell what a type holds.

    :param arrow: type of the column.
    :param name: the column, for the error.
    :return: numbers or categories; None where it holds nothing but nulls.
    :raises BadInput: when values of the type cannot be compared.
    """
    types = load("pyarrow.types", "parquet")
    if types.is_null(arrow):
        return None
    if types.is_nested(arrow):
        raise BadInput(f"Column {name!r} is of type {arrow}, which cannot be compared; leave it out (ignore).")
    numeric = types.is_integer(arrow) or types.is_floating(arrow) or types.is_boolean(arrow) or types.is_decimal(arrow)
    return "numeric" if numeric else "categorical"


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
        with pq.ParquetFile(part.path, metadata=metadata, pre_buffer=False, read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(names), use_threads=False):
                arrays, stop = [batch.column(name) for name in names], start + batch.num_rows
                if part.keep is not None:
                    keep = pa.array(part.keep[start:stop])
                    arrays = [array.filter(keep) for array in arrays]
                yield arrays
                start = stop
    except (pa.ArrowException, OSError, ValueError) as err:
        raise EvidenceBroken(f"Column {names[0]!r} of {part.path} cannot be decoded: {err}") from err
