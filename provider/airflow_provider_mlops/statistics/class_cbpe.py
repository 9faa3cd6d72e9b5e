"""Performance of a classifier of several classes without labels: confidence-based estimation, as `cbpe` has it for two.

Each row counts for each class with its calibrated probability. It assumes **no concept drift**.
"""

import functools
import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray, as_matrix
from airflow_provider_mlops.statistics.calibration_line import CalibrationTest
from airflow_provider_mlops.statistics.cbpe import MIN_ROWS, NOT_SHARES, expected_interval
from airflow_provider_mlops.statistics.class_calibrator import ClassCalibrator, choose_class_calibrator, class_rows
from airflow_provider_mlops.statistics.class_expectations import CLASS_EXPECTATIONS, ClassSums, chance, predicted
from airflow_provider_mlops.statistics.clusters import summed_by
from airflow_provider_mlops.statistics.metric_rows import check_class_scores
from airflow_provider_mlops.statistics.support import Support

CLASS_TEST = "spiegelhalter_by_class"

_BLOCK = 65_536
"""Rows whose probabilities are held at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassCalibration:
    """The held-out rows that an estimate rests on.

    :param calibrator: the map from scores to probabilities.
    :param supports: by predicted class the probabilities that held-out rows had; None where none was predicted so.
    """

    calibrator: ClassCalibrator
    supports: tuple[Support | None, ...]

    @classmethod
    def of(cls, labels: Any, scores: Any) -> "ClassCalibration":
        """Fit on held-out rows.

        :param labels: index of the class per row.
        :param scores: its class probabilities.
        :return: the calibration.
        :raises NotMeasurable: when the rows cannot carry one.
        """
        _, said = class_rows(labels, scores)
        called, top = predicted(said), said.max(axis=1)
        of_class = [top[called == one] for one in range(said.shape[1])]
        return cls(
            choose_class_calibrator(labels, scores),
            tuple(Support.of(known) if len(known) else None for known in of_class),
        )

    def outside(self, scores: FloatArray) -> float:
        """Return the share of rows that no held-out row of the same predicted class is near to.

        :param scores: served class probabilities, finite.
        """
        called, top = predicted(scores), scores.max(axis=1)
        found = np.ones(len(scores), dtype=np.bool_)
        for one, support in enumerate(self.supports):
            mask = called == one
            if support is not None and mask.any():
                found[mask] = support.is_outside(top[mask])
        return float(np.mean(found))

    def estimate(self, scores: Any, metric: str, level: float, *, spread: float = 1.0) -> Interval:
        """Estimate what a metric will be once the labels of these rows are known.

        :param scores: served class probabilities.
        :param metric: name in `CLASS_EXPECTATIONS`.
        :param level: two-sided level of the interval.
        :param spread: how many times the variance of independent rows the rows have, as `class_design_effect` measures
            it.
        :return: the estimate; its interval holds the chance of the labels and that of the held-out rows.
        :raises NotMeasurable: with fewer than 30 rows, scores that are no probabilities, or too few rows of a class.
        :raises BadInput: when the metric cannot be estimated at all.
        """
        if metric not in CLASS_EXPECTATIONS:
            known = ", ".join(CLASS_EXPECTATIONS)
            raise BadInput(f"{metric!r} cannot be estimated without labels; these can: {known}.")
        served = as_matrix(scores, "scores")
        if len(served) < MIN_ROWS:
            raise NotMeasurable(f"There are {len(served)} scores; an estimate needs at least {MIN_ROWS}.")
        if served.shape[1] != len(self.supports):
            raise BadInput(f"There are {served.shape[1]} scores a row; the held-out rows had {len(self.supports)}.")
        check_class_scores(served, probabilities=True)
        blocks = [served[at : at + _BLOCK] for at in range(0, len(served), _BLOCK)]
        said = self.calibrator.probabilities
        sums = functools.reduce(operator.add, (ClassSums.of(said(block), block) for block in blocks))
        expected, moments = CLASS_EXPECTATIONS[metric](sums), np.zeros(2)
        slopes = np.zeros(len(self.calibrator.covariance))
        for block in blocks:
            p, gradient = said(block), expected.gradient(block)
            moments += chance(gradient, p)
            slopes += self.calibrator.slopes(gradient, block, p)
        variance, third = (float(moment) for moment in moments)
        total = (variance + self.calibrator.variance(slopes)) * spread
        top = math.inf if metric in NOT_SHARES else 1.0
        method = f"cbpe_{self.calibrator.method}"
        return expected_interval(expected.value, (total, third), level, len(served), top, method)


def class_test(labels: Any, p: FloatArray, clusters: IntArray | None = None) -> CalibrationTest:
    """Test whether labels could come from the probabilities of several classes.

    Spiegelhalter's statistic for several classes, and for each class how many rows it has; the smallest p-value counts,
    corrected for their number. Where the rows of days or other clusters vary more, with the variance that those show.

    :param labels: index of the class per row.
    :param p: what was said about each.
    :param clusters: code of each row's cluster, None for independent rows.
    :return: the test, the statistic furthest from 0 in it.
    :raises NotMeasurable: when the rows cannot answer.
    """
    check_class_scores(p, probabilities=True)
    truth = np.asarray(labels, dtype=np.float64)
    if not len(truth) or not np.isin(truth, np.arange(p.shape[1])).all():
        raise NotMeasurable("There are no rows, or labels that are none of the classes.")
    seen = np.zeros(p.shape)
    seen[np.arange(len(truth)), truth.astype(np.int64)] = 1.0
    squares, cubes = np.square(p).sum(axis=1), (p**3).sum(axis=1)
    parts = np.column_stack([(p * seen).sum(axis=1) - squares, seen - p])
    variance = np.concatenate([[float((cubes - np.square(squares)).sum())], (p * (1 - p)).sum(axis=0)])
    if clusters is not None:
        variance = np.maximum(variance, np.square(summed_by(parts, clusters)).sum(axis=0))
    known = variance > 1e-12
    if not known.any():
        raise NotMeasurable("The probabilities are all 0 or 1: they cannot be tested.")
    z = parts.sum(axis=0)[known] / np.sqrt(variance[known])
    furthest = float(z[np.argmax(np.abs(z))])
    p_value = min(1.0, float(2 * special.ndtr(-abs(furthest))) * int(known.sum()))
    return CalibrationTest(furthest, p_value, len(truth), CLASS_TEST)


def class_design_effect(labels: Any, p: FloatArray, scores: FloatArray, clusters: IntArray | None) -> float:
    """Measure how much more the rows of a cluster err together than independent rows would.

    :param labels: index of the class per labelled row.
    :param p: its calibrated probabilities.
    :param scores: its scores, which say the predicted class.
    :param clusters: code of its cluster; None for independent rows.
    :return: the factor on the variance, at least 1: the larger one of the classes' and of the predicted class's; 1 with
        fewer than 5 clusters, which cannot tell.
    """
    if clusters is None or len(np.unique(clusters)) < 5:
        return 1.0
    at, called = np.arange(len(p)), predicted(scores)
    gaps = -p
    gaps[at, np.asarray(labels, dtype=np.int64)] += 1
    together, alone = np.square(summed_by(gaps, clusters)), np.square(gaps)
    right = gaps[at, called][:, None]
    ratios = [(float(together.sum()), float(alone.sum()))]
    ratios.append((float(np.square(summed_by(right, clusters)).sum()), float(np.square(right).sum())))
    return max(1.0, *(most / least for most, least in ratios if least > 0))


def check_held_out(labels: Any, scores: Any, calibrator: ClassCalibrator) -> CalibrationTest:
    """Test the map on the rows that it was fitted on: tenths of them, by the probability of the predicted class.

    One temperature cannot mend every model. Who is as sure as it should be on average, and not where it is surest, is
    found here.

    :param labels: index of the class per held-out row.
    :param scores: its class probabilities.
    :param calibrator: the map.
    :return: the test; its statistic is chi-squared over its degrees of freedom.
    """
    truth, said = class_rows(labels, scores)
    called = predicted(said)
    p = calibrator.probabilities(said)[np.arange(len(truth)), called]
    tenth = np.empty(len(p), dtype=np.int64)
    tenth[np.argsort(p, kind="stable")] = np.arange(len(p)) * 10 // len(p)
    gaps = np.bincount(tenth, weights=(called == truth) - p, minlength=10)
    variance = np.bincount(tenth, weights=p * (1 - p), minlength=10)
    # Without a few expected errors a tenth has no normal distribution; it is left to the others.
    known = variance >= 5
    if not known.any():
        return CalibrationTest(0.0, 1.0, len(truth), "tenths")
    statistic = float((np.square(gaps[known]) / variance[known]).sum())
    freedom = int(known.sum())
    return CalibrationTest(statistic / freedom, float(special.chdtrc(freedom, statistic)), len(truth), "tenths")
