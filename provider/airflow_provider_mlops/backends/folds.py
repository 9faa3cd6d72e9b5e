"""How training rows are split for a search: by time, by groups, or at random."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import REGRESSION
from airflow_provider_mlops.core.search import GROUP, TIME

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def make_folds(
    plan: Mapping[str, Any],
    frame: pd.DataFrame,
    labels: pd.Series[Any],
    *,
    time_column: str | None,
    task: str,
    seed: int,
) -> list[Fold]:
    """Split rows into folds.

    :param plan: ``kind``, ``n`` and, of groups, ``column``.
    :param frame: the labelled rows with all columns.
    :param labels: their labels.
    :param time_column: column with the row's time.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param seed: seed of random folds.
    :return: positions of the rows to fit on and of those to score, of each fold.
    :raises BadInput: when the rows do not give so many folds.
    """
    if plan["kind"] == TIME:
        return _by_time(frame[time_column], plan["n"])
    selection = load("sklearn.model_selection", "scikit-learn")
    groups = None
    if plan["kind"] == GROUP:
        if plan["column"] not in frame.columns:
            raise BadInput(f"search.folds.column {plan['column']!r} is no column of the training rows.")
        groups = frame[plan["column"]].astype("string").fillna("").to_numpy()
        splitter = selection.GroupKFold(n_splits=plan["n"])
    else:
        kind = selection.KFold if task == REGRESSION else selection.StratifiedKFold
        splitter = kind(n_splits=plan["n"], shuffle=True, random_state=seed)
    try:
        return list(splitter.split(frame, labels, groups))
    except ValueError as err:
        raise BadInput(f"The training rows cannot be split into {plan['n']} folds: {str(err)[:200]}") from err


def _by_time(times: pd.Series[Any], number: int) -> list[Fold]:
    """Cut the rows into blocks of time: each fold scores one and is fitted on all before it; no moment is divided."""
    numpy = load("numpy", "parquet")
    placed = times.reset_index(drop=True).sort_values(kind="stable", na_position="first")
    order, values = placed.index.to_numpy(), placed.to_numpy()
    wanted = [round(len(order) * part / (number + 1)) for part in range(1, number + 1)]
    edges = [int((values == values[edge]).argmax()) for edge in wanted if edge < len(order)] + [len(order)]
    if len(edges) <= number or edges[0] == 0 or len(set(edges)) != len(edges):
        raise BadInput(f"The training rows have too few moments for {number} folds by time: ask for fewer.")
    return [(numpy.sort(order[:edge]), numpy.sort(order[edge:until])) for edge, until in pairwise(edges)]
