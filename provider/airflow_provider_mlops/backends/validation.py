"""Judging the Parquet files of a snapshot by a suite, and setting rows aside that break it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import great_expectations as gx
from airflow_provider_mlops.backends import validation_rows
from airflow_provider_mlops.backends.duckdb_columns import NoColumn, NotCompiled, columns_of
from airflow_provider_mlops.backends.duckdb_judge import judge_compiled, plan_where
from airflow_provider_mlops.backends.duckdb_plan import Plan, Scan
from airflow_provider_mlops.backends.duckdb_session import session
from airflow_provider_mlops.backends.duckdb_split import broken_rows
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.spark_judge import judge_on_spark
from airflow_provider_mlops.backends.validation_whole import Whole, judge_by_parts, judge_sample
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.expectation import ROW_BY_ROW, Judged, is_row_level
from airflow_provider_mlops.core.row_condition import meets_alone
from airflow_provider_mlops.core.suite_empty import column_positions

if TYPE_CHECKING:
    import pyarrow as pa

REASONS = "__broken_expectations__"
"""The column that names, per row set aside, the positions of the expectations that it breaks."""
AUTO, SPARK = "auto", "spark"
ENGINES = (AUTO, SPARK)


def judge(files: Sequence[Path], suite: Mapping[str, Any], *, seed: str, engine: str = AUTO) -> list[Judged]:
    """Judge all rows of some Parquet files by a suite.

    ``auto`` compiles what it can into one DuckDB scan. The rest Great Expectations judges on pandas: part by part
    where each row is judged alone, else on all rows, or on a sample where they are more than 100,000.

    :param files: the Parquet files, of one schema; their order is the order of the rows.
    :param suite: as `core.suite.read_suite` returns it.
    :param seed: text that decides which rows a sample holds, where one is needed; the snapshot's id.
    :param engine: ``auto``, or ``spark``: Great Expectations on Spark, on all rows.
    :return: what was found, one for each expectation, in the suite's order.
    :raises BadInput: when Great Expectations does not know an expectation or refuses its arguments, it stands there
        twice, or the engine is unknown.
    """
    if engine not in ENGINES:
        raise BadInput(f"Engine {engine!r} is not known; it must be one of: {', '.join(ENGINES)}.")
    _check_twice(suite)
    if engine == SPARK:
        return judge_on_spark(files, suite)
    with session(files) as opened:
        scan = Scan(opened, columns_of(files))
        found = judge_compiled(scan, suite)
        rest = [position for position in range(len(suite["expectations"])) if position not in found]
        if rest:
            whole = Whole.of(files, scan)
            by_part = [position for position in rest if _row_by_row(suite["expectations"][position])]
            found |= judge_by_parts(whole, suite, by_part)
            found |= judge_sample(whole, suite, [position for position in rest if position not in by_part], seed)
    return [found[position] for position in range(len(suite["expectations"]))]


def judge_columns(files: Sequence[Path], suite: Mapping[str, Any], *, seed: str, engine: str = AUTO) -> list[Judged]:
    """Judge what a suite says of the columns, on files without rows: everything else would hold for no row at all.

    :param files: the Parquet files.
    :param suite: as `core.suite.read_suite` returns it.
    :param seed: as of `judge`.
    :param engine: as of `judge`.
    :return: what was found, at the expectations' places in the suite.
    :raises BadInput: as `judge` does.
    """
    places = column_positions(suite)
    if not places:
        return []
    found = judge(
        files, {**suite, "expectations": [suite["expectations"][place] for place in places]}, seed=seed, engine=engine
    )
    return [replace(item, position=place) for item, place in zip(found, places, strict=True)]


def split_rows(
    files: Sequence[Path], suite: Mapping[str, Any], positions: Sequence[int]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Split rows into those that keep some expectations and those that break any, part by part, in row order.

    :param files: the Parquet files, of one schema; their order is the order of the rows.
    :param suite: as `core.suite.read_suite` returns it.
    :param positions: places (from 0) of the row-level expectations to split by; `is_row_level` tells which are. What
        share ``mostly`` allows does not matter here: each row that breaks one is set aside.
    :return: pairs of the rows kept and the rows set aside; the latter have one more column, `REASONS`: the list of the
        positions that the row breaks, in order.
    :raises BadInput: when a position is not that of a row-level expectation, one cannot be judged, or the rows have a
        column of that name already.
    """
    for position in positions:
        if not 0 <= position < len(suite["expectations"]):
            raise BadInput(f"Suite {suite['name']!r} has no expectation {position + 1}.")
        kind = suite["expectations"][position]["type"]
        if not is_row_level(kind):
            raise BadInput(
                f"Suite {suite['name']!r}, expectation {position + 1}: {kind} does not name rows that break it, so "
                "that none can be set aside; give it the severity critical or warning."
            )
    if REASONS in columns_of(files):
        raise BadInput(f"The rows have a column {REASONS!r} already, which names why rows are set aside; rename it.")
    return _split(files, suite, sorted(set(positions)))


