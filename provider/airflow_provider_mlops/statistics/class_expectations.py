"""What a metric of several classes will be, if each row is of each class with a known probability.

Beside the value goes what each label would make of it: the variance is made of that. All of it rests on sums over rows,
so that rows pass by in blocks: memory does not hold an array of rows and classes for every step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.expected_metrics import LEAST
from airflow_provider_mlops.statistics.loss import CLIP


@dataclass(frozen=True, slots=True, eq=False)
class ClassSums:
    """What the expected value of every metric is made of; of several blocks of rows it adds up.

    :param rows: how many rows.
    :param actual: by class, how many rows are expected to be of it.
    :param called: by class, how many are predicted so.
    :param hits: by class, how many are expected to be predicted rightly.
    :param loss: expected sum of the log losses.
    """

    rows: int
    actual: FloatArray
    called: FloatArray
    hits: FloatArray
    loss: float

    @classmethod
    def of(cls, p: FloatArray, scores: FloatArray) -> "ClassSums":
        """Add up rows.

        :param p: probabilities of the classes, of shape (rows, classes).
        :param scores: their scores, of the same shape.
        """
        called = _called(scores)
        return cls(
            len(p), p.sum(axis=0), called.sum(axis=0), (p * called).sum(axis=0), float((p * _losses(scores)).sum())
        )

    def __add__(self, other: "ClassSums") -> "ClassSums":
        return ClassSums(
            self.rows + other.rows,
            self.actual + other.actual,
            self.called + other.called,
            self.hits + other.hits,
            self.loss + other.loss,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ClassExpected:
    """An expected value.

    :param value: the value.
    :param gradient: maps scores of a block of rows to what the value gains, by row and class, when that is the row's
        class.
    """

    value: float
    gradient: Callable[[FloatArray], FloatArray]


ClassExpectation = Callable[[ClassSums], ClassExpected]
"""Maps the sums over all rows to the expected value."""


def chance(gradient: FloatArray, p: FloatArray) -> tuple[float, float]:
    """Return the variance and the third central moment that the labels of some rows give a value; they add up.

    :param gradient: what the value gains, by row and class.
    :param p: probabilities of the classes, of the same shape.
    """
    centred = gradient - (p * gradient).sum(axis=1, keepdims=True)
    squared = p * np.square(centred)
    return float(squared.sum()), float((squared * centred).sum())


def _accuracy(sums: ClassSums) -> ClassExpected:
    return ClassExpected(float(sums.hits.sum() / sums.rows), lambda scores: _called(scores) / sums.rows)


def _macro_recall(sums: ClassSums) -> ClassExpected:
    actual = _classes(sums)
    recall, size = sums.hits / actual, len(actual)
    return ClassExpected(float(recall.mean()), lambda scores: (_called(scores) - recall) / (actual * size))


def _macro_f1(sums: ClassSums) -> ClassExpected:
    total = sums.called + _classes(sums)
    f1, size = 2 * sums.hits / total, len(total)
    return ClassExpected(float(f1.mean()), lambda scores: (2 * _called(scores) - f1) / (total * size))


def _log_loss(sums: ClassSums) -> ClassExpected:
    return ClassExpected(sums.loss / sums.rows, lambda scores: _losses(scores) / sums.rows)


def predicted(scores: FloatArray) -> IntArray:
    """Return the class that is predicted: the first of those with the highest score.

    :param scores: of shape (rows, classes).
    """
    return np.asarray(np.argmax(scores, axis=1), dtype=np.int64)


def _called(scores: FloatArray) -> FloatArray:
    """Return 1 for the predicted class of each row, 0 for the others."""
    found = np.zeros(scores.shape)
    found[np.arange(len(scores)), predicted(scores)] = 1.0
    return found


def _losses(scores: FloatArray) -> FloatArray:
    return np.asarray(-np.log(np.clip(scores, CLIP, 1 - CLIP)))


def _classes(sums: ClassSums) -> FloatArray:
    """Return how many rows each class is expected to have."""
    actual = sums.actual
    if actual.min() < LEAST:
        raise NotMeasurable(
            f"{actual.min():.1f} rows of class {actual.argmin()} are expected among {sums.rows}; at least {LEAST} are "
            "needed."
        )
    return actual


CLASS_EXPECTATIONS: Mapping[str, ClassExpectation] = MappingProxyType(
    {
        "multiclass_accuracy": _accuracy,
        "macro_f1": _macro_f1,
        "macro_recall": _macro_recall,
        "multiclass_log_loss": _log_loss,
    }
)
"""The metrics of several classes that can be estimated without labels; they are those of the same name in `metrics`."""
