"""Whether probabilities still mean what they say: Spiegelhalter's test, and Cox's line through labels and logits.

The intercept says by how much all probabilities are too low (above 0) or too high, on the logit scale; the slope says
whether they are spread too far (below 1) or not far enough. A shift of either since promotion is concept drift that the
labels show; the features alone never can.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from airflow_provider_mlops.core.measure import Interval, NotMeasurable, TooFewClusters
from airflow_provider_mlops.statistics.arrays import (
    FloatArray,
    IntArray,
    as_floats,
    check_classes,
    check_finite,
    check_probabilities,
    check_same_length,
    positives_of,
)
from airflow_provider_mlops.statistics.clusters import summed_by
from airflow_provider_mlops.statistics.few_clusters import LEAST_CLUSTERS

INTERCEPT, SLOPE = "intercept", "slope"
MIN_PER_CLASS = 30

_CLIP = 1e-6
_STEPS = 50
_METHOD = "logistic_sandwich"


@dataclass(frozen=True, slots=True)
class CalibrationTest:
    """A test whether labels could come from the probabilities.

    :param z: the statistic, about normal when they do.
    :param p_value: two-sided.
    :param n: rows.
    :param test: name of the test.
    """

    z: float
    p_value: float
    n: int
    test: str = "spiegelhalter"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {"test": self.test, "z": self.z, "p_value": self.p_value, "n": self.n}


def spiegelhalter(labels: Any, probabilities: Any, clusters: IntArray | None = None) -> CalibrationTest:
    """Test calibration (Spiegelhalter 1986), with the variance that days or other clusters show where it is larger.

    :param labels: 0 or 1 per row.
    :param probabilities: what was said about each.
    :param clusters: code of each row's cluster, None for independent rows.
    :return: the test.
    :raises NotMeasurable: when the rows cannot answer.
    """
    truth, p = _checked(labels, probabilities)
    parts = (truth - p) * (1 - 2 * p)
    variance = float((np.square(1 - 2 * p) * p * (1 - p)).sum())
    if clusters is not None:
        sums = summed_by(parts[:, None], clusters)[:, 0]
        variance = max(variance, float(np.square(sums).sum()))
    if variance <= 0:
        raise NotMeasurable("The probabilities are all 0, 1 or one half: they cannot be tested.")
    z = float(parts.sum()) / math.sqrt(variance)
    return CalibrationTest(z, float(2 * special.ndtr(-abs(z))), len(p))


def calibration_line(
    labels: Any, probabilities: Any, level: float, clusters: IntArray | None = None
) -> dict[str, Interval]:
    """Measure intercept and slope of the labels on the logits of their probabilities (Cox 1958).

    :param labels: 0 or 1 per row.
    :param probabilities: what was said about each.
    :param level: two-sided confidence level.
    :param clusters: code of each row's cluster, None for independent rows.
    :return: ``intercept`` (with the slope held at 1) and ``slope``, each with its interval; 0 and 1 are right.
    :raises NotMeasurable: when a class has fewer than 30 rows, or the line cannot be fitted.
    """
    truth, p = _checked(labels, probabilities)
    check_classes(truth == 1, MIN_PER_CLASS)
    logits = np.asarray(special.logit(np.clip(p, _CLIP, 1 - _CLIP)))
    ones = np.ones((len(p), 1))
    intercept = _fit(truth, ones, logits, level, clusters)
    if float(np.ptp(logits)) <= 0:
        raise NotMeasurable("All probabilities are the same: their spread cannot be judged.")
    slope = _fit(truth, np.column_stack([ones, logits]), np.zeros(len(p)), level, clusters)
    return {INTERCEPT: intercept, SLOPE: slope}


def _fit(
    truth: FloatArray, design: FloatArray, offset: FloatArray, level: float, clusters: IntArray | None
) -> Interval:
    """Fit by Newton's steps; return the last coefficient with the interval of the sandwich variance."""
    beta = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        said = special.expit(design @ beta + offset)
        curve = (design * (said * (1 - said))[:, None]).T @ design
        try:
            step = np.linalg.solve(curve, design.T @ (truth - said))
        except np.linalg.LinAlgError:
            raise NotMeasurable("The labels are separated by the probabilities: no line fits them.") from None
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    else:
        raise NotMeasurable("No calibration line fits the labels: probabilities and labels contradict each other.")
    said = special.expit(design @ beta + offset)
    parts = design * (truth - said)[:, None]
    inverse = np.linalg.inv((design * (said * (1 - said))[:, None]).T @ design)
    units = len(truth)
    if clusters is not None:
        parts = summed_by(parts, clusters)
        units = len(parts)
        if units < LEAST_CLUSTERS:
            raise TooFewClusters(units, LEAST_CLUSTERS)
    variance = float((inverse @ (parts.T @ parts) @ inverse)[-1, -1]) * units / (units - 1)
    half = float(special.stdtrit(units - 1, (1 + level) / 2)) * math.sqrt(variance)
    return Interval(float(beta[-1]), float(beta[-1]) - half, float(beta[-1]) + half, len(truth), _METHOD)


def _checked(labels: Any, probabilities: Any) -> tuple[FloatArray, FloatArray]:
    truth, p = as_floats(labels, "labels"), as_floats(probabilities, "probabilities")
    check_same_length(labels=truth, probabilities=p)
    positives_of(truth)
    check_finite(p)
    check_probabilities(p)
    return truth, p
