"""Columns of a sample for what a drift check asks beyond their sums: blocks of rows, and slices of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_mlops.backends.arrow_values import floats_of
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.summing import summed
from airflow_provider_mlops.core.drift_options import BlockKind, Blocks
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.statistics.arrays import IntArray
    from airflow_provider_mlops.statistics.columns import Kind, Summary
    from airflow_provider_mlops.statistics.drift_blocks import BlockCounts
    from airflow_provider_mlops.statistics.number_memory import NumberMemory

MAX_CATEGORIES = 255
_SECONDS_A_DAY = 86_400


class Columns(Protocol):
    """What is asked of a sample, one column at a time; `ParquetColumns` and `ArrowColumns` are such."""

    rows: int

    @property
    def names(self) -> list[str]:
        """Names of the columns."""

    def kind(self, name: str) -> Kind | None:
        """Tell what a column holds, None where it is missing or has no type."""

    def batches(self, name: str) -> Iterator[pa.Array]:
        """Yield the values of a column in order."""

    def summary(self, name: str, kind: Kind | None = None, memory: NumberMemory | None = None) -> Summary | None:
        """Sum a column up, None where it is missing."""


class ArrowColumns:
    """Columns that are in memory: scores, labels, and what was served.

    :param table: an Arrow table.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.rows = int(table.num_rows)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._table.column_names)

    def kind(self, name: str) -> Kind | None:
        """Tell what a column holds.

        :param name: the column.
        :return: numbers or categories; None where it is missing, or null in every row and of no type.
        """
        if name not in self.names:
            return None
        types, arrow = load("pyarrow.types", "parquet"), self._table.schema.field(name).type
        if types.is_null(arrow):
            return None
        numeric = types.is_integer(arrow) or types.is_floating(arrow) or types.is_boolean(arrow)
        return "numeric" if numeric or types.is_decimal(arrow) else "categorical"

    def batches(self, name: str) -> Iterator[pa.Array]:
        """Yield the values of a column.

        :param name: the column.
        :return: its values in order.
        """
        yield from self._table.column(name).chunks

    def schemas(self) -> list[pa.Schema]:
        """Return the schema, as that of one file."""
        return [self._table.schema]

    def rows_of(self, position: int) -> int:
        """Return how many rows there are.

        :param position: 0.
        """
        return self.rows

    def pieces(self, position: int, names: Sequence[str]) -> Iterator[list[pa.Array]]:
        """Yield columns side by side.

        :param position: 0.
        :param names: the columns.
        """
        for batch in self._table.select(list(dict.fromkeys(names))).to_batches():
            yield [batch.column(name) for name in names]

    def summary(self, name: str, kind: Kind | None = None, memory: NumberMemory | None = None) -> Summary | None:
        """Sum a column up.

        :param name: the column.
        :param kind: what to take it for where it has no type of its own.
        :param memory: where numbers get theirs from; None for memory of their own.
        :return: the summary, None where there is no such column.
        """
        if name not in self.names:
            return None
        return summed(self.batches(name), self.rows, self.kind(name) or kind or "categorical", memory)


def block_codes(columns: Columns, blocks: Blocks, time_column: str | None) -> IntArray:
    """Say which block each row is of.

    :param columns: the rows.
    :param blocks: what makes a block.
    :param time_column: the time column where the policy names none.
    :return: one number from 0 per row.
    :raises BadInput: when the column is missing, is no time where days are asked for, or a row has no value.
    """
    np = load("numpy", "parquet")
    if blocks.kind is BlockKind.BLOCKS:
        numbers: IntArray = np.arange(columns.rows) // blocks.rows
        return numbers
    name = blocks.column or (time_column if blocks.kind is BlockKind.DAYS else None)
    if name is None or name not in columns.names:
        raise BadInput(
            f"The rows have no column {name!r} that says which of them hang together; the policy asks for it."
        )
    if blocks.kind is BlockKind.DAYS:
        codes = [_days(array, name, blocks.days) for array in columns.batches(name)]
        found = np.concatenate(codes) if codes else np.empty(0, dtype=np.int64)
        places: IntArray = np.unique(found, return_inverse=True)[1]
        return places
    return group_codes(columns, name)[0]


