"""One metric on every slice of the test rows, for figures and tables: it decides nothing and corrects nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.dependence import Dependence
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.measurements import measure_slices
from airflow_provider_mlops.statistics.score_table import MODELS, ScoreTable


@dataclass(frozen=True, slots=True)
class SliceRow:
    """What a metric is on one slice.

    :param column: the column that slices.
    :param value: its value; empty where the column cannot be cut.
    :param n: rows of the slice.
    :param models: the measurement by model, None where it cannot be measured.
    :param reason: why not, empty when every model was measured.
    """

    column: str
    value: str
    n: int
    models: Mapping[str, Interval | None]
    reason: str = ""

    @property
    def name(self) -> str:
        """Column and value, as a reader names the slice."""
        return f"{self.column} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class SliceRows:
    """A metric on every slice.

    :param metric: its name.
    :param rows: the slices, column after column, those with the most rows first.
    """

    metric: str
    rows: tuple[SliceRow, ...]


def measure_by_slice(
    table: ScoreTable,
    metric: str,
    columns: Iterable[str],
    level: float,
    *,
    evaluation_id: str = "",
    dependence: Dependence | None = None,
) -> SliceRows:
    """Measure a metric of every model on every slice.

    :param table: the test rows.
    :param metric: name of the metric.
    :param columns: the columns that slice.
    :param level: two-sided confidence level, of each interval by itself.
    :param evaluation_id: id of the evaluation; the seeds derive from it.
    :param dependence: rows that belong together.
    :return: the slices.
    """
    names = list(columns)
    models = [model for model in MODELS if table.scores_of(model) is not None]
    found = measure_slices(table, metric, names, level, evaluation_id=evaluation_id, dependence=dependence)
    rows = [_row(measured, models) for measured in found]
    return SliceRows(metric, tuple(sorted(rows, key=lambda row: (names.index(row.column), -row.n, row.value))))


def _row(measured: Mapping[str, Any], models: Iterable[str]) -> SliceRow:
    intervals = {model: Interval(**measured[model]) if measured.get(model) else None for model in models}
    value = "" if measured["value"] is None else str(measured["value"])
    return SliceRow(str(measured["slice"]), value, measured["n"], intervals, str(measured.get("reason", "")))
