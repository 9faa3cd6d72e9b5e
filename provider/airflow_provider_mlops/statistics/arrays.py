"""The arrays that the statistics take, and the checks that make bad ones not measurable."""

from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


def as_floats(values: Any, what: str) -> FloatArray:
    """Turn values into a one-dimensional float array.

    :param values: numbers or booleans.
    :param what: what they are, for the error message.
    :return: the array; NaN stays NaN.
    :raises BadInput: when they are not numbers or not one-dimensional.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(array.dtype)
        array = array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise BadInput(f"The {what} must be numbers, not {getattr(values, 'dtype', type(values).__name__)}.") from None
    if array.ndim != 1:
        raise BadInput(f"The {what} must be one-dimensional, not of shape {array.shape}.")
    return array


def as_matrix(values: Any, what: str) -> FloatArray:
    """Turn values into a two-dimensional float array.

    :param values: numbers, one row per case.
    :param what: what they are, for the error message.
    :return: the array of shape (cases, columns); NaN stays NaN.
    :raises BadInput: when they are not numbers or not two-dimensional.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.ndim != 2:
        raise BadInput(f"The {what} must be a matrix of numbers, not {array.dtype} of shape {array.shape}.")
    return array.astype(np.float64, copy=False)


def check_same_length(**arrays: FloatArray) -> None:
    """Refuse arrays of different lengths: row i must be the same case in each.

    :param arrays: the arrays by name.
    :raises BadInput: naming each length.
    """
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise BadInput(f"The rows do not pair up: {lengths}.")


def positives_of(labels: FloatArray) -> BoolArray:
    """Read labels as a mask of the positive class.

    :param labels: 0 or 1 per row.
    :return: True where the label is 1.
    :raises NotMeasurable: when there are no rows, or a label is neither 0 nor 1.
    """
    if not len(labels):
        raise NotMeasurable("There are no rows.")
    positive: BoolArray = labels == 1
    strange = int(np.count_nonzero(~positive & (labels != 0)))
    if strange:
        raise NotMeasurable(f"{strange} of {len(labels)} labels are neither 0 nor 1.")
    return positive


def check_classes(positive: BoolArray, least: int) -> None:
    """Refuse rows with too few cases of a class.

    :param positive: mask of the positive class.
    :param least: cases that each class must have.
    :raises NotMeasurable: naming the class and its cases.
    """
    positives = int(np.count_nonzero(positive))
    for name, cases in (("positive", positives), ("negative", len(positive) - positives)):
        if cases < least:
            raise NotMeasurable(f"There are {cases} {name} rows among {len(positive)}; at least {least} are needed.")


def kept(rows: FloatArray, mask: BoolArray) -> FloatArray:
    """Keep some rows; the same array, and no copy of it, where all are kept.

    :param rows: numbers, a row each.
    :param mask: True for each row that is kept.
    """
    return rows if mask.all() else rows[mask]


def check_finite(scores: FloatArray, what: str = "scores") -> None:
    """Refuse scores that are NaN or infinite.

    :param scores: one score per row.
    :param what: whose scores, for the error message.
    :raises NotMeasurable: with the number of such scores.
    """
    bad = int(np.count_nonzero(~np.isfinite(scores)))
    if bad:
        raise NotMeasurable(f"{bad} of {len(scores)} {what} are NaN or infinite.")


def check_probabilities(scores: FloatArray) -> None:
    """Refuse scores that cannot be probabilities.

    :param scores: one score per row.
    :raises NotMeasurable: with the number of scores outside of 0 to 1.
    """
    bad = int(np.count_nonzero((scores < 0) | (scores > 1)))
    if bad:
        raise NotMeasurable(f"{bad} of {len(scores)} scores are outside of 0 to 1, so they are no probabilities.")