def _split(
    files: Sequence[Path], suite: Mapping[str, Any], positions: Sequence[int]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    with session(files) as opened:
        scan = Scan(opened, columns_of(files))
        plans, rest = _planned(scan, suite, positions)
        whole = Whole.of(files, scan) if rest else None
        for file, broken in zip(files, broken_rows(scan, plans), strict=True):
            waiting, first = next(broken, None), 0
            for part in validation_rows.parts([file]):
                found: dict[int, list[int]] = {}
                while waiting is not None and waiting[0] < first + part.num_rows:
                    found[waiting[0] - first] = list(waiting[1])
                    waiting = next(broken, None)
                if whole is not None:
                    for position in rest:
                        for row in gx.broken_rows(whole.frame(part), suite, position):
                            found.setdefault(row, []).append(position)
                yield _parted(part, found)
                first += part.num_rows


def _planned(scan: Scan, suite: Mapping[str, Any], positions: Sequence[int]) -> tuple[dict[int, Plan], list[int]]:
    plans, rest = {}, []
    for position in positions:
        item = suite["expectations"][position]
        named = f"Suite {suite['name']!r}, expectation {position + 1} ({item['type']})"
        try:
            where, one = plan_where(scan.columns, item)
            if one.rule is None:
                raise NotCompiled
            plans[position] = one if where is None else replace(one, rule=one.rule.where(where))
            scan.session.rows(f"SELECT {one.rule.breaks} FROM {scan.rows} LIMIT 1")
        except NoColumn as err:
            raise BadInput(f"{named} could not be judged: {err}") from err
        except (NotCompiled, load("duckdb", "great-expectations").Error) as err:
            plans.pop(position, None)
            if not _row_by_row(item):
                raise BadInput(f"{named}: the rows that break it cannot be told with these arguments.") from err
            rest.append(position)
    return plans, rest


def _parted(part: pa.Table, found: Mapping[int, Sequence[int]]) -> tuple[pa.Table, pa.Table]:
    pa, numpy = load("pyarrow", "parquet"), load("numpy", "parquet")
    apart = numpy.array(sorted(found), dtype=numpy.int64)
    stays = numpy.ones(part.num_rows, dtype=bool)
    stays[apart] = False
    reasons = pa.array([sorted(found[int(row)]) for row in apart], pa.list_(pa.int32()))
    return part.filter(pa.array(stays)), part.take(pa.array(apart)).append_column(REASONS, reasons)


def _row_by_row(expectation: Mapping[str, Any]) -> bool:
    """Whether each row is judged alone, so that parts of the rows may be judged one after the other."""
    return expectation["type"] in ROW_BY_ROW and meets_alone(expectation["kwargs"])


def _check_twice(suite: Mapping[str, Any]) -> None:
    """Great Expectations drops an expectation that equals another, and with it its severity."""
    seen: set[str] = set()
    for position, item in enumerate(suite["expectations"]):
        text = f"{item['type']} {json.dumps(item['kwargs'], sort_keys=True, default=str)}"
        if text in seen:
            raise BadInput(f"Suite {suite['name']!r}: expectation {position + 1} ({item['type']}) stands there twice.")
        seen.add(text)
