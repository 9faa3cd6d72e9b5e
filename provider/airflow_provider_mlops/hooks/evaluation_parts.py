"""The parts of an evaluation's folder: one function for each figure and each table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import figures_bars, figures_curves, figures_values
from airflow_provider_mlops.backends.figures import Caption
from airflow_provider_mlops.backends.tables import Table, write_csv
from airflow_provider_mlops.core.dependence import stored_dependence
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics import curves
from airflow_provider_mlops.statistics.metrics import metric_named
from airflow_provider_mlops.statistics.score_table import BINARY, MULTICLASS
from airflow_provider_mlops.statistics.slice_rows import measure_by_slice

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.score_table import ScoreTable

Parts = dict[str, Callable[[], Table | None]]
SLICE_METRICS: Mapping[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "brier", "log_loss", "accuracy"),
    "multiclass": ("multiclass_accuracy", "multiclass_log_loss"),
    "regression": ("rmse", "mae"),
}
WORDS: Mapping[str, str] = {
    "roc_auc": "ROC-AUC",
    "brier": "Brier score",
    "log_loss": "log loss",
    "rmse": "RMSE",
    "mae": "MAE",
}
_CELLS = 25


def parts_of(folder: Path, body: Mapping[str, Any], table: ScoreTable, caption: Caption) -> Parts:
    """Return what is to be written for an evaluation.

    :param folder: where to write.
    :param body: body of the evaluation's record.
    :param table: the scores that it is about.
    :param caption: what every figure says about itself.
    :return: by file name, a function that writes the part and returns its table, or raises NotMeasurable.
    """
    parts: Parts = {"metrics.csv": partial(_metrics, folder, body)}
    if table.task == BINARY:
        frozen = {**table.thresholds, **(body.get("thresholds") or {})}
        thresholds = {role: value for role, value in frozen.items() if value is not None}
        parts["roc.png"] = partial(_roc, folder, table, caption, thresholds)
        parts["precision_recall.png"] = partial(_precision_recall, folder, table, caption, thresholds)
        parts["calibration.png"] = partial(_calibration, folder, table, caption)
    elif table.task == MULTICLASS:
        parts["confusion.png"] = partial(_confusion, folder, body, table, caption)
        parts["calibration.png"] = partial(_calibration, folder, table, caption)
    else:
        parts["predicted.png"] = partial(_predicted, folder, table, caption)
        parts["residuals.png"] = partial(_residuals, folder, table, caption)
    # Columns that are kept for other ends, such as clusters, are not slices; old records do not tell them apart.
    columns = [name for name in body.get("slices", table.slices) if name in table.slices]
    if columns:
        parts["slices.png"] = partial(_slices, folder, body, table, columns, caption)
    if body.get("importance"):
        parts["importance.png"] = partial(_importance, folder, body["importance"], caption)
    return parts


def _metrics(folder: Path, body: Mapping[str, Any]) -> Table:
    rows = [
        [metric, role, *(found.get(name) for name in ("value", "low", "high", "n", "method"))]
        for metric, measured in (body.get("metrics") or {}).items()
        for role, found in measured.items()
        if isinstance(found, Mapping)
    ]
    return _written(folder / "metrics.csv", ("metric", "model", "value", "low", "high", "n", "method"), rows)


def _each(table: ScoreTable, caption: Caption) -> dict[str, Any]:
    """Return the scores of each model."""
    return {role: table.scores_of(role) for role in caption.names}


def _roc(folder: Path, table: ScoreTable, caption: Caption, thresholds: Mapping[str, float]) -> Table:
    found = {
        role: curves.roc_curve(table.labels, scores, table.weights) for role, scores in _each(table, caption).items()
    }
    figures_curves.draw_roc(folder / "roc.png", found, caption, thresholds)
    return _curve_csv(folder / "roc.csv", found, ("false_positive_rate", "true_positive_rate"))


def _precision_recall(folder: Path, table: ScoreTable, caption: Caption, thresholds: Mapping[str, float]) -> Table:
    found = {
        role: curves.precision_recall_curve(table.labels, scores, table.weights)
        for role, scores in _each(table, caption).items()
    }
    figures_curves.draw_precision_recall(
        folder / "precision_recall.png",
        found,
        caption,
        base_rate=float(found["candidate"].y[-1]),
        averages={role: curves.area_in_steps(curve) for role, curve in found.items()},
        thresholds=thresholds,
    )
    return _curve_csv(folder / "precision_recall.csv", found, ("recall", "precision"))


def _calibration(folder: Path, table: ScoreTable, caption: Caption) -> Table:
    """Of a multiclass model, the probability of the class that it predicts."""
    pairs = {}
    for role, scores in _each(table, caption).items():
        if table.task == BINARY:
            pairs[role] = (table.labels, scores)
        else:
            curves.confusion(table.labels, scores, scores.shape[1])  # refuses what is no class or no number
            pairs[role] = ((scores.argmax(axis=1) == table.labels).astype("float64"), scores.max(axis=1))
    for _, said in pairs.values():
        if said.min(initial=0) < 0 or said.max(initial=0) > 1:
            raise NotMeasurable("The scores are no probabilities: some are outside of 0 to 1.")
    bins = {role: curves.calibration_bins(*pair, caption.level, weights=table.weights) for role, pair in pairs.items()}
    edges = [cell / _CELLS for cell in range(_CELLS + 1)]
    shares = {role: curves.histogram(pair[1], edges) for role, pair in pairs.items()}
    of = "positive" if table.task == BINARY else "of the predicted class"
    figures_curves.draw_calibration(folder / "calibration.png", bins, shares, edges, caption, of=of)
    return _bins_csv(folder / "calibration.csv", bins, "observed")


def _confusion(folder: Path, body: Mapping[str, Any], table: ScoreTable, caption: Caption) -> Table:
    classes = table.candidate.shape[1]
    names = [str(name) for name in body.get("classes") or range(classes)]
    if len(names) != classes:
        names = [str(index) for index in range(classes)]
    found = {role: curves.confusion(table.labels, scores, classes) for role, scores in _each(table, caption).items()}
    rows = [
        [role, names[true], names[said], int(count)]
        for role, counts in found.items()
        for true, line in enumerate(counts)
        for said, count in enumerate(line)
        if count
    ]
    figures_values.draw_confusion(folder / "confusion.png", found, names, caption)
    return _written(folder / "confusion.csv", ("model", "true_class", "predicted_class", "n"), rows)


def _predicted(folder: Path, table: ScoreTable, caption: Caption) -> None:
    models = _each(table, caption)
    span = curves.span_of([table.labels, *models.values()])
    found = {role: curves.joint_counts(table.labels, scores, span) for role, scores in models.items()}
    grids = {role: counts for role, (counts, _) in found.items()}
    figures_values.draw_predicted(folder / "predicted.png", grids, found["candidate"][1], caption)


def _residuals(folder: Path, table: ScoreTable, caption: Caption) -> Table:
    bins = {
        role: curves.residual_bins(table.labels, scores, caption.level)
        for role, scores in _each(table, caption).items()
    }
    figures_values.draw_residuals(folder / "residuals.png", bins, caption)
    return _bins_csv(folder / "residuals.csv", bins, "residual")


def _slices(
    folder: Path, body: Mapping[str, Any], table: ScoreTable, columns: Sequence[str], caption: Caption
) -> Table:
    measured = body.get("metrics") or {}
    choices = SLICE_METRICS[table.task]
    metric = next((name for name in choices if name in measured), choices[0])
    evaluation_id = str(body.get("evaluation_id", ""))
    found = measure_by_slice(
        table, metric, columns, caption.level, evaluation_id=evaluation_id, dependence=stored_dependence(body)
    )
    higher = metric_named(metric).higher_is_better
    word = WORDS.get(metric, metric.replace("_", " "))
    figures_bars.draw_slices(folder / "slices.png", found, caption, word=word, higher_is_better=higher)
    rows = [
        [row.column, row.value, row.n, found.metric, role]
        + ([item.value, item.low, item.high, item.method, ""] if item else [None, None, None, None, row.reason])
        for row in found.rows
        for role, item in row.models.items()
    ]
    columns = ("column", "value", "n", "metric", "model", "measured", "low", "high", "method", "reason")
    return _written(folder / "slices.csv", columns, rows)


def _importance(folder: Path, importance: Mapping[str, Any], caption: Caption) -> Table:
    ours, theirs = importance["candidate"], importance.get("champion") or {}
    change = importance.get("change") or {}
    names = list(dict.fromkeys((*ours, *theirs)))
    rows = [[name, *ours.get(name, (None, None)), *theirs.get(name, (None, None)), change.get(name)] for name in names]
    columns = ("feature", "candidate", "candidate_sd", "champion", "champion_sd", "change")
    figures_bars.draw_importance(folder / "importance.png", importance, caption)
    return _written(folder / "importance.csv", columns, rows)


def _curve_csv(path: Path, found: Mapping[str, curves.Curve], axes: tuple[str, str]) -> Table:
    rows = [
        [role, float(x), float(y), float(threshold)]
        for role, curve in found.items()
        for x, y, threshold in zip(curve.x, curve.y, curve.thresholds, strict=True)
    ]
    return _written(path, ("model", *axes, "threshold"), rows)


def _bins_csv(path: Path, bins: Mapping[str, Sequence[curves.Bin]], value: str) -> Table:
    rows = [
        [role, item.mean, item.value, item.low, item.high, item.n] for role, found in bins.items() for item in found
    ]
    return _written(path, ("model", "predicted", value, "low", "high", "n"), rows)


def _written(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    table = Table(columns, rows)
    write_csv(path, table)
    return table
