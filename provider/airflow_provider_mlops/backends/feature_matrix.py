"""Columns as one matrix of numbers, for libraries that compare all features at once and cannot bear a null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.columns import ColumnSample

MOST_CATEGORIES = 20


def matrices(
    reference: Mapping[str, ColumnSample], current: Mapping[str, ColumnSample], most: int
) -> tuple[Any, Any, list[str]]:
    """Turn both sides into matrices of the same columns, scaled by the reference.

    A number that is missing or infinite becomes the reference's median, and a column beside it says so; categories
    become columns of zeros and ones, the rare and the new ones together.

    :param reference: the reference by column.
    :param current: the current rows by column.
    :param most: rows to keep a side; of more, every k-th.
    :return: both matrices, float32, without NaN; and the names of their columns.
    :raises BadInput: when no column is on both sides, or a side has no row.
    """
    numpy = load("numpy", "parquet")
    names = [name for name in reference if name in current and reference[name].kind == current[name].kind]
    if not names or min(len(reference[names[0]]), len(current[names[0]])) == 0:
        raise BadInput("There are no rows of common columns to compare.")
    parts: list[tuple[str, Any, Any]] = []
    for name in names:
        was, now = (_thinned(side[name].values, most) for side in (reference, current))
        parts += _numbers(name, was, now) if reference[name].kind == "numeric" else _categories(name, was, now)
    kept = [part for part in parts if part[1].std() > 0 or part[2].std() > 0]
    if not kept:
        raise BadInput("Every common column is constant: there is nothing to compare.")
    both = [numpy.column_stack([part[side] for part in kept]).astype("float32") for side in (1, 2)]
    return both[0], both[1], [part[0] for part in kept]


def _thinned(values: Any, most: int) -> Any:
    return values[:: max(1, -(-len(values) // most))]


def _numbers(name: str, was: Any, now: Any) -> list[tuple[str, Any, Any]]:
    numpy = load("numpy", "parquet")
    there = was[numpy.isfinite(was)]
    middle, spread = (float(numpy.median(there)), float(there.std()) or 1.0) if len(there) else (0.0, 1.0)
    scaled, missing = [], []
    for side in (was, now):
        known = numpy.isfinite(side)
        scaled.append((numpy.where(known, side, middle) - middle) / spread)
        missing.append((~known).astype(float))
    parts = [(name, *scaled)]
    if any(side.any() for side in missing):
        parts.append((f"{name} is missing", *missing))
    return parts


def _categories(name: str, was: Any, now: Any) -> list[tuple[str, Any, Any]]:
    numpy = load("numpy", "parquet")
    sides = [numpy.array(["" if value is None else str(value) for value in side]) for side in (was, now)]
    values, counts = numpy.unique(sides[0], return_counts=True)
    kept = values[numpy.argsort(-counts, kind="stable")][:MOST_CATEGORIES]
    parts = [(f"{name}={value}", *((side == value).astype(float) for side in sides)) for value in kept]
    rest = [(~numpy.isin(side, kept)).astype(float) for side in sides]
    return [*parts, (f"{name}=other", *rest)]
