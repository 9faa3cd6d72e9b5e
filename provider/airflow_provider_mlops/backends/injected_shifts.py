"""Doing known damage to a copy of rows, to see whether the alarms ring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.fire_drill import Shift

if TYPE_CHECKING:
    import pandas as pd

FACTOR = 1.609344
_SEED = 20130101
_MOST_CLASSES = 100


def suits(shift: Shift, column: pd.Series[Any]) -> bool:
    """Tell whether a shift can be done to a column.

    :param shift: the shift.
    :param column: its values.
    """
    values = column.dropna()
    if values.empty:
        return False
    numeric = _is_numeric(column)
    if shift is Shift.NULLS:
        return True
    if shift is Shift.UNIT_CHANGE:
        # Truth values and what is centred at zero have no unit that a factor could show.
        return numeric and values.nunique() > 10 and abs(float(values.median())) > 0.5 * float(values.std())
    if shift is Shift.SWAPPED_CATEGORY:
        return not numeric and values.nunique() >= 2
    return values.nunique() >= 2


def injected(frame: pd.DataFrame, shift: Shift, name: str, share: float) -> pd.DataFrame:
    """Do a shift to some rows of a copy, the same ones each time.

    :param frame: the rows; they stay as they are.
    :param shift: the shift.
    :param name: the column.
    :param share: share of the rows that are hit, above 0 and at most 1.
    :return: the copy.
    :raises BadInput: when the column is not there.
    """
    if name not in frame.columns:
        raise BadInput(f"There is no column {name!r} to shift.")
    numpy = load("numpy", "parquet")
    hit = numpy.random.default_rng(_SEED).random(len(frame)) < share
    column = frame[name]
    if shift is Shift.NULLS:
        changed = column.mask(hit)
    elif shift is Shift.UNIT_CHANGE:
        changed = column.astype("float64").mask(hit, column.astype("float64") * FACTOR)
    elif shift is Shift.SWAPPED_CATEGORY:
        first, second = _apart(column)
        swapped = column.map({first: second, second: first}).fillna(column)
        changed = column.mask(hit, swapped)
    else:
        changed = column.mask(hit, _flipped(column))
    return frame.assign(**{name: changed})


def _apart(column: pd.Series[Any]) -> tuple[Any, Any]:
    """Return the most frequent category and the least frequent one that is not rare."""
    counts = column.value_counts()
    common = counts[counts >= max(2, 0.02 * counts.sum())]
    kept = common if len(common) >= 2 else counts
    return kept.index[0], kept.index[-1]


def _flipped(column: pd.Series[Any]) -> Any:
    values = sorted(column.dropna().unique())
    # Of classes that are numbers each becomes another one of them, and nothing in between.
    if _is_numeric(column) and len(values) > _MOST_CLASSES:
        return column.max() + column.min() - column
    order = dict(zip(values, reversed(values), strict=True))
    return column.map(order).where(column.notna())


def _is_numeric(column: pd.Series[Any]) -> bool:
    types = load("pandas.api.types", "parquet")
    return bool(types.is_numeric_dtype(column.dtype)) and not types.is_bool_dtype(column.dtype)
