"""Batches of a column summed up: numbers, decimals and truth values in one array, all else as counts of texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.arrow_values import floats_of
from airflow_provider_mlops.backends.text_counts import TextCounts

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.statistics.columns import Categories, Kind, Numbers, Summary
    from airflow_provider_mlops.statistics.number_memory import NumberMemory


def summed(batches: Iterable[pa.Array], rows: int, kind: Kind, memory: NumberMemory | None = None) -> Summary:
    """Sum up the batches of a column.

    :param batches: its values in order.
    :param rows: how many they are at most.
    :param kind: what they are taken for.
    :param memory: where numbers get theirs from; None for memory of their own.
    :return: the summary.
    """
    return _numbers(batches, rows, memory) if kind == "numeric" else _categories(batches)


def _numbers(batches: Iterable[pa.Array], rows: int, memory: NumberMemory | None) -> Numbers:
    from airflow_provider_mlops.statistics.number_memory import Gathered, NumberMemory

    nulls, gathered = 0, Gathered((memory or NumberMemory()).take(rows))
    for array in batches:
        nulls += array.null_count
        gathered.add(floats_of(array.drop_null() if array.null_count else array))
    return gathered.numbers(nulls)


def _categories(batches: Iterable[pa.Array]) -> Categories:
    from airflow_provider_mlops.statistics.columns import Categories

    nulls, counting = 0, TextCounts()
    for array in batches:
        nulls += counting.add(array)
    return Categories(counting.counts(), nulls)
