"""The operating threshold: among the scores of validation rows, the one at which a metric is best."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import (
    FloatArray,
    IntArray,
    as_floats,
    check_classes,
    check_finite,
    check_same_length,
    positives_of,
)

MIN_PER_CLASS = 10


@dataclass(frozen=True, slots=True)
class Tables:
    """The confusion table at each candidate threshold.

    :param thresholds: the different scores, largest first; rows at or above one count as positive.
    :param tp: true positives at each.
    :param fp: false positives at each.
    :param positives: rows of the positive class.
    :param negatives: rows of the negative class.
    """

    thresholds: FloatArray
    tp: IntArray
    fp: IntArray
    positives: int
    negatives: int

    @property
    def mistakes(self) -> IntArray:
        """Rows predicted wrong at each threshold."""
        return self.fp + (self.positives - self.tp)


Criterion = Callable[[Tables, Mapping[str, float]], FloatArray]


def _f1(tables: Tables, _: Mapping[str, float]) -> FloatArray:
    return 2 * tables.tp / (2 * tables.tp + tables.mistakes)


def _accuracy(tables: Tables, _: Mapping[str, float]) -> FloatArray:
    return 1 - tables.mistakes / (tables.positives + tables.negatives)


def _balanced_accuracy(tables: Tables, _: Mapping[str, float]) -> FloatArray:
    return (tables.tp / tables.positives + (tables.negatives - tables.fp) / tables.negatives) / 2


def _recall_at_precision(tables: Tables, params: Mapping[str, float]) -> FloatArray:
    precision, recall = tables.tp / (tables.tp + tables.fp), tables.tp / tables.positives
    return np.where(precision >= params["precision"], recall, np.nan)


def _precision_at_recall(tables: Tables, params: Mapping[str, float]) -> FloatArray:
    precision, recall = tables.tp / (tables.tp + tables.fp), tables.tp / tables.positives
    return np.where(recall >= params["recall"], precision, np.nan)


def _expected_cost(tables: Tables, params: Mapping[str, float]) -> FloatArray:
    missed = tables.positives - tables.tp
    cost = params["false_positive"] * tables.fp + params["false_negative"] * missed
    return np.asarray(cost / (tables.positives + tables.negatives), dtype=np.float64)


CRITERIA: Mapping[str, tuple[Criterion, tuple[str, ...]]] = {
    "accuracy": (_accuracy, ()),
    "balanced_accuracy": (_balanced_accuracy, ()),
    "expected_cost": (_expected_cost, ("false_negative", "false_positive")),
    "f1": (_f1, ()),
    "precision_at_recall": (_precision_at_recall, ("recall",)),
    "recall_at_precision": (_recall_at_precision, ("precision",)),
}
"""Metrics that a threshold can be chosen by, with the names of their parameters."""
_LOWER_IS_BETTER = "expected_cost"


def check_criterion(metric: str, params: Mapping[str, float]) -> None:
    """Refuse a metric that no threshold can be chosen by, and parameters that it does not take.

    :param metric: name of the metric.
    :param params: its parameters.
    :raises BadInput: naming what there is.
    """
    if metric not in CRITERIA:
        raise BadInput(f"No operating threshold can be chosen by {metric!r}; by: {', '.join(CRITERIA)}.")
    needed = CRITERIA[metric][1]
    if set(params) != set(needed):
        raise BadInput(
            f"The operating threshold by {metric!r} takes the params {', '.join(needed) or 'none'}; "
            f"there are: {', '.join(sorted(params)) or 'none'}."
        )
    for name, value in params.items():
        top = np.inf if metric == "expected_cost" else 1
        if not 0 <= value <= top:
            raise BadInput(f"The param {name!r} of {metric!r} is {value!r}; it must be from 0 to {top:g}.")


def choose_threshold(
    labels: Any, scores: Any, metric: str, params: Mapping[str, float] | None = None
) -> tuple[float, float]:
    """Choose the threshold at which a metric is best; scores at or above it count as positive.

    Every different score is a candidate. Of equally good ones the one with the fewest mistakes is taken, of those the
    largest, so that the choice does not depend on the order of the rows.

    :param labels: 0 or 1 per validation row.
    :param scores: score of each, by a model that was not trained on them.
    :param metric: a name in `CRITERIA`.
    :param params: parameters of the metric.
    :return: the threshold and the value of the metric there.
    :raises BadInput: when the metric is unknown, a class has too few rows, or no threshold does what is asked.
    """
    wanted = params or {}
    check_criterion(metric, wanted)
    tables = _tables(labels, scores)
    values = CRITERIA[metric][0](tables, wanted)
    if np.isnan(values).all():
        ((name, value),) = wanted.items()
        raise BadInput(f"No threshold reaches a {name} of {value:g} on the validation rows; ask for less.")
    better = values if metric == _LOWER_IS_BETTER else -values
    # NaN sorts last; lexsort's last key counts first.
    best = int(np.lexsort((-tables.thresholds, tables.mistakes, better))[0])
    return float(tables.thresholds[best]), float(values[best])


def _tables(labels: Any, scores: Any) -> Tables:
    truth, ranked = as_floats(labels, "labels"), as_floats(scores, "scores")
    check_same_length(labels=truth, scores=ranked)
    try:
        positive = positives_of(truth)
        check_finite(ranked)
        check_classes(positive, MIN_PER_CLASS)
    except NotMeasurable as err:
        raise BadInput(str(err)) from err
    order = np.argsort(-ranked, kind="stable")
    hits, ordered = np.cumsum(positive[order]), ranked[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    positives = int(hits[-1])
    return Tables(
        thresholds=ordered[last],
        tp=hits[last],
        fp=last + 1 - hits[last],
        positives=positives,
        negatives=len(positive) - positives,
    )
