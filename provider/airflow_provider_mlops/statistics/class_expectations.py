"""What a metric of several classes will be, if each row is of each class with a known probability.

Beside the value goes what each label would make of it: the variance is made of that.
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
class ClassExpected:
    """An expected value.

    :param value: the value.
    :param gradient: by row and class, what the value gains when that is the row's class; of shape (rows, classes).
    """

    value: float
    gradient: FloatArray

    def chance(self, p: FloatArray) -> tuple[float, float]:
        """Return the variance and the third central moment that the labels give the value.

        :param p: probabilities of the classes, of the same shape.
        """
        centred = self.gradient - (p * self.gradient).sum(axis=1, keepdims=True)
        squared = p * np.square(centred)
        return float(squared.sum()), float((squared * centred).sum())


ClassExpectation = Callable[[FloatArray, FloatArray], ClassExpected]
"""Maps probabilities and scores, each of shape (rows, classes), to the expected value."""


def _accuracy(p: FloatArray, scores: FloatArray) -> ClassExpected:
    called = _called(scores)
    return ClassExpected(float((p * called).sum() / len(p)), called / len(p))


def _macro_recall(p: FloatArray, scores: FloatArray) -> ClassExpected:
    called, actual = _called(scores), _classes(p)
    recall = (p * called).sum(axis=0) / actual
    return ClassExpected(float(recall.mean()), (called - recall) / (actual * p.shape[1]))


def _macro_f1(p: FloatArray, scores: FloatArray) -> ClassExpected:
    called, actual = _called(scores), _classes(p)
    total = called.sum(axis=0) + actual
    f1 = 2 * (p * called).sum(axis=0) / total
    return ClassExpected(float(f1.mean()), (2 * called - f1) / (total * p.shape[1]))


def _log_loss(p: FloatArray, scores: FloatArray) -> ClassExpected:
    losses = -np.log(np.clip(scores, CLIP, 1 - CLIP))
    return ClassExpected(float((p * losses).sum() / len(p)), losses / len(p))


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


def _classes(p: FloatArray) -> FloatArray:
    """Return how many rows each class is expected to have."""
    actual = p.sum(axis=0)
    if actual.min() < LEAST:
        raise NotMeasurable(
            f"{actual.min():.1f} rows of class {actual.argmin()} are expected among {len(p)}; at least {LEAST} are "
            "needed."
        )
    return np.asarray(actual)


CLASS_EXPECTATIONS: Mapping[str, ClassExpectation] = MappingProxyType(
    {
        "multiclass_accuracy": _accuracy,
        "macro_f1": _macro_f1,
        "macro_recall": _macro_recall,
        "multiclass_log_loss": _log_loss,
    }
)
"""The metrics of several classes that can be estimated without labels; they are those of the same name in `metrics`."""
