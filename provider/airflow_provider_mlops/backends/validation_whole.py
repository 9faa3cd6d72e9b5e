"""What SQL does not judge, Great Expectations does on pandas: part by part, on all rows, or on a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import great_expectations as gx
from airflow_provider_mlops.backends import validation_rows
from airflow_provider_mlops.backends.duckdb_columns import BOOL, INT
from airflow_provider_mlops.backends.duckdb_plan import ROWS, Scan
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.expectation import MAX_SHOWN, ROW_BY_ROW, Judged
from airflow_provider_mlops.core.expectation_figures import holds_mostly, map_numbers
from airflow_provider_mlops.core.expectation_sample import LEVEL, SAMPLE_ROWS, decided

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Whole:
    """All rows, of which some are looked at.

    :param files: the Parquet files.
    :param names: names of the columns.
    :param rows: number of all rows.
    :param with_missing: names of the columns of whole numbers or truth values that miss a value somewhere: pandas gives
        these another type.
    """

    files: Sequence[Path]
    names: Sequence[str]
    rows: int
    with_missing: Sequence[str]

    @classmethod
    def of(cls, files: Sequence[Path], scan: Scan) -> Whole:
        """Count rows and missing values.

        :param files: the Parquet files.
        :param scan: the same rows in DuckDB.
        :return: what is known of them.
        """
        typed = [item for item in scan.columns.values() if item.kind in {INT, BOOL}]
        counts = ", ".join([ROWS, *(f"count({item.value})" for item in typed)])
        rows, *present = scan.session.row(f"SELECT {counts} FROM {scan.rows}")
        missing = [item.name for item, count in zip(typed, present, strict=True) if count < rows]
        return cls(files, list(scan.columns), rows, missing)

    def frame(self, table: pa.Table) -> pd.DataFrame:
        """Return some of the rows as pandas would hold them among all.

        :param table: some of the rows.
        :return: the frame.
        """
        return validation_rows.as_frame(table, self.with_missing)


def judge_by_parts(whole: Whole, suite: Mapping[str, Any], positions: Sequence[int]) -> dict[int, Judged]:
    """Judge expectations that judge each row alone, part by part: all rows, in bounded memory.

    :param whole: the rows.
    :param suite: as `core.suite.read_suite` returns it.
    :param positions: places of the expectations.
    :return: what was found, by position.
    """
    found: dict[int, Judged] = {}
    if not positions:
        return found
    for part in validation_rows.parts(whole.files, _columns(whole, suite, positions)):
        for item in _together(whole.frame(part), suite, positions):
            found[item.position] = _joined(found[item.position], item) if item.position in found else item
    return {position: _summed(item) for position, item in found.items()}


def judge_sample(whole: Whole, suite: Mapping[str, Any], positions: Sequence[int], seed: str) -> dict[int, Judged]:
    """Judge expectations on all rows where they are few, else on a sample that decides only what a bound proves.

    :param whole: the rows.
    :param suite: as `core.suite.read_suite` returns it.
    :param positions: places of the expectations.
    :param seed: text that decides which rows are drawn.
    :return: what was found, by position.
    """
    if not positions:
        return {}
    columns = _columns(whole, suite, positions)
    if whole.rows <= SAMPLE_ROWS:
        table = _all_rows(whole.files, columns)
        return {item.position: item for item in _judged(whole.frame(table), suite, positions)}
    table = validation_rows.sample(whole.files, columns, whole.rows, SAMPLE_ROWS, seed)
    return {item.position: _proved(item) for item in _judged(whole.frame(table), suite, positions)}


def _together(frame: pd.DataFrame, suite: Mapping[str, Any], positions: Sequence[int]) -> Iterator[Judged]:
    chosen = {**suite, "expectations": [suite["expectations"][position] for position in positions]}
    for position, item in zip(positions, gx.judge_frame(frame, chosen), strict=True):
        yield replace(item, position=position)


def _judged(frame: pd.DataFrame, suite: Mapping[str, Any], positions: Sequence[int]) -> Iterator[Judged]:
    """One at a time: Great Expectations takes two that differ in a list only (of quantiles, say) for one."""
    for position in positions:
        chosen = {**suite, "expectations": [suite["expectations"][position]]}
        yield replace(gx.judge_frame(frame, chosen)[0], position=position)


def _all_rows(files: Sequence[Path], columns: Sequence[str] | None) -> pa.Table:
    return load("pyarrow", "parquet").concat_tables(list(validation_rows.parts(files, columns)))


def _joined(one: Judged, other: Judged) -> Judged:
    names = ("element_count", "missing_count", "unexpected_count")
    numbers = {name: (one.numbers.get(name) or 0) + (other.numbers.get(name) or 0) for name in names}
    shown = [*one.partial_unexpected, *other.partial_unexpected][:MAX_SHOWN]
    return replace(one, error=one.error or other.error, numbers=numbers, partial_unexpected=shown)


def _summed(item: Judged) -> Judged:
    if item.error is not None:
        return replace(item, holds=None, numbers={}, partial_unexpected=())
    elements, unexpected = item.numbers["element_count"], item.numbers["unexpected_count"]
    considered = elements - (item.numbers.get("missing_count") or 0)
    mostly = float(item.kwargs.get("mostly", 1))
    return replace(
        item,
        holds=holds_mostly(considered, unexpected, mostly),
        numbers=map_numbers(elements, unexpected, considered),
    )


def _proved(item: Judged) -> Judged:
    item = replace(item, sample_rows=SAMPLE_ROWS)
    if item.error is not None or item.type not in ROW_BY_ROW:
        return replace(item, holds=None)
    unexpected = item.numbers["unexpected_count"]
    considered = item.numbers["element_count"] - (item.numbers.get("missing_count") or 0)
    if considered < 1:
        return replace(item, holds=None)
    from airflow_provider_mlops.statistics.intervals import clopper_pearson  # SciPy, which few suites need

    bounds = clopper_pearson(unexpected, considered, LEVEL)
    mostly = float(item.kwargs.get("mostly", 1))
    return replace(item, holds=decided(mostly, unexpected, bounds.low, bounds.high))


def _columns(whole: Whole, suite: Mapping[str, Any], positions: Sequence[int]) -> list[str] | None:
    """The columns that the expectations name; None when one may look at any."""
    found: dict[str, None] = {}
    for position in positions:
        kwargs = suite["expectations"][position]["kwargs"]
        listed = kwargs.get("column_list", [])
        named = [
            *(kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs),
            *(listed if isinstance(listed, list) else [listed]),
        ]
        unclear = any(not isinstance(name, str) for name in named)  # Great Expectations says what is wrong
        if kwargs.get("row_condition") is not None or not named or unclear:
            return None
        found |= dict.fromkeys(named)
    return [name for name in whole.names if name in found] or None
