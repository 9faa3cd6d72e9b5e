"""The curves and tables that figures show: ROC, precision and recall, calibration, residuals, confusion.

They decide nothing. A curve has at most 1,000 points however many rows there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import (
    FloatArray,
    IntArray,
    as_floats,
    as_matrix,
    check_classes,
    check_finite,
    check_same_length,
    positives_of,
)
from airflow_provider_mlops.statistics.intervals import MIN_ROWS_FOR_MEAN, mean_interval, wilson

MAX_POINTS = 1_000
BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Points of a curve, from the strictest threshold to the mildest.

    :param x: horizontal values.
    :param y: vertical values.
    :param thresholds: the score at or above which rows count as positive, per point.
    """

    x: FloatArray
    y: FloatArray
    thresholds: FloatArray


@dataclass(frozen=True, slots=True)
class Bin:
    """What was seen among rows of like scores.

    :param mean: mean score of the rows.
    :param value: share of positives, or mean residual, among them.
    :param low: lower bound of the value.
    :param high: upper bound of the value.
    :param n: rows.
    """

    mean: float
    value: float
    low: float
    high: float
    n: int


def roc_curve(labels: Any, scores: Any, weights: FloatArray | None = None) -> Curve:
    """Trace the true-positive rate over the false-positive rate.

    :param labels: 0 or 1 per row.
    :param scores: one score per row.
    :param weights: weight of each row; None when all count the same.
    :return: points from (0, 0) to (1, 1).
    :raises NotMeasurable: when a class is missing, or a label or score is not a number.
    """
    found, taken, thresholds = _cumulative(labels, scores, weights)
    rejected = taken - found
    if found[-1] <= 0 or rejected[-1] <= 0:
        raise NotMeasurable("One of the two classes has no weight.")
    rate_found = np.append(0.0, found / found[-1])
    rate_false = np.append(0.0, rejected / rejected[-1])
    keep = _thinned(rate_found + rate_false)
    return Curve(rate_false[keep], rate_found[keep], np.append(np.inf, thresholds)[keep])


def precision_recall_curve(labels: Any, scores: Any, weights: FloatArray | None = None) -> Curve:
    """Trace the precision over the recall.

    :param labels: 0 or 1 per row.
    :param scores: one score per row.
    :param weights: weight of each row; None when all count the same.
    :return: points in the order of growing recall.
    :raises NotMeasurable: when a class is missing, or a label or score is not a number.
    """
    found, taken, thresholds = _cumulative(labels, scores, weights)
    if found[-1] <= 0:
        raise NotMeasurable("The positive class has no weight.")
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    recall = found / found[-1]
    keep = _thinned(recall + np.arange(len(recall)) / len(recall))
    return Curve(recall[keep], precision[keep], thresholds[keep])


def area_in_steps(curve: Curve) -> float:
    """Return the area below a curve of steps; of precision over recall, it is the average precision.

    :param curve: the curve; a thinned one gives the area to about three digits.
    """
    return float(np.sum(np.diff(curve.x, prepend=0.0) * curve.y))


def calibration_bins(
    labels: Any, scores: Any, level: float, *, bins: int = BINS, weights: FloatArray | None = None
) -> list[Bin]:
    """Put the observed share of positives beside the predicted one, in bins of equally many rows.

    :param labels: 0 or 1 per row.
    :param scores: a probability per row.
    :param level: two-sided confidence level of the bounds (Wilson).
    :param bins: number of bins; rows of the same score are never parted, so there may be fewer.
    :param weights: weight of each row; None when all count the same.
    :return: the bins, in the order of their scores.
    :raises NotMeasurable: when a class is missing, or a label or score is not a number.
    """
    positive, checked = _checked(labels, scores)
    return [
        _share(positive[rows].astype(np.float64), checked[rows], level, None if weights is None else weights[rows])
        for rows in _equal_bins(checked, bins)
    ]


