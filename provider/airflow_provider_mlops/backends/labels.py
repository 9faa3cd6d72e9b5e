"""Labels of each task as the models learn them: 0 and 1, the index of a class, or a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import BINARY, MULTICLASS

if TYPE_CHECKING:
    import pandas as pd

MIN_CLASS_ROWS = 2
_SHOWN = 10


def encode_labels(
    labels: pd.Series[Any], name: str, task: str, classes: Sequence[str] | Sequence[int] | None = None
) -> pd.Series[Any]:
    """Turn labels into what a model of the task learns.

    :param labels: the labels, without nulls.
    :param name: name of the column, for the error message.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param classes: the classes of a multiclass label, in order; None for those of these labels.
    :return: int64: 0, 1 or the index of the class; float64 for regression.
    :raises BadInput: when a label is not one of the task, or of a class that the model does not know.
    """
    if task == BINARY:
        return _binary(labels, name)
    if task == MULTICLASS:
        return _indices(labels, name, classes_of(labels, name) if classes is None else classes)
    return _numbers(labels, name)


def classes_of(labels: pd.Series[Any], name: str) -> list[str] | list[int]:
    """List the classes among labels, sorted: numbers by size, texts by their characters.

    :param labels: the labels, without nulls.
    :param name: name of the column, for the error message.
    :return: the classes.
    :raises BadInput: when they are neither all text nor all whole numbers.
    """
    found = [_class(value) for value in labels.unique()]
    texts = sorted({value for value in found if isinstance(value, str)})
    numbers = sorted({value for value in found if isinstance(value, int)})
    if texts and numbers:
        raise BadInput(
            f"Label column {name!r} mixes text ({texts[0]!r}) and numbers ({numbers[0]!r}); use one of them."
        )
    if None in found:
        odd = next(value for value in labels.unique() if _class(value) is None)
        raise BadInput(f"Label column {name!r} holds {odd!r}; classes are text or whole numbers.")
    return texts or numbers


def check_enough(labels: pd.Series[Any], task: str) -> None:
    """Refuse labels from which nothing can be learned.

    :param labels: as `encode_labels` gives them.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :raises BadInput: when there is one class only, a class has a single row, or every number is the same.
    """
    counts = labels.value_counts()
    if task == BINARY and (len(counts) < 2 or counts.min() < MIN_CLASS_ROWS):
        raise BadInput(f"The training rows hold one class only ({dict(counts)}); a classifier needs both 0 and 1.")
    if len(counts) < 2:
        raise BadInput(f"The label is the same in all {len(labels):,} training rows; there is nothing to learn.")
    if task == MULTICLASS and counts.min() < MIN_CLASS_ROWS:
        raise BadInput(
            f"The class with the index {counts.idxmin()} has one training row, at least {MIN_CLASS_ROWS} are needed; "
            "merge it with another class or leave its rows out."
        )


def _class(value: Any) -> str | int | None:
    """Read one class: text, or a whole number in whatever form the column has it."""
    if isinstance(value, str):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(value) if math.isfinite(number) and number == int(number) else None


def _indices(labels: pd.Series[Any], name: str, classes: Sequence[str] | Sequence[int]) -> pd.Series[Any]:
    index = {value: position for position, value in enumerate(classes)}
    found = {value: index.get(_class(value)) for value in labels.unique()}
    unknown = [value for value, position in found.items() if position is None]
    if unknown:
        known = ", ".join(map(repr, classes[:_SHOWN]))
        raise BadInput(f"Label column {name!r} holds {unknown[0]!r}, which is none of the model's classes: {known}.")
    return labels.map(found).astype("int64")


def _numbers(labels: pd.Series[Any], name: str) -> pd.Series[Any]:
    wrong = BadInput(f"Label column {name!r} has the type {labels.dtype}; a regression needs finite numbers.")
    if labels.dtype.kind not in "biuf" and any(isinstance(value, str) for value in labels.unique()):
        raise wrong
    try:
        values = labels.astype("float64")
    except (TypeError, ValueError):
        raise wrong from None
    odd = values[values.abs() == math.inf]
    if len(odd):
        raise BadInput(f"Label column {name!r} holds {odd.iloc[0]!r}; a regression needs finite numbers.")
    return values


def _binary(labels: pd.Series[Any], name: str) -> pd.Series[Any]:
    wrong = BadInput(f"Label column {name!r} has the type {labels.dtype}; it must be 0/1 or boolean.")
    if any(isinstance(value, str) for value in labels.unique()):
        raise wrong
    try:
        values = labels.astype("float64")
    except (TypeError, ValueError):
        raise wrong from None
    odd = values[~values.isin((0.0, 1.0))]
    if len(odd):
        raise BadInput(f"Label column {name!r} holds {odd.iloc[0]!r}; only 0 and 1 (or null: unknown) are labels.")
    return values.astype("int64")
