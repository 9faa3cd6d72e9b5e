"""Values by their place in a sorted column on Spark: exact, in memory that does not grow with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_session import EXTRA

_FEW = 100_000
"""Values that are sorted at once."""
_ACCURACY = 10_000
"""Of Spark's approximate quantiles: they are off by one place in so many."""


def values_at(column: Any, n: int, ranks: Sequence[int]) -> list[Any]:
    """Return the values that stand at some places when a column is sorted.

    Approximate quantiles left and right of a place part the values. How many there are in each part is counted, and
    says in which of them the place lies; and so on, until few are left. The counts are exact, hence the answer is,
    however good the quantiles are.

    :param column: Spark data frame of one column of numbers, ``v``; nulls are passed over.
    :param n: number of its values that are not null, at least 1.
    :param ranks: the places, from 0 to n - 1.
    :return: the values, in the order of the places.
    """
    present = column.where("v IS NOT NULL")
    found = {rank: _at(present, n, rank) for rank in dict.fromkeys(ranks)}
    return [found[rank] for rank in ranks]


def _at(rows: Any, n: int, rank: int) -> Any:
    functions = load("pyspark.sql.functions", EXTRA)
    value, parted = functions.col("v"), True
    while n > _FEW:
        low, high = _around(rows, n, rank) if parted else _halves(rows)
        below, above = functions.lit(low), functions.lit(high)
        parts = [
            (value < below, None),
            (value == below, low),
            ((value > below) & (value < above), None),
            ((value == above) & (above > below), high),
            (value > above, None),
        ]
        counts = rows.select([functions.count_if(part) for part, _ in parts]).first()
        for (part, only), count in zip(parts, counts, strict=True):  # noqa: B007 - the part where the place lies
            if rank < count:
                break
            rank -= count
        if only is not None:
            return _plain(only)
        rows, parted, n = rows.where(part), count < n, count
    return _plain(rows.sort("v").offset(rank).first()[0])


def _around(rows: Any, n: int, rank: int) -> tuple[Any, Any]:
    """Find values a little left and right of a place."""
    slack = 2 / _ACCURACY
    shares = [max(rank / n - slack, 0.0), min((rank + 1) / n + slack, 1.0)]
    low, high = rows.select(load("pyspark.sql.functions", EXTRA).percentile_approx("v", shares, _ACCURACY)).first()[0]
    return low, high


def _halves(rows: Any) -> tuple[Any, Any]:
    """Find the least value and the middle: Spark's quantiles are floats, which part no numbers of many digits."""
    functions = load("pyspark.sql.functions", EXTRA)
    low, high = rows.select(functions.min("v"), functions.max("v")).first()
    return low, (low + high) // 2


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value  # to Spark whole numbers without a sign are decimals
