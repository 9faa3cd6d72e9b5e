"""Counting how often each text of a column appears, a batch of rows after the other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.arrow_values import as_numpy
from airflow_provider_mlops.backends.optional import load

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.statistics.arrays import IntArray

_COMPACT_ROWS = 1 << 20


class TextCounts:
    """Counts how often each text appears, in Arrow, so that only different texts become Python's."""

    def __init__(self) -> None:
        self._texts: list[pa.Array] = []
        self._rows: list[IntArray] = []
        self._waiting = 0

    @property
    def texts(self) -> int:
        """At least how many different texts memory holds."""
        return max(map(len, self._texts), default=0)

    def add(self, array: pa.Array) -> int:
        """Count the values of an array.

        :param array: values of any type but numbers.
        :return: how many of them are null.
        """
        pa = load("pyarrow", "parquet")
        if pa.types.is_null(array.type):
            return len(array)
        values, rows = _coded(array if pa.types.is_dictionary(array.type) else array.dictionary_encode())
        if values.null_count:
            present = values.is_valid().to_numpy(zero_copy_only=False)
            values, rows = values.drop_null(), rows[present]
        self._texts.append(_texts(values))
        self._rows.append(rows)
        self._waiting += len(rows)
        if self._waiting > _COMPACT_ROWS:
            self._compact()
        return len(array) - int(rows.sum())

    def counts(self) -> Counter[str]:
        """Return rows by text."""
        self._compact()
        if not self._texts:
            return Counter()
        return Counter(dict(zip(self._texts[0].to_pylist(), self._rows[0].tolist(), strict=True)))

    def _compact(self) -> None:
        if not self._texts:
            return
        np, pa = load("numpy", "parquet"), load("pyarrow", "parquet")
        coded = pa.chunked_array(self._texts).dictionary_encode().combine_chunks()
        rows = np.zeros(len(coded.dictionary), dtype=np.int64)
        np.add.at(rows, as_numpy(coded.indices), np.concatenate(self._rows))
        self._texts, self._rows = [coded.dictionary], [rows]
        # Doubling, so that many different texts are not summed up again with every batch.
        self._waiting = -len(rows)


def _coded(array: pa.DictionaryArray) -> tuple[pa.Array, IntArray]:
    """Count the values of a dictionary by their codes: each different one and its rows, nulls apart."""
    np, pa = load("numpy", "parquet"), load("pyarrow", "parquet")
    codes = array.indices.drop_null() if array.indices.null_count else array.indices
    rows = np.bincount(as_numpy(codes), minlength=len(array.dictionary))
    there = np.flatnonzero(rows)
    if len(there) == len(rows):
        return array.dictionary, rows
    # Not made of the array as it is: for that Arrow imports pandas.
    places = pa.Array.from_buffers(pa.int64(), len(there), [None, pa.py_buffer(there)])
    return array.dictionary.take(places), rows[there]


def _texts(array: pa.Array) -> pa.Array:
    pa = load("pyarrow", "parquet")
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([value if value is None else value.hex() for value in array.to_pylist()], pa.string())
    return array if kind == pa.string() else array.cast(pa.string())