def residual_bins(labels: Any, predictions: Any, level: float, *, bins: int = BINS) -> list[Bin]:
    """Average the residuals, predicted minus true, in bins of equally many rows.

    :param labels: the true value per row.
    :param predictions: the predicted value per row.
    :param level: two-sided confidence level of the bounds (Student).
    :param bins: number of bins; rows of the same prediction are never parted, so there may be fewer.
    :return: the bins that have rows enough for a mean, in the order of their predictions.
    :raises NotMeasurable: when no bin has enough rows, or a number is NaN or infinite.
    """
    truth, checked = _numbers(labels, predictions)
    found = []
    for rows in _equal_bins(checked, max(1, min(bins, len(checked) // MIN_ROWS_FOR_MEAN))):
        if len(rows) >= MIN_ROWS_FOR_MEAN:
            residuals = checked[rows] - truth[rows]
            mean = mean_interval(residuals, level, scale=float(np.abs(residuals).max()))
            found.append(Bin(float(np.mean(checked[rows])), mean.value, mean.low, mean.high, len(rows)))
    if not found:
        raise NotMeasurable(f"There are {len(checked)} rows; a mean needs at least {MIN_ROWS_FOR_MEAN}.")
    return found


def joint_counts(
    labels: Any, predictions: Any, span: tuple[float, float] | None = None, *, bins: int = 60
) -> tuple[FloatArray, FloatArray]:
    """Count the rows of each true and predicted value on a square grid.

    :param labels: the true value per row.
    :param predictions: the predicted value per row.
    :param span: smallest and largest value of both axes; default: those of the rows. Values outside count at the edge.
    :param bins: cells of a side.
    :return: counts, true values along the first axis, and the edges of the cells.
    :raises NotMeasurable: when there are no rows, or a number is NaN or infinite.
    """
    truth, checked = _numbers(labels, predictions)
    low, high = span or (float(min(truth.min(), checked.min())), float(max(truth.max(), checked.max())))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    rows, columns = (
        np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1) for values in (truth, checked)
    )
    counts = np.bincount(rows * bins + columns, minlength=bins * bins)
    return counts.astype(np.float64).reshape(bins, bins), edges


def span_of(arrays: Sequence[FloatArray]) -> tuple[float, float]:
    """Return the smallest and largest value of arrays.

    :param arrays: the arrays.
    :raises NotMeasurable: when there are no rows, or a number is NaN or infinite.
    """
    for values in arrays:
        _check_rows(values)
        check_finite(values, "values")
    return min(float(values.min()) for values in arrays), max(float(values.max()) for values in arrays)


def histogram(scores: FloatArray, edges: Sequence[float]) -> list[float]:
    """Return the share of rows in each cell.

    :param scores: one score per row, at least one row.
    :param edges: edges of the cells, one more than there are.
    """
    counts, _ = np.histogram(scores, bins=np.asarray(edges))
    return [float(count) / len(scores) for count in counts]


def folded(tables: Mapping[str, FloatArray], most: int) -> tuple[dict[str, FloatArray], list[int]]:
    """Put rare classes together, so that a table stays readable.

    :param tables: confusion tables by model, all of the same classes.
    :param most: classes to show at most, the one for the rest included.
    :return: the tables, with one last class for the rest where there are more, and the classes that are kept.
    """
    size = len(next(iter(tables.values())))
    if size <= most:
        return dict(tables), list(range(size))
    weight = sum(table.sum(axis=0) + table.sum(axis=1) for table in tables.values())
    kept = sorted(np.argsort(-np.asarray(weight), kind="stable")[: most - 1].tolist())
    codes = np.full(size, len(kept))
    codes[kept] = np.arange(len(kept))
    shown = {}
    for role, table in tables.items():
        shown[role] = np.zeros((most, most))
        np.add.at(shown[role], (codes[:, None], codes[None, :]), table)
    return shown, kept


def confusion(labels: Any, scores: Any, classes: int) -> FloatArray:
    """Count the rows of each true and predicted class.

    :param labels: index of the true class per row.
    :param scores: a row of class probabilities per row.
    :param classes: number of classes.
    :return: counts, true classes along the first axis.
    :raises NotMeasurable: when there are no rows, a label is no class, or a score is not a number.
    """
    truth, matrix = as_floats(labels, "labels"), as_matrix(scores, "scores")
    check_same_length(labels=truth, scores=matrix)
    _check_rows(truth)
    if matrix.shape[1] != classes:
        raise NotMeasurable(f"The model has scores for {matrix.shape[1]} classes, not for {classes}.")
    bad = int(np.count_nonzero(~np.isfinite(matrix).all(axis=1)))
    if bad:
        raise NotMeasurable(f"{bad} of {len(matrix)} rows have scores that are NaN or infinite.")
    codes = truth.astype(np.int64) if np.isfinite(truth).all() else np.full(len(truth), -1)
    if ((codes < 0) | (codes >= classes) | (codes != truth)).any():
        raise NotMeasurable(f"A label is not the index of one of the {classes} classes.")
    flat = np.bincount(codes * classes + matrix.argmax(axis=1), minlength=classes * classes)
    return flat.astype(np.float64).reshape(classes, classes)


def _checked(labels: Any, scores: Any) -> tuple[Any, FloatArray]:
    truth, checked = as_floats(labels, "labels"), as_floats(scores, "scores")
    check_same_length(labels=truth, scores=checked)
    positive = positives_of(truth)
    check_finite(checked)
    check_classes(positive, 1)
    return positive, checked


def _numbers(labels: Any, predictions: Any) -> tuple[FloatArray, FloatArray]:
    truth, checked = as_floats(labels, "labels"), as_floats(predictions, "predictions")
    check_same_length(labels=truth, predictions=checked)
    _check_rows(truth)
    check_finite(truth, "labels")
    check_finite(checked, "predictions")
    return truth, checked


def _check_rows(values: FloatArray) -> None:
    if not len(values):
        raise NotMeasurable("There are no rows.")


def _cumulative(labels: Any, scores: Any, weights: FloatArray | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what is found and what is taken at or above each score that occurs, and the scores."""
    positive, checked = _checked(labels, scores)
    order = np.argsort(-checked, kind="stable")
    ordered = checked[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    mass = np.ones(len(order)) if weights is None else weights[order]
    taken = np.cumsum(mass)[ends]
    mass *= positive[order]
    return np.cumsum(mass)[ends], taken, ordered[ends]


def _thinned(length: FloatArray) -> IntArray:
    """Choose the points to keep, evenly along a length that never shrinks; the first and the last are among them."""
    if len(length) <= MAX_POINTS:
        return np.arange(len(length))
    steps = np.linspace(length[0], length[-1], MAX_POINTS)
    places = np.minimum(np.searchsorted(length, steps), len(length) - 1)
    places[0], places[-1] = 0, len(length) - 1
    return np.asarray(np.unique(places), dtype=np.int64)


def _equal_bins(scores: FloatArray, bins: int) -> Iterator[IntArray]:
    """Yield the rows of each bin; equal scores stay together."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    wanted = np.linspace(0, len(ordered), bins + 1).astype(np.int64)[1:-1]
    cuts = np.unique(np.searchsorted(ordered, ordered[wanted], side="left")) if len(ordered) else wanted
    yield from (rows for rows in np.split(order, cuts) if len(rows))


def _share(hits: FloatArray, scores: FloatArray, level: float, weights: FloatArray | None) -> Bin:
    mass = np.ones(len(hits)) if weights is None else weights
    total = float(mass.sum())
    if total <= 0:
        raise NotMeasurable("The rows of a bin have no weight.")
    # Unequal weights are worth fewer rows (Kish 1965); equal ones are worth all of them.
    worth = max(1, int(total**2 / float((mass**2).sum())))
    share = float((hits * mass).sum()) / total
    bounds = wilson(share * worth, worth, level)
    return Bin(float((scores * mass).sum()) / total, share, bounds.low, bounds.high, len(hits))
