"""Learning on: a fitted estimator gets new rows in batches of a recorded size, by its own ``partial_fit``."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import REGRESSION

if TYPE_CHECKING:
    import pandas as pd

MOST_SAVED = 20
"""How often the state is saved at most, however many batches there are."""


class Saving(Protocol):
    """Where the state between two batches is kept."""

    def load(self) -> Any:
        """Return what was saved last, with its ``step`` and ``state``; None for nothing."""

    def save(self, state: Any, step: int) -> None:
        """Keep a state."""


def check_partial_fit(estimator: Any, who: str) -> None:
    """Refuse an estimator that cannot learn on.

    :param estimator: the fitted estimator.
    :param who: what it is, for the error.
    :raises BadInput: when it has no ``partial_fit``.
    """
    if not callable(getattr(estimator, "partial_fit", None)):
        raise BadInput(
            f"{who} is a {type(estimator).__name__}, which has no partial_fit. Use one that has (SGDClassifier, "
            "MLPClassifier, GaussianNB, ...), or train in full (fit='full')."
        )


def fit_in_batches(
    base: Any,
    features: pd.DataFrame,
    labels: pd.Series[Any],
    *,
    batch_rows: int,
    task: str,
    saving: Saving | None = None,
) -> Any:
    """Learn new rows in their order, on one thread; a killed call goes on where its state was saved last.

    :param base: the fitted estimator; it is left as it is.
    :param features: feature rows, in canonical order.
    :param labels: their labels, as `scikit_learn.split_features` gives them.
    :param batch_rows: rows of a batch; the last one may have fewer.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param saving: where the state between batches is kept; None to keep none.
    :return: the estimator that has learned them.
    :raises BadInput: when the estimator cannot learn on, does not know a class, or refuses the rows.
    """
    check_partial_fit(base, "The base")
    if task != REGRESSION:
        _check_classes(getattr(base, "classes_", None), labels)
    last = math.ceil(len(features) / batch_rows)
    every = math.ceil(last / MOST_SAVED)
    saved = saving.load() if saving is not None else None
    # What was saved is a state of this very loop: as many batches in, of the same rows.
    estimator, done = (copy.deepcopy(base), 0) if saved is None else (saved.state, saved.step)
    with load("threadpoolctl", "scikit-learn").threadpool_limits(1):
        for step in range(done + 1, last + 1):
            part = slice((step - 1) * batch_rows, step * batch_rows)
            _learn(estimator, features.iloc[part], labels.iloc[part])
            if saving is not None and step < last and step % every == 0:
                saving.save(estimator, step)
    return estimator


def _learn(estimator: Any, features: pd.DataFrame, labels: pd.Series[Any]) -> None:
    try:
        estimator.partial_fit(features, labels)
    except (ValueError, TypeError) as err:
        # Same rows, same state: it would say the same again.
        raise BadInput(f"The base refused new rows: {str(err)[:300]}") from err


def _check_classes(known: Sequence[Any] | None, labels: pd.Series[Any]) -> None:
    if known is None:
        raise BadInput("The base is no classifier that knows its classes_; train in full (fit='full').")
    known = [int(item) for item in known]
    if new := sorted({int(item) for item in labels.unique()} - set(known)):
        raise BadInput(
            f"The new rows hold the class {new[0]}, the base knows {known}: it cannot learn a new class. Train in full "
            "(fit='full')."
        )