def group_codes(columns: Columns, name: str) -> tuple[IntArray, list[str]]:
    """Number the values of a column.

    :param columns: the rows.
    :param name: the column.
    :return: the number of each row's value, and the values as texts.
    :raises BadInput: when there is no such column, or a row has no value.
    """
    if name not in columns.names:
        raise BadInput(f"The rows have no column {name!r}; there are: {', '.join(columns.names[:20])}.")
    pa, np = load("pyarrow", "parquet"), load("numpy", "parquet")
    arrays = [_plain(array).cast(pa.string()) for array in columns.batches(name)]
    encoded = pa.chunked_array(arrays, pa.string()).combine_chunks().dictionary_encode()
    if encoded.null_count:
        raise BadInput(f"{encoded.null_count:,} rows have no value of {name!r}, so it does not say what they are of.")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def count_blocks(name: str, reference: Columns, parts: Sequence[tuple[Columns, IntArray, int]]) -> BlockCounts | None:
    """Count a column per block, on bins that the reference freezes.

    :param name: the column.
    :param reference: the rows that freeze the bins.
    :param parts: rows, the block of each row within them, and how many blocks they have; in the order of the blocks.
    :return: the counts; None where a part lacks the column, or they differ in kind.
    """
    from airflow_provider_mlops.statistics.drift_blocks import BlockCounts

    np = load("numpy", "parquet")
    kinds = {columns.kind(name) for columns, _, _ in parts if columns.rows} | {reference.kind(name)}
    kinds.discard(None)
    if len(kinds) != 1 or any(name not in columns.names for columns, _, _ in parts if columns.rows):
        return None
    bins = _Bins(name, reference, numeric=kinds == {"numeric"})
    counts, nulls = [], []
    for columns, codes, blocks in parts:
        table, missing, start = np.zeros((blocks, bins.count)), np.zeros(blocks), 0
        for array in columns.batches(name) if columns.rows else ():
            rows = codes[start : start + len(array)]
            places, valid = bins.places(array)
            cells = np.bincount(rows[valid] * bins.count + places[valid], minlength=table.size)
            table += cells.reshape(table.shape)
            missing += np.bincount(rows[~valid], minlength=blocks)
            start += len(array)
        counts.append(table)
        nulls.append(missing)
    return BlockCounts(name=name, numeric=bins.numeric, counts=np.vstack(counts), nulls=np.concatenate(nulls))


def split_summaries(columns: Columns, name: str, codes: IntArray, wanted: Mapping[int, str]) -> dict[str, Summary]:
    """Sum a column up per slice.

    :param columns: the rows.
    :param name: the column.
    :param codes: number of each row's slice.
    :param wanted: name by number of the slices to sum up.
    :return: summary by slice; empty where there is no such column.
    """
    if name not in columns.names:
        return {}
    arrays: dict[str, list[Any]] = {slice_name: [] for slice_name in wanted.values()}
    start, pa = 0, load("pyarrow", "parquet")
    for array in columns.batches(name):
        rows = codes[start : start + len(array)]
        for number, slice_name in wanted.items():
            arrays[slice_name].append(array.filter(pa.array(rows == number)))
        start += len(array)
    kind = columns.kind(name) or "categorical"
    return {slice_name: summed(found, sum(map(len, found)), kind) for slice_name, found in arrays.items()}


class _Bins:
    def __init__(self, name: str, reference: Columns, *, numeric: bool) -> None:
        from airflow_provider_mlops.statistics.columns import Categories, Numbers
        from airflow_provider_mlops.statistics.distances import quantile_edges
        from airflow_provider_mlops.statistics.drift_blocks import BINS

        self.numeric = numeric
        found = reference.summary(name)
        ordered = found.ordered if isinstance(found, Numbers) else None
        self._edges: Any = quantile_edges(ordered, BINS) if ordered is not None and len(ordered) else []
        top = found.counts.most_common(MAX_CATEGORIES) if isinstance(found, Categories) else []
        self._numbers = {text: number for number, (text, _) in enumerate(sorted(top))}
        # Behind the known categories one for the rare ones of the reference, and one for those it does not have.
        self._known = set(found.counts) if isinstance(found, Categories) else set()
        self.count = len(self._edges) + 1 if numeric else len(self._numbers) + 2

    def places(self, array: pa.Array) -> tuple[IntArray, Any]:
        np, pa = load("numpy", "parquet"), load("pyarrow", "parquet")
        if self.numeric:
            values = floats_of(array)
            valid = ~np.isnan(values)
            return np.searchsorted(self._edges, np.where(valid, values, 0.0), side="left"), valid
        encoded = _plain(array).cast(pa.string()).dictionary_encode()
        rare = len(self._numbers)
        table = [
            self._numbers.get(text, rare if text in self._known else rare + 1)
            for text in encoded.dictionary.to_pylist()
        ]
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.array([*table, 0], dtype=np.int64)[codes], codes >= 0


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if load("pyarrow.types", "parquet").is_dictionary(array.type) else array


def _days(array: pa.Array, name: str, days: float) -> IntArray:
    pa, np = load("pyarrow", "parquet"), load("numpy", "parquet")
    types, array = load("pyarrow.types", "parquet"), _plain(array)
    if not (types.is_timestamp(array.type) or types.is_date(array.type)):
        raise BadInput(f"Column {name!r} is of type {array.type} and no time, so that it makes no days.")
    if array.null_count:
        raise BadInput(f"{array.null_count:,} rows have no {name!r}, so it does not say on which day they are.")
    seconds = array.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy() / 1e6
    found: IntArray = np.floor(seconds / (days * _SECONDS_A_DAY)).astype(np.int64)
    return found
