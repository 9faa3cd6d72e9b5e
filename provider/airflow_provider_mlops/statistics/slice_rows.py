"""One metric on every slice of the test rows, for figures and tables: it decides nothing and corrects nothing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.metrics import Metric, Options, metric_named
from airflow_provider_mlops.statistics.score_table import MODELS, ScoreTable
from airflow_provider_mlops.statistics.seeds import derive_seed

NO_VALUE = "(none)"
MAX_VALUES = 100
"""Values of one column that are measured, those with the most rows first."""


@dataclass(frozen=True, slots=True)
class SliceRow:
    """What a metric is on one slice.

    :param column: the column that slices.
    :param value: its value.
    :param n: rows of the slice.
    :param models: the measurement by model, None where it cannot be measured.
    :param reason: why not, empty when every model was measured.
    """

    column: str
    value: str
    n: int
    models: dict[str, Interval | None]
    reason: str = ""

    @property
    def name(self) -> str:
        """Column and value, as a reader names the slice."""
        return f"{self.column} {self.value}"


@dataclass(frozen=True, slots=True)
class SliceRows:
    """A metric on every slice.

    :param metric: its name.
    :param rows: the slices, column after column, those with the most rows first.
    :param left_out: slices that were not measured because the column has too many values, by column.
    """

    metric: str
    rows: tuple[SliceRow, ...]
    left_out: dict[str, int]


def measure_by_slice(table: ScoreTable, metric: str, level: float, *, evaluation_id: str = "") -> SliceRows:
    """Measure a metric of every model on every slice.

    :param table: the test rows.
    :param metric: name of the metric.
    :param level: two-sided confidence level, of each interval by itself.
    :param evaluation_id: id of the evaluation; the seeds derive from it.
    :return: the slices.
    """
    rows: list[SliceRow] = []
    left_out = {}
    for column, values in table.slices.items():
        groups = sorted(_groups(values), key=lambda group: (-len(group[1]), group[0]))
        if len(groups) > MAX_VALUES:
            left_out[column] = len(groups) - MAX_VALUES
        for value, members in groups[:MAX_VALUES]:
            rows.append(_row(table, metric_named(metric), column, value, members, level, evaluation_id))
    return SliceRows(metric, tuple(rows), left_out)


def _row(
    table: ScoreTable, metric: Metric, column: str, value: str, members: IntArray, level: float, evaluation_id: str
) -> SliceRow:
    options = Options(level=level, seed=derive_seed(evaluation_id, metric.name, f"{column}={value}"))
    models: dict[str, Interval | None] = {}
    reason = ""
    for role in MODELS:
        scores: FloatArray | None = getattr(table, role)
        if scores is None:
            continue
        try:
            models[role] = metric.measure(table.labels[members], scores[members], options)
        except (NotMeasurable, BadInput) as err:
            models[role], reason = None, str(err)
    return SliceRow(column, value, len(members), models, reason)


def _groups(values: npt.NDArray[Any]) -> Iterator[tuple[str, IntArray]]:
    """Yield each value as text with its rows; values that read the same are one."""
    codes: dict[str, int] = {}
    each = np.fromiter((codes.setdefault(_text(value), len(codes)) for value in values), np.int64, len(values))
    order = np.argsort(each, kind="stable")
    ends = np.cumsum(np.bincount(each, minlength=len(codes)))
    for value, code in codes.items():
        yield value, order[ends[code - 1] if code else 0 : ends[code]]


def _text(value: Any) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return NO_VALUE if missing else str(value)
