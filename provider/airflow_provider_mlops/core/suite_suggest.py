"""Proposing a suite from what was seen in accepted snapshots: narrow enough to notice, wide enough to pass."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.column_seen import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    TEXT,
    ColumnSeen,
    SnapshotSeen,
)
from airflow_provider_mlops.core.errors import BadInput

CRITICAL, WARNING = "critical", "warning"
LEAST_ROWS_PER_VALUE = 10
"""A set of categories is proposed when each of them had that many rows on average."""
LEAST_KEYS = 20
"""A column is taken for a key when at least so many rows all differ."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An expectation, and what it was proposed from.

    :param type: name in Great Expectations.
    :param kwargs: its arguments.
    :param severity: ``critical`` or ``warning``.
    :param seen: what was seen, for the reviewer.
    """

    type: str
    kwargs: dict[str, Any]
    severity: str
    seen: str


def suggest(snapshots: Sequence[SnapshotSeen], *, margin: float = 0.1, regex: bool = False) -> list[Proposal]:
    """Propose expectations that all of the snapshots meet.

    What a dataset is (its columns, their types, keys, values that are always there) is ``critical``; how it usually
    looks (ranges, shares of nulls, categories, number of rows) is ``warning``.

    :param snapshots: what was seen, at least one; of those without rows the columns alone count.
    :param margin: how far ranges reach beyond what was seen, as a share of it; at least 0.
    :param regex: whether to propose patterns of short codes.
    :return: the proposals, the table's first, then column by column.
    :raises BadInput: when there is no snapshot or none with rows, the margin is none, or the snapshots differ in their
        columns or types.
    """
    if not snapshots:
        raise BadInput("A suite is proposed from at least one snapshot.")
    if reading.not_negative(margin, "margin") > 10:
        raise BadInput(f"margin={margin} must be from 0 to 10: a share of what was seen.")
    _check_same_columns(snapshots)
    with_rows = [snapshot for snapshot in snapshots if snapshot.rows]
    if not with_rows:
        raise BadInput("None of the snapshots has a row; propose from at least one that has.")
    proposals = list(_of_table(with_rows, margin))
    for columns in zip(*(snapshot.columns for snapshot in with_rows), strict=True):
        proposals += _of_column(columns, margin, regex=regex)
    return proposals


def _check_same_columns(snapshots: Sequence[SnapshotSeen]) -> None:
    first = {column.name: column.type for column in snapshots[0].columns}
    for other in snapshots[1:]:
        types = {column.name: column.type for column in other.columns}
        differ = sorted(name for name in first.keys() | types.keys() if first.get(name) != types.get(name))
        if differ or list(first) != list(types):
            name = differ[0] if differ else next(a for a, b in zip(first, types, strict=True) if a != b)
            raise BadInput(
                f"The snapshots of {snapshots[0].partition} and {other.partition} differ in column {name!r}: "
                f"{first.get(name, 'missing')}, {types.get(name, 'missing')}. Propose from those that are alike."
            )


def _of_table(snapshots: Sequence[SnapshotSeen], margin: float) -> Iterator[Proposal]:
    rows = [snapshot.rows for snapshot in snapshots]
    names = [column.name for column in snapshots[0].columns]
    yield Proposal(
        "expect_table_columns_to_match_set",
        {"column_set": names, "exact_match": True},
        CRITICAL,
        f"{len(names)} columns",
    )
    band = {
        # Rounded first: a tenth more than 800 is 880, and a little more in floats.
        "min_value": max(1, math.floor(round(min(rows) * (1 - min(margin, 1)), 6))),
        "max_value": math.ceil(round(max(rows) * (1 + margin), 6)),
    }
    yield Proposal("expect_table_row_count_to_be_between", band, WARNING, f"{_span(min(rows), max(rows))} rows")


def _of_column(columns: Sequence[ColumnSeen], margin: float, *, regex: bool) -> Iterator[Proposal]:
    first = columns[0]
    if sum(column.nulls for column in columns) == sum(column.rows for column in columns):
        return  # nothing was seen in it
    yield from _types(columns)
    yield _nulls(columns, margin)
    if _is_key(columns):
        unique = {"column": first.name}
        yield Proposal("expect_column_values_to_be_unique", unique, CRITICAL, "every value was there once")
        return
    if (values := _categories(columns)) is not None:
        kwargs = {"column": first.name, "value_set": values}
        yield Proposal("expect_column_values_to_be_in_set", kwargs, WARNING, f"{len(values)} different values")
    elif first.kind in (INTEGER, FLOAT):
        yield from _range(columns, margin)
    elif first.kind == TEXT and regex:
        yield from _pattern(columns)


def _types(columns: Sequence[ColumnSeen]) -> Iterator[Proposal]:
    """Types are those of the frame that Great Expectations sees: whole numbers with gaps are floats there."""
    first, gaps = columns[0], any(column.nulls for column in columns)
    kinds = {
        INTEGER: [first.type, "float64"] if gaps else [first.type],
        FLOAT: {"float": ["float32"], "double": ["float64"]}.get(first.type),
        BOOLEAN: None if gaps else ["bool"],
        TEXT: ["str"],
    }
    if wanted := kinds.get(first.kind):
        kwargs = {"column": first.name, "type_list": wanted}
        yield Proposal("expect_column_values_to_be_in_type_list", kwargs, CRITICAL, f"type {first.type}")


def _nulls(columns: Sequence[ColumnSeen], margin: float) -> Proposal:
    shares = [column.nulls / column.rows for column in columns if column.rows]
    worst = max(shares, default=0.0)
    kwargs: dict[str, Any] = {"column": columns[0].name}
    if worst == 0:
        return Proposal("expect_column_values_to_not_be_null", kwargs, CRITICAL, "no value was missing")
    allowed = min(1.0, worst * (1 + margin))
    kwargs["mostly"] = math.floor((1 - allowed) * 10_000) / 10_000
    seen = f"{_percent(min(shares))} to {_percent(worst)} missing"
    return Proposal("expect_column_values_to_not_be_null", kwargs, WARNING, seen)


def _is_key(columns: Sequence[ColumnSeen]) -> bool:
    return columns[0].kind in (INTEGER, TEXT) and all(
        column.unique and not column.nulls and column.rows >= LEAST_KEYS for column in columns
    )


def _categories(columns: Sequence[ColumnSeen]) -> list[Any] | None:
    if columns[0].kind not in (TEXT, BOOLEAN, INTEGER) or any(column.values is None for column in columns):
        return None
    values = {value for column in columns for value in column.values or ()}
    present = sum(column.rows - column.nulls for column in columns)
    # Whole numbers are amounts, unless there are two of them: a flag.
    few = len(values) <= 2 if columns[0].kind == INTEGER else True
    return sorted(values) if few and present >= LEAST_ROWS_PER_VALUE * len(values) else None


def _range(columns: Sequence[ColumnSeen], margin: float) -> Iterator[Proposal]:
    lows = [column.low for column in columns if column.low is not None]
    highs = [column.high for column in columns if column.high is not None]
    if not lows or any(column.infinite for column in columns):
        return  # a range that holds infinity holds everything
    low, high = min(lows), max(highs)
    whole = columns[0].kind == INTEGER
    kwargs = {"column": columns[0].name, **_widened(low, high, margin, whole=whole)}
    yield Proposal("expect_column_values_to_be_between", kwargs, WARNING, f"{_span(low, high)}")


def _widened(low: float, high: float, margin: float, *, whole: bool) -> dict[str, Any]:
    """Reach beyond what was seen, but not beyond 0, nor beyond 1 where all values were shares."""
    reach = (high - low) * margin if high > low else abs(high) * margin
    if not math.isfinite(reach):
        reach = 0.0
    first, last = low - reach, high + reach
    if low >= 0:
        first = max(0.0, first)
    if not whole and low >= 0 and high <= 1:
        last = min(1.0, last)
    if whole:
        return {"min_value": math.floor(first), "max_value": math.ceil(last)}
    return {"min_value": min(low, _rounded(first, down=True)), "max_value": max(high, _rounded(last, down=False))}


def _rounded(value: float, *, down: bool) -> float:
    """Round outward to four digits: a reviewer reads it."""
    if not 1e-290 < abs(value) < 1e290:
        return value
    scale = 10.0 ** (3 - math.floor(math.log10(abs(value))))
    return (math.floor(value * scale) if down else math.ceil(value * scale)) / scale


def _pattern(columns: Sequence[ColumnSeen]) -> Iterator[Proposal]:
    """Propose a pattern where all texts are of few shapes that differ only in how long their runs are."""
    if any(column.shapes is None for column in columns):
        return
    shapes = sorted({shape for column in columns for shape in column.shapes or ()})
    kinds = {tuple(kind for kind, _ in shape) for shape in shapes}
    if len(kinds) != 1 or not shapes[0]:
        return
    parts = []
    for runs in zip(*shapes, strict=True):
        lengths = [length for _, length in runs]
        part = {"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}.get(runs[0][0]) or re.escape(runs[0][0])
        least, most = min(lengths), max(lengths)
        parts.append(part + ("" if most == 1 else f"{{{least}}}" if least == most else f"{{{least},{most}}}"))
    kwargs = {"column": columns[0].name, "regex": f"^{''.join(parts)}$"}
    yield Proposal("expect_column_values_to_match_regex", kwargs, WARNING, f"{len(shapes)} shapes of one pattern")


def _span(low: float, high: float) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
