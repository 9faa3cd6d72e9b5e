"""Fairness measures of decisions, under the names and with the values of fairlearn and AIF360.

Without ``reference`` a measure compares the groups treated most differently, as fairlearn does. With ``reference`` it
compares all other rows with that group, signed, as AIF360 does. `fairness_table` has every group, with intervals.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import (
    FloatArray,
    as_floats,
    check_finite,
    check_same_length,
    positives_of,
)
from airflow_provider_mlops.statistics.fairness_groups import Groups, groups_of
from airflow_provider_mlops.statistics.fairness_table import fairness_table

__all__ = [
    "average_odds_difference",
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "disparate_impact",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "fairness_table",
    "false_positive_rate_difference",
    "statistical_parity_difference",
]

GroupColumns = Mapping[str, npt.NDArray[Any]] | Sequence[Any] | npt.NDArray[Any]
"""One value per row, or columns by name, whose intersections are the groups."""

_SELECTION, _TRUE_POSITIVE, _FALSE_POSITIVE = 0, 1, 2


def demographic_parity_difference(labels: Any, decisions: Any, *, groups: GroupColumns, weights: Any = None) -> float:
    """Measure the largest difference of selection rates between two groups (fairlearn's).

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param weights: weight of each row; None when all count the same.
    :return: from 0 to 1.
    """
    return _spread(_rates(labels, decisions, groups, weights)[_SELECTION])


def demographic_parity_ratio(labels: Any, decisions: Any, *, groups: GroupColumns, weights: Any = None) -> float:
    """Measure the smallest selection rate over the largest (fairlearn's).

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param weights: weight of each row; None when all count the same.
    :return: from 0 to 1; the four-fifths rule asks for 0.8.
    :raises NotMeasurable: when no row is decided for.
    """
    rates = _rates(labels, decisions, groups, weights)[_SELECTION]
    return _over(float(rates.min()), float(rates.max()))


def equal_opportunity_difference(
    labels: Any, decisions: Any, *, groups: GroupColumns, reference: str | None = None, weights: Any = None
) -> float:
    """Measure the difference of true positive rates.

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param reference: None for the largest difference between two groups (fairlearn's), or the privileged group for
        all others minus it (AIF360's).
    :param weights: weight of each row; None when all count the same.
    :return: the difference.
    """
    return _difference(_rates(labels, decisions, groups, weights, reference)[_TRUE_POSITIVE], reference)


def false_positive_rate_difference(
    labels: Any, decisions: Any, *, groups: GroupColumns, reference: str | None = None, weights: Any = None
) -> float:
    """Measure the difference of false positive rates.

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param reference: None for the largest difference between two groups (fairlearn's), or the privileged group for
        all others minus it (AIF360's).
    :param weights: weight of each row; None when all count the same.
    :return: the difference.
    """
    return _difference(_rates(labels, decisions, groups, weights, reference)[_FALSE_POSITIVE], reference)


def equalized_odds_difference(labels: Any, decisions: Any, *, groups: GroupColumns, weights: Any = None) -> float:
    """Measure the larger of the differences of true and false positive rates (fairlearn's).

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param weights: weight of each row; None when all count the same.
    :return: from 0 to 1.
    """
    rates = _rates(labels, decisions, groups, weights)
    return max(_spread(rates[_TRUE_POSITIVE]), _spread(rates[_FALSE_POSITIVE]))


def disparate_impact(
    labels: Any, decisions: Any, *, groups: GroupColumns, reference: str, weights: Any = None
) -> float:
    """Measure the selection rate of all other rows over that of the privileged group (AIF360's).

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param reference: the privileged group.
    :param weights: weight of each row; None when all count the same.
    :return: the ratio, above 1 where the others are decided for more often.
    :raises NotMeasurable: when no row of the privileged group is decided for.
    """
    others, privileged = _rates(labels, decisions, groups, weights, reference)[_SELECTION]
    return _over(float(others), float(privileged))


def statistical_parity_difference(
    labels: Any, decisions: Any, *, groups: GroupColumns, reference: str, weights: Any = None
) -> float:
    """Measure the selection rate of all other rows minus that of the privileged group (AIF360's).

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param reference: the privileged group.
    :param weights: weight of each row; None when all count the same.
    :return: the difference.
    """
    return _difference(_rates(labels, decisions, groups, weights, reference)[_SELECTION], reference)


def average_odds_difference(
    labels: Any, decisions: Any, *, groups: GroupColumns, reference: str, weights: Any = None
) -> float:
    """Measure the mean of the differences of true and false positive rates (AIF360's).

    :param labels: 0 or 1 per row.
    :param decisions: 0 or 1 per row.
    :param groups: one value per row, or columns by name.
    :param reference: the privileged group.
    :param weights: weight of each row; None when all count the same.
    :return: all others minus the privileged group.
    """
    rates = _rates(labels, decisions, groups, weights, reference)
    return (_difference(rates[_TRUE_POSITIVE], reference) + _difference(rates[_FALSE_POSITIVE], reference)) / 2


def _rates(
    labels: Any, decisions: Any, groups: GroupColumns, weights: Any, reference: str | None = None
) -> list[FloatArray]:
    """Return selection, true and false positive rates by group; with a reference: of the others, and of it."""
    truth, decided = as_floats(labels, "labels"), as_floats(decisions, "decisions")
    mass = np.ones(len(truth)) if weights is None else as_floats(weights, "weights")
    columns = groups if isinstance(groups, Mapping) else {"group": np.asarray(groups)}
    check_same_length(labels=truth, decisions=decided, weights=mass, **dict(columns))
    check_finite(mass, "weights")
    positive, selected = positives_of(truth), positives_of(decided)
    found = groups_of(columns)
    codes, size = found.codes, len(found.names)
    if reference is not None:
        codes, size = _against(found, reference), 2
    table = np.bincount(codes * 4 + 2 * positive + selected, weights=mass, minlength=4 * size).reshape(size, 2, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        true_positive, false_positive = (table[:, label, 1] / table[:, label].sum(axis=1) for label in (1, 0))
        return [table[:, :, 1].sum(axis=1) / table.sum(axis=(1, 2)), true_positive, false_positive]


def _against(groups: Groups, reference: str) -> npt.NDArray[np.int64]:
    if reference not in groups.names:
        raise BadInput(f"There is no group {reference!r}; there are: {', '.join(groups.names)}.")
    return np.asarray(groups.codes == groups.names.index(reference), dtype=np.int64)


def _difference(rates: FloatArray, reference: str | None) -> float:
    return _spread(rates) if reference is None else float(_known(rates)[0] - rates[1])


def _spread(rates: FloatArray) -> float:
    return float(np.ptp(_known(rates)))


def _over(part: float, whole: float) -> float:
    if not whole > 0:
        raise NotMeasurable("No row is decided for, so the ratio of selection rates has no value.")
    return part / whole


def _known(rates: FloatArray) -> FloatArray:
    if np.isnan(rates).any():
        raise NotMeasurable("A group has no rows of the class that its rate is of.")
    return rates
