"""The rows of one measurement, checked by the task: what makes them unable to answer is found here."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import (
    FloatArray,
    IntArray,
    as_floats,
    as_matrix,
    check_classes,
    check_finite,
    check_probabilities,
    check_same_length,
    positives_of,
)
from airflow_provider_mlops.statistics.score_table import BINARY, MULTICLASS, REGRESSION

_SUM_TOLERANCE = 1e-4
"""Probabilities of a row that were rounded to 32 bits add up to 1 no better than this."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows that can be measured.

    :param truth: 0 or 1, the index of the class, or the value, per row.
    :param scores: the scores of each model.
    :param classes: code of each row's class, None where the task has no classes.
    :param counted: rows that have a weight.
    :param smallest: counted rows of the smallest class; all of them where there are no classes.
    """

    truth: FloatArray
    scores: tuple[FloatArray, ...]
    classes: IntArray | None
    counted: int
    smallest: int


def checked_rows(
    task: str,
    labels: Any,
    scores: tuple[Any, ...],
    *,
    weights: FloatArray | None = None,
    clusters: IntArray | None = None,
    least: int = 0,
    probabilities: bool = False,
) -> Rows:
    """Check the rows of a measurement.

    :param task: ``binary``, ``multiclass``, ``regression``, or another for rows that need only be finite.
    :param labels: one per row.
    :param scores: per model its scores.
    :param weights: weight of each row, None where all count the same.
    :param clusters: code of each row's cluster, None where rows are independent.
    :param least: counted rows that each class must have.
    :param probabilities: whether scores must be probabilities.
    :return: the rows.
    :raises NotMeasurable: when there are no rows, one class only or too few rows of one, a label that cannot be, or
        scores that are not finite.
    :raises BadInput: when the arrays do not pair up, or are not numbers.
    """
    arrays = tuple(_scores(task, values) for values in scores)
    truth = as_floats(labels, "labels")
    named = {f"scores {index + 1}": array for index, array in enumerate(arrays)}
    optional = {"weights": weights, "clusters": clusters}
    named |= {name: np.asarray(values) for name, values in optional.items() if values is not None}
    check_same_length(labels=truth, **named)
    if not len(truth):
        raise NotMeasurable("There are no rows.")
    counts = _counts(weights, len(truth))
    if task == BINARY:
        rows = _binary(truth, arrays, counts, least, probabilities)
    elif task == MULTICLASS:
        rows = _multiclass(truth, arrays, counts, least, probabilities)
    else:
        rows = _numbers(truth, arrays, counts, task)
    return rows


def _scores(task: str, values: Any) -> FloatArray:
    if task == MULTICLASS or (task not in {BINARY, REGRESSION} and np.ndim(values) == 2):
        return as_matrix(values, "scores")
    return as_floats(values, "scores")


def _counts(weights: FloatArray | None, n: int) -> IntArray:
    """Return the rows that have a weight."""
    if weights is None:
        return np.arange(n)
    values = as_floats(weights, "weights")
    if not np.isfinite(values).all() or (values < 0).any():
        raise BadInput("The weights must be finite and not negative.")
    counted = np.flatnonzero(values)
    if not len(counted):
        raise NotMeasurable(f"The weights of all {n} rows are zero.")
    return np.asarray(counted, dtype=np.int64)


def _binary(
    truth: FloatArray, arrays: tuple[FloatArray, ...], counts: IntArray, least: int, probabilities: bool
) -> Rows:
    positive = positives_of(truth)
    for array in arrays:
        check_finite(array)
        if probabilities:
            check_probabilities(array)
    check_classes(positive[counts], least)
    positives = int(np.count_nonzero(positive[counts]))
    smallest = min(positives, len(counts) - positives)
    return Rows(positive.astype(np.float64), arrays, positive.astype(np.int64), len(counts), smallest)


def _multiclass(
    truth: FloatArray, arrays: tuple[FloatArray, ...], counts: IntArray, least: int, probabilities: bool
) -> Rows:
    sizes = {array.shape[1] for array in arrays}
    if len(sizes) > 1:
        raise BadInput(f"The models have scores for different numbers of classes: {sorted(sizes)}.")
    size = sizes.pop()
    strange = int(np.count_nonzero(~np.isin(truth, np.arange(size))))
    if strange:
        raise NotMeasurable(f"{strange} of {len(truth)} labels are no index of the {size} classes, 0 to {size - 1}.")
    for array in arrays:
        check_class_scores(array, probabilities=probabilities)
    classes = truth.astype(np.int64)
    cases = np.bincount(classes[counts], minlength=size)
    if np.count_nonzero(cases) < 2:
        raise NotMeasurable(f"All {len(counts)} rows are of one class.")
    if cases.min() < least:
        raise NotMeasurable(
            f"There are {cases.min()} rows of class {cases.argmin()} among {len(counts)}; at least {least} are needed."
        )
    return Rows(truth, arrays, classes, len(counts), int(cases.min()))


def check_class_scores(scores: FloatArray, *, probabilities: bool) -> None:
    """Refuse class scores that cannot be.

    :param scores: of shape (rows, classes).
    :param probabilities: whether they must be probabilities that add up to 1.
    :raises NotMeasurable: with the number of rows that are not.
    """
    check_finite(np.where(np.isfinite(scores).all(axis=1), 0.0, np.nan))
    if probabilities:
        check_probabilities(np.where(((scores >= 0) & (scores <= 1)).all(axis=1), 0.0, -1.0))
        bad = int(np.count_nonzero(np.abs(scores.sum(axis=1) - 1) > _SUM_TOLERANCE))
        if bad:
            raise NotMeasurable(f"The probabilities of {bad} of {len(scores)} rows do not add up to 1.")


def _numbers(truth: FloatArray, arrays: tuple[FloatArray, ...], counts: IntArray, task: str) -> Rows:
    check_finite(truth, "labels")
    for array in arrays:
        check_finite(array if array.ndim == 1 else np.where(np.isfinite(array).all(axis=1), 0.0, np.nan))
    if task != REGRESSION and float(np.ptp(truth[counts])) == 0:
        raise NotMeasurable(f"The labels of all {len(counts)} rows are the same.")
    return Rows(truth, arrays, None, len(counts), len(counts))
