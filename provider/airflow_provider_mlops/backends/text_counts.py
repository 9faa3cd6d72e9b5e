"""Counting how often each text of a column appears, a batch of rows after the other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load

if TYPE_CHECKING:
    import pyarrow as pa

_COMPACT_ROWS = 1 << 20


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


def _texts(array: pa.Array) -> pa.Array:
    pa = load("pyarrow", "parquet")
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([value if value is None else value.hex() for value in array.to_pylist()], pa.string())
    return array if kind == pa.string() else array.cast(pa.string())
