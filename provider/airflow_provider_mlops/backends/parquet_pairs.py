"""Columns of two samples of Parquet files, pair after pair: what a drift check goes through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.heap import reuse_memory
from airflow_provider_mlops.core.side_by_side import LARGE, ahead, both

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.drift_columns import Columns
    from airflow_provider_mlops.statistics.columns import ColumnPair, Kind, Summary
    from airflow_provider_mlops.statistics.number_memory import NumberMemory


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
        if self._rows >= LARGE:
            reuse_memory()
        return ahead(self._read(), rows=self._rows)

    @property
    def _rows(self) -> int:
        return min(self.reference.rows, self.current.rows)

    def _read(self) -> Iterator[ColumnPair]:
        from airflow_provider_mlops.statistics.number_memory import NumberMemory

        memory = NumberMemory()
        for name in self.features:
            # A column that is null in every row may have no type: it is what the other side is.
            kind = self.reference.kind(name) or self.current.kind(name)
            read = partial(_summary, name=name, kind=kind, memory=memory)
            was, now = both(read, self.reference, self.current, rows=self._rows)
            if was is not None or now is not None:
                yield name, was, now
            # Large columns: none may be alive while the next one is read.
            del was, now


def _summary(columns: Columns, name: str, kind: Kind | None, memory: NumberMemory) -> Summary | None:
    return columns.summary(name, kind, memory)
