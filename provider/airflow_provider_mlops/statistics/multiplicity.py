"""P-values adjusted for the number of tests; an adjusted p-value is compared with alpha itself."""

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.arrays import FloatArray, as_floats


def bonferroni(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust so that any false alarm has at most probability alpha.

    :param p_values: p-values, 0 to 1.
    :return: adjusted p-values in the order given.
    :raises BadInput: when a p-value is NaN or out of range.
    """
    p = _checked(p_values)
    return np.minimum(p * len(p), 1.0)


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust by steps down, never weaker than Bonferroni (Holm 1979).

    :param p_values: p-values, 0 to 1.
    :return: adjusted p-values in the order given.
    :raises BadInput: when a p-value is NaN or out of range.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _restored(np.minimum(stepped, 1.0), order)


def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust so that at most a share alpha of the alarms is false, under positive dependence (1995).

    :param p_values: p-values, 0 to 1.
    :return: adjusted p-values in the order given.
    :raises BadInput: when a p-value is NaN or out of range.
    """
    return _step_up(_checked(p_values), 1.0)


def benjamini_yekutieli(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust so that at most a share alpha of the alarms is false, under any dependence (2001).

    :param p_values: p-values, 0 to 1.
    :return: adjusted p-values in the order given.
    :raises BadInput: when a p-value is NaN or out of range.
    """
    p = _checked(p_values)
    return _step_up(p, float(np.sum(1 / np.arange(1, len(p) + 1))))


def _step_up(p: FloatArray, factor: float) -> FloatArray:
    order = np.argsort(p, kind="stable")
    raised = p[order] * (factor * len(p)) / np.arange(1, len(p) + 1)
    return _restored(np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0), order)


def _restored(ordered: FloatArray, order: npt.NDArray[np.intp]) -> FloatArray:
    back = np.empty_like(ordered)
    back[order] = ordered
    return back


def _checked(p_values: npt.ArrayLike) -> FloatArray:
    p = as_floats(p_values if np.size(p_values) else np.empty(0), "p-values")
    if not np.all((p >= 0) & (p <= 1)):
        bad = p[~((p >= 0) & (p <= 1))][0]
        raise BadInput(f"A p-value is {bad}; it must be between 0 and 1.")
    return p
