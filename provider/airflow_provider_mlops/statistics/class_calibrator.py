"""Turning class scores into probabilities: as they are, or by one temperature and an offset for each class.

The second map, ``softmax(a * log(score) + offset)``, is Platt's line for more than two classes (bias-corrected
temperature scaling, Alexandari et al. 2020). It is taken only where cross-fitting shows the scores themselves to be
worse (Brier score): each number that is fitted adds noise to what is estimated with it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray
from airflow_provider_mlops.statistics.calibrator import MIN_PER_CLASS, NONE
from airflow_provider_mlops.statistics.metric_rows import checked_rows
from airflow_provider_mlops.statistics.score_table import MULTICLASS

TEMPERATURE = "temperature"

_FOLDS = 5
_CLIP = 1e-6
_STEPS = 100
_PRIOR = 0.01
"""Precision with which the scores are taken for right: keeps the map of rows finite that scores separate."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassCalibrator:
    """A map from the class scores of a row to probabilities.

    :param method: ``none`` (scores are probabilities) or ``temperature``.
    :param rows: rows that it was fitted on.
    :param slope: what the logarithms of the scores are multiplied with.
    :param offsets: what is added to them, by class; 0 for the first.
    :param covariance: of slope and the other offsets: how far they may be off by chance.
    """

    method: str
    rows: int
    slope: float = 1.0
    offsets: FloatArray = field(default_factory=lambda: np.empty(0))
    covariance: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    def probabilities(self, scores: FloatArray) -> FloatArray:
        """Map scores.

        :param scores: scores that `class_rows` accepts, of shape (rows, classes).
        :return: probabilities that add up to 1; never nearer to 0 than the fitted rows can tell, but for ``none``.
        """
        if self.method == NONE:
            return scores
        found = np.maximum(_softmax(self.slope * _logs(scores) + self.offsets), 1 / (self.rows + scores.shape[1]))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def slopes(self, gradient: FloatArray, scores: FloatArray, p: FloatArray) -> FloatArray:
        """Return what an expected value gains with each fitted number, to first order; of several blocks it adds up.

        :param gradient: what the value gains by row and class, as `class_expectations.ClassExpected` has it.
        :param scores: the served scores.
        :param p: their probabilities by this map.
        """
        if self.method == NONE:
            return np.zeros(0)
        moved = p * (gradient - (p * gradient).sum(axis=1, keepdims=True))
        return np.concatenate([[float((moved * _logs(scores)).sum())], moved.sum(axis=0)[1:]])

    def variance(self, slopes: FloatArray) -> float:
        """Return the variance that the fitted map adds to an expected value.

        :param slopes: as `slopes` gives them, of all rows.
        """
        return float(slopes @ self.covariance @ slopes)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form that records hold."""
        found: dict[str, Any] = {"method": self.method, "rows": self.rows}
        if self.method == TEMPERATURE:
            found |= {"slope": self.slope, "offsets": [float(value) for value in self.offsets]}
        return found


def class_rows(labels: Any, scores: Any) -> tuple[IntArray, FloatArray]:
    """Check held-out rows.

    :param labels: index of the class per row.
    :param scores: class probabilities per row.
    :return: labels and scores.
    :raises NotMeasurable: when a label is none of the classes, a class has fewer than 30 rows, or the scores are no
        probabilities.
    """
    rows = checked_rows(MULTICLASS, labels, (scores,), least=MIN_PER_CLASS, probabilities=True)
    return rows.truth.astype(np.int64), rows.scores[0]


def choose_class_calibrator(labels: Any, scores: Any) -> ClassCalibrator:
    """Take the scores as they are, unless a fitted map is shown to be better.

    :param labels: index of the class per held-out row.
    :param scores: its class probabilities, by a model that was not trained on it.
    :return: the map, fitted on all rows.
    :raises NotMeasurable: as `class_rows`.
    """
    truth, said = class_rows(labels, scores)
    # Every fifth row of each class in the order of its scores: the same rows whatever their order.
    fold = np.empty(len(truth), dtype=np.int64)
    fold[np.lexsort((said.max(axis=1), truth))] = np.arange(len(truth)) % _FOLDS
    fitted = np.empty_like(said)
    for number in range(_FOLDS):
        held = fold == number
        fitted[held] = fit_temperature(truth[~held], said[~held]).probabilities(said[held])
    worse = _brier(truth, said) - _brier(truth, fitted)
    if float(worse.mean()) <= float(worse.std()) / np.sqrt(len(worse)):
        return ClassCalibrator(NONE, len(truth))
    return fit_temperature(truth, said)


def fit_temperature(labels: IntArray, scores: FloatArray) -> ClassCalibrator:
    """Fit the temperature and the offsets by Newton's steps.

    :param labels: index of the class per row.
    :param scores: class probabilities per row.
    :return: the map.
    :raises NotMeasurable: when none fits.
    """
    logs, size = _logs(scores), scores.shape[1]
    start = np.concatenate([[1.0], np.zeros(size - 1)])
    beta = start.copy()
    for _ in range(_STEPS):
        p = _softmax(beta[0] * logs + np.concatenate([[0.0], beta[1:]]))
        gap = -p
        gap[np.arange(len(labels)), labels] += 1
        up = np.concatenate([[float((gap * logs).sum())], gap.sum(axis=0)[1:]]) - _PRIOR * (beta - start)
        curve = _curvature(p, logs)
        step = np.linalg.solve(curve, up)
        beta = beta + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    if not np.isfinite(beta).all():
        raise NotMeasurable("No temperature fits the scores of the held-out rows.")
    p = _softmax(beta[0] * logs + np.concatenate([[0.0], beta[1:]]))
    covariance = np.linalg.inv(_curvature(p, logs))
    offsets = np.concatenate([[0.0], beta[1:]])
    return ClassCalibrator(TEMPERATURE, len(labels), float(beta[0]), offsets, covariance)


def _curvature(p: FloatArray, logs: FloatArray) -> FloatArray:
    """Return the second derivatives of the likelihood, less that of the prior."""
    weighted = p * logs
    mean = weighted.sum(axis=1, keepdims=True)
    across = (p * (logs - mean)).sum(axis=0)[1:]
    size = p.shape[1]
    curve = np.empty((size, size))
    curve[0, 0] = float((weighted * logs).sum() - np.square(mean).sum())
    curve[0, 1:] = curve[1:, 0] = across
    curve[1:, 1:] = (np.diag(p.sum(axis=0)) - p.T @ p)[1:, 1:]
    return np.asarray(curve + _PRIOR * np.eye(size))


def _brier(truth: IntArray, p: FloatArray) -> FloatArray:
    right = p[np.arange(len(truth)), truth]
    return np.asarray(1 - 2 * right + np.square(p).sum(axis=1))


def _logs(scores: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.clip(scores, _CLIP, 1.0)))


def _softmax(values: FloatArray) -> FloatArray:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
