"""The table of groups: rates with intervals, and each group against the reference. It reports, it does not judge."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, check_finite, positives_of
from airflow_provider_mlops.statistics.fairness_compare import CALIBRATION, RATIO, Comparison, calibration_of
from airflow_provider_mlops.statistics.fairness_groups import MAX_GROUPS, Cells, cells_of, effective_cells, groups_of
from airflow_provider_mlops.statistics.fairness_intervals import Bounds, Shares, difference_bounds, wilson_bounds
from airflow_provider_mlops.statistics.score_table import BINARY, ScoreTable

_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
_DIFFERENCES = ("demographic_parity_difference", "equal_opportunity_difference", "false_positive_rate_difference")


def fairness_table(
    table: ScoreTable, columns: Sequence[str], threshold: float, level: float, *, reference: str | None = None
) -> list[dict[str, Any]]:
    """Measure every group, and compare it with the reference group.

    The intervals are of one group each, not corrected for their number, and take rows for independent; weighted rows
    count as many as would be as precise (Kish 1965). A table to look at, not to judge by.

    :param table: the test rows of a binary task.
    :param columns: slice columns; several give their intersections.
    :param threshold: scores at or above it are decided for.
    :param level: two-sided confidence level.
    :param reference: name of the group to compare with; default: the largest.
    :return: one row per group, with bounds as ``..._low`` and ``..._high``; None where a figure cannot be measured.
    :raises BadInput: when the task is not binary, a column is missing, or there is no such reference.
    :raises NotMeasurable: when there are no rows, or labels or scores are not what they must be.
    """
    if table.task != BINARY:
        raise BadInput(f"Fairness is measured for binary tasks; this one is {table.task}.")
    missing = [column for column in columns if column not in table.slices]
    if missing or not columns:
        known = ", ".join(table.slices) or "none"
        named = ", ".join(map(repr, missing)) or "(none was named)"
        raise BadInput(f"The test rows have no slice column {named}; they have: {known}.")
    positive = positives_of(table.labels)
    check_finite(table.candidate)
    if not np.isfinite(threshold):
        raise NotMeasurable(f"The threshold is {threshold}.")
    groups = groups_of({column: table.slices[column] for column in columns})
    if len(groups.names) > MAX_GROUPS:
        raise NotMeasurable(f"There are {len(groups.names):,} groups; there must be at most {MAX_GROUPS}.")
    cells = cells_of(groups, positive, table.candidate, threshold)
    compared_with = int(np.argmax(cells.rows)) if reference is None else _index(groups.names, reference)
    counts = (cells.rows, cells.positives)
    if table.weights is not None:
        gap = table.candidate - positive
        cells = effective_cells(groups, positive, table.candidate >= threshold, gap, table.weights)
    return _rows(groups.names, cells, counts, compared_with, level)


def _index(names: tuple[str, ...], reference: str) -> int:
    if reference not in names:
        raise BadInput(f"There is no group {reference!r}; there are: {', '.join(names)}.")
    return names.index(reference)


def _rows(
    names: tuple[str, ...], cells: Cells, counts: tuple[FloatArray, FloatArray], reference: int, level: float
) -> list[dict[str, Any]]:
    size = len(names)
    rates = (cells.selected, cells.true_positives, cells.false_positives)
    # One call for all three measures: what costs time is the number of calls.
    joined = Shares(np.concatenate([rate.cases for rate in rates]), np.concatenate([rate.rows for rate in rates]))
    against = Shares(
        np.concatenate([np.full(size, rate.cases[reference]) for rate in rates]),
        np.concatenate([np.full(size, rate.rows[reference]) for rate in rates]),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        own, compared = wilson_bounds(joined, level), difference_bounds(joined, against, level)
    columns = {
        **_columns(_RATES, own, size),
        "calibration": calibration_of(cells, level),
        **_columns(_DIFFERENCES, compared, size),
        RATIO: Comparison(RATIO, cells, reference).bounds(level),
        CALIBRATION: Comparison(CALIBRATION, cells, reference).bounds(level),
    }
    rows = []
    for index, name in enumerate(names):
        row: dict[str, Any] = {"group": name, "reference": names[reference]}
        row |= {"n": int(counts[0][index]), "positives": int(counts[1][index])}
        for column, bounds in columns.items():
            compares = index == reference and column in (*_DIFFERENCES, RATIO, CALIBRATION)
            row |= _cell(column, bounds, index, empty=compares)
        rows.append(row)
    return rows


def _columns(names: tuple[str, ...], bounds: Bounds, size: int) -> Mapping[str, Bounds]:
    parts = (slice(index * size, (index + 1) * size) for index in range(len(names)))
    return {name: Bounds(bounds.value[p], bounds.low[p], bounds.high[p]) for name, p in zip(names, parts, strict=True)}


def _cell(column: str, bounds: Bounds, index: int, *, empty: bool) -> dict[str, float | None]:
    figures = (float(bounds.value[index]), float(bounds.low[index]), float(bounds.high[index]))
    known = not empty and all(map(np.isfinite, figures))
    keys = (column, f"{column}_low", f"{column}_high")
    return {key: figure if known else None for key, figure in zip(keys, figures, strict=True)}
