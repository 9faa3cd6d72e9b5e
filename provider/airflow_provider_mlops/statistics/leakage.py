"""Whether one feature alone gives the label away.

A category is scored by the share of positive rows that it had among the *training* rows. In shares of the test rows
themselves every row's own label stands: categories with few rows would seem to give it away, and leaving the row itself
out gives it away the other way round, since what is left lacks exactly that label.
"""

from collections.abc import Mapping

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, IntArray
from airflow_provider_mlops.statistics.auc import auc_value


def number_auc(positive: BoolArray, values: FloatArray) -> float:
    """Return how well a number separates the classes, whichever way round.

    :param positive: mask of the positive class.
    :param values: one number per row; where it is missing, missing itself may say something, at either end.
    :return: area under the ROC curve, 0.5 to 1.
    :raises NotMeasurable: when a class is missing.
    """
    known = np.isfinite(values)
    if not known.any():
        return 0.5
    ends = (values[known].min() - 1, values[known].max() + 1)
    areas = [auc_value(positive, np.where(known, values, end)) for end in ends[: 1 if known.all() else 2]]
    return max(max(area, 1 - area) for area in areas)


def rate_auc(positive: BoolArray, codes: IntArray, counts: IntArray, positives: IntArray) -> float:
    """Return how well the categories of the training rows separate the classes of the test rows.

    :param positive: mask of the positive class among the test rows.
    :param codes: category of each test row.
    :param counts: training rows of each category; those of a category without any get the rate of all.
    :param positives: how many of them are positive.
    :return: area under the ROC curve of the test rows, 0 to 1.
    :raises NotMeasurable: when a class is missing.
    """
    total = int(counts.sum())
    overall = int(positives.sum()) / total if total else 0.5
    rates: FloatArray = np.where(counts > 0, positives / np.maximum(counts, 1), overall)
    return auc_value(positive, rates[codes])


def mean_area(areas: Mapping[int, float]) -> float:
    """Join the areas of several classes, each against the others.

    :param areas: area by class.
    :return: their mean.
    :raises NotMeasurable: when there is none.
    """
    if not areas:
        raise NotMeasurable("No class has both rows of it and rows of others.")
    return float(np.mean(list(areas.values())))
