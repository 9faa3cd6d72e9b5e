"""The values by which a profile counts rows apart, where only the column is declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa


class Named(Protocol):
    """Columns by name; `ParquetColumns` and `ArrowColumns` are such."""

    @property
    def names(self) -> list[str]:
        """Names of the columns."""

    def batches(self, name: str) -> Iterator[pa.Array]:
        """Yield the values of a column in order."""


def frequent_values(columns: Named, name: str) -> list[str]:
    """Name the most frequent values of a column; all others are counted as one slice.

    :param columns: the reference's columns.
    :param name: the column.
    :return: at most as many values as a slice may have, sorted.
    :raises BadInput: when there is no such column, or it has no value.
    """
    from airflow_provider_mlops.statistics.profile_spec import SLICE_VALUES

    if name not in columns.names:
        raise BadInput(f"The reference has no column {name!r} to slice by; it has: {', '.join(columns.names[:20])}.")
    pc, counts = load("pyarrow.compute", "parquet"), Counter[str]()
    for array in columns.batches(name):
        for item in pc.value_counts(array).to_pylist():
            if item["values"] is not None:
                counts[str(item["values"])] += item["counts"]
    if not counts:
        raise BadInput(f"The reference has no value of {name!r}, so it makes no slices.")
    return sorted(sorted(counts, key=lambda value: (-counts[value], value))[:SLICE_VALUES])
