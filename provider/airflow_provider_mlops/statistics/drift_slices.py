"""In which parts of the rows a feature moved, and how large a drift is without a verdict."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.columns import ColumnSample, Summary, summary_of
from airflow_provider_mlops.statistics.drift_cause import changes_of
from airflow_provider_mlops.statistics.drift_findings import compare_columns, structure_finding
from airflow_provider_mlops.statistics.profile_values import values_of

MIN_ROWS = 100
"""Rows that a part must have on both sides."""
MOST_PARTS = 20
_BROKEN = 99.0
_SHOWN = 5


def size_between(name: str, reference: Summary, current: Summary, policy: DriftPolicy) -> float | None:
    """Measure the largest effect over its threshold.

    :param name: the column.
    :param reference: the column in the reference.
    :param current: the column now.
    :param policy: the thresholds.
    :return: the size, material from 1; 99 for a broken structure; None where too few rows leave it open.
    """
    broken = structure_finding(name, reference, current)
    findings = [broken] if broken else compare_columns(name, reference, current, policy)
    told = [item for item in findings if item.test is not None or item.outcome is not Outcome.INCONCLUSIVE]
    return float(min(_BROKEN, max(item.size for item in told))) if told else None


def moved_slices(
    name: str,
    column: str,
    sides: Sequence[ColumnSample | None],
    parts: Sequence[ColumnSample | None],
    policy: DriftPolicy,
) -> list[dict[str, Any]]:
    """Find the parts of the rows in which a feature moved by a material size.

    :param name: the feature.
    :param column: the column that cuts the rows into parts.
    :param sides: the feature in the reference and now.
    :param parts: that column, row by row, in the reference and now.
    :param policy: the thresholds.
    :return: ``{"column", "value", "n_reference", "n_current", "size", "how"}`` of each, largest first; empty where
        every part moved: then the part explains nothing.
    """
    labels = [_texts(part) for part in parts]
    values = [value for value in dict.fromkeys(labels[1].tolist()) if value is not None][:MOST_PARTS]
    cut = (
        (value, *(_only(side, label == value) for side, label in zip(sides, labels, strict=True))) for value in values
    )
    summed = (
        (str(value), summary_of(was), summary_of(now)) for value, was, now in cut if was is not None and now is not None
    )
    return moved_parts(name, column, summed, policy)


def moved_parts(
    name: str, column: str, parts: Iterable[tuple[str, Summary, Summary]], policy: DriftPolicy
) -> list[dict[str, Any]]:
    """Find the parts in which a feature moved by a material size.

    :param name: the feature.
    :param column: the column that cuts the rows into parts.
    :param parts: value of each part, and the feature in the reference and now.
    :param policy: the thresholds.
    :return: as `moved_slices` does.
    """
    found: list[dict[str, Any]] = []
    looked_at = 0
    lenient = replace(policy, min_rows=min(policy.min_rows, MIN_ROWS))
    for value, was, now in parts:
        if min(was.rows, now.rows) < MIN_ROWS:
            continue
        looked_at += 1
        size = size_between(name, was, now, lenient)
        if size is not None and size >= 1:
            how = [item.text for item in changes_of(values_of(was), values_of(now))][:2]
            facts = {"column": column, "value": value, "n_reference": was.rows, "n_current": now.rows}
            found.append({**facts, "size": size, "how": how})
    if len(found) == looked_at:
        return []
    return sorted(found, key=lambda part: (-part["size"], part["value"]))[:_SHOWN]


def _texts(part: ColumnSample | None) -> Any:
    if part is None:
        return np.array([], dtype=object)
    return np.array([None if _missing(value) else str(value) for value in part.values.tolist()], dtype=object)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _only(side: ColumnSample | None, keep: Any) -> ColumnSample | None:
    return None if side is None or len(side) != len(keep) else ColumnSample(side.kind, side.values[keep])
