"""What an evaluation records and shows: every metric of every version, and the same by slices."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from airflow_provider_mlops.core.dependence import Dependence
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.metrics import METRICS, metric_named
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.scores import scores_of, threshold_of
from airflow_provider_mlops.statistics.seeds import derive_seed
from airflow_provider_mlops.statistics.slicing import Rows, Slicer, rows_together

NO_PARAMS: Mapping[str, Mapping[str, float]] = MappingProxyType({})


def measure_all(
    table: ScoreTable,
    metrics: Iterable[str] | None,
    level: float,
    *,
    evaluation_id: str = "",
    dependence: Dependence | None = None,
    threshold: float | str | None = None,
    params: Mapping[str, Mapping[str, float]] = NO_PARAMS,
) -> dict[str, dict[str, Any]]:
    """Measure what an evaluation record holds: every metric of each version, and the candidate's differences.

    :param table: the test rows.
    :param metrics: names of the metrics; None for all of the table's task.
    :param level: two-sided confidence level.
    :param evaluation_id: id of the evaluation; the seeds derive from it.
    :param dependence: rows that belong together.
    :param threshold: for metrics that need one: a number, or ``operating`` for each version's own.
    :param params: further numbers that a metric takes, by metric.
    :return: ``{metric: {"candidate", "champion", "difference", "golden", "golden_difference"}}``, each a mapping or
        None; where a part cannot be measured, ``reason`` says why.
    :raises BadInput: when a metric does not exist.
    """
    names = [name for name, metric in METRICS.items() if metric.task == table.task] if metrics is None else metrics
    chosen = [metric_named(name) for name in names]
    try:
        rows = Rows(table, rows_together(dependence, table))
    except NotMeasurable as error:
        return {metric.name: {**_NOTHING, "reason": str(error)} for metric in chosen}
    found = {}
    for metric in chosen:
        seed = derive_seed(evaluation_id, metric.name)
        options = _options(metric, rows, level, seed, threshold, params.get(metric.name, {}))
        found[metric.name] = _record_of(metric, table, options, threshold)
    return found


def measure_slices(
    table: ScoreTable,
    metric: str,
    columns: Iterable[str],
    level: float,
    *,
    evaluation_id: str = "",
    dependence: Dependence | None = None,
    threshold: float | str | None = None,
    params: Mapping[str, float] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Measure a metric for each value of some columns.

    :param table: the test rows.
    :param metric: name of the metric.
    :param columns: the columns.
    :param level: two-sided confidence level.
    :param evaluation_id: id of the evaluation; the seeds derive from it.
    :param dependence: rows that belong together.
    :param threshold: as in `measure_all`.
    :param params: further numbers that the metric takes.
    :return: one mapping per value: ``slice``, ``value``, ``n``, ``positives`` and what `measure_all` gives of a metric;
        a column that cannot be cut gives one without a value, with the ``reason``.
    :raises BadInput: when the metric does not exist.
    """
    measured = metric_named(metric)
    found: list[dict[str, Any]] = []
    for name in columns:
        try:
            everything = Rows(table, rows_together(dependence, table))
            column = Slicer(everything).column(name)
        except NotMeasurable as error:
            found.append({"slice": name, "value": None, "n": 0, "positives": 0, **_NOTHING, "reason": str(error)})
            continue
        bare = everything.only(("champion", "golden"))
        for value in column.values:
            rows = bare.at(column.rows_of(value))
            seed = derive_seed(evaluation_id, metric, f"{name}={value}")
            options = _options(measured, rows, level, seed, threshold, params)
            where = {"slice": name, "value": value, "n": rows.table.rows, "positives": rows.table.positives}
            found.append({**where, **_record_of(measured, rows.table, options, threshold)})
    return found


_NOTHING: Mapping[str, None] = MappingProxyType(
    dict.fromkeys(("candidate", "champion", "difference", "golden", "golden_difference"))
)


def _options(
    metric: Metric, rows: Rows, level: float, seed: int, threshold: float | str | None, params: Mapping[str, float]
) -> Options:
    return Options(
        level=level,
        seed=seed,
        threshold=threshold_of(threshold),
        clusters=rows.clusters,
        weights=rows.table.weights,
        params={**metric.params, **params},
    )


def _record_of(metric: Metric, table: ScoreTable, options: Options, threshold: float | str | None) -> dict[str, Any]:
    """Measure each part by itself: one that cannot be measured does not hide the others."""
    record: dict[str, Any] = dict(_NOTHING)
    at = threshold if metric.thresholded else None

    def measure(part: str, how: Callable[[], Interval]) -> None:
        try:
            record[part] = how().to_dict()
        except NotMeasurable as error:
            record.setdefault("reason", str(error))

    def value_of(model: str) -> Interval:
        return metric.measure(table.labels, scores_of(table, model, at), options)

    def difference_to(model: str) -> Interval:
        ours, theirs = scores_of(table, "candidate", at), scores_of(table, model, at)
        return metric.compare(table.labels, ours, theirs, options)

    measure("candidate", lambda: value_of("candidate"))
    for model, difference in (("champion", "difference"), ("golden", "golden_difference")):
        if table.scores_of(model) is not None:
            measure(model, lambda model=model: value_of(model))  # type: ignore[misc]  # bound now, not at the call
            measure(difference, lambda model=model: difference_to(model))  # type: ignore[misc]  # bound now, not at the call
    return record
