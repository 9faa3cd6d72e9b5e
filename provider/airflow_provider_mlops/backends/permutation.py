"""Permutation importance: how much worse a model does when one feature's values are dealt out anew.

Both models get the same rows and the same permutations, so that the change between them is paired. Each feature's
permutations derive from its own name: adding a column changes no other feature's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.seeds import derive_seed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[np.float64]

# Proper scores: none of them can be improved by saying anything but what one believes.
LOSSES: Mapping[str, Sequence[str]] = {
    "binary": ("log_loss", "brier"),
    "multiclass": ("multiclass_log_loss",),
    "regression": ("rmse",),
}
_TINY = 1e-15
# Permuted rows are scored in blocks, so that wide frames of many repeats stay small.
_BLOCK_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Explained:
    """A model and the rows that it is explained on.

    :param estimator: fitted estimator.
    :param features: its feature rows, in its order of columns.
    """

    estimator: Any
    features: pd.DataFrame


def loss_named(task: str, metric: str | None) -> str:
    """Return the loss that importance is measured by.

    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param metric: its name, None for the first of the task.
    :return: the name.
    :raises BadInput: when the task is unknown or has no such loss.
    """
    if task not in LOSSES:
        raise BadInput(f"The task is {task!r}; it must be one of: {', '.join(LOSSES)}.")
    if metric is not None and metric not in LOSSES[task]:
        raise BadInput(f"Importance of a {task} model cannot be measured by {metric!r}, only by {_or(LOSSES[task])}.")
    return metric or LOSSES[task][0]


def permutation_importance(
    models: Mapping[str, Explained], labels: Array, *, task: str, metric: str, seed: int, repeats: int
) -> dict[str, dict[str, list[float]]]:
    """Measure each feature of each model.

    :param models: models by role; their rows are the same cases in the same order.
    :param labels: label of each row: 0 or 1, the index of the class, or the value.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param metric: name of the loss, one of `LOSSES`.
    :param seed: seed of the permutations.
    :param repeats: permutations of each feature.
    :return: by role and feature, mean and standard deviation over the repeats of the loss that the permutation adds.
    :raises BadInput: when a model cannot score its rows, or a label is none of the task's.
    """
    _check_labels(labels, task)
    measure = _loss(task, metric)
    with load("threadpoolctl", "scikit-learn").threadpool_limits(1):
        return {
            role: _importance_of(model, labels, measure, predictor(model.estimator, task), seed, repeats)
            for role, model in models.items()
        }


def predictor(estimator: Any, task: str) -> Callable[[pd.DataFrame], Array]:
    """Return what a model says about rows, as finite numbers.

    :param estimator: fitted estimator.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :return: a function of feature rows: probability of the positive class, of each class, or the value.
    """
    numpy = load("numpy", "parquet")

    def predict(features: pd.DataFrame) -> Array:
        try:
            found = estimator.predict(features) if task == "regression" else estimator.predict_proba(features)
        except (AttributeError, ValueError, KeyError, TypeError) as err:
            raise BadInput(f"The model cannot score the rows that explain it: {str(err)[:300]}") from err
        scores: Array = numpy.asarray(found, dtype="float64")
        if not numpy.isfinite(scores).all():
            raise BadInput(f"The model gave {int((~numpy.isfinite(scores)).sum()):,} scores that are not numbers.")
        return scores[:, 1] if task == "binary" else scores

    return predict


def _check_labels(labels: Array, task: str) -> None:
    numpy = load("numpy", "parquet")
    fits = numpy.isfinite(labels)
    if task == "binary":
        fits = (labels == 0) | (labels == 1)
    elif task == "multiclass":
        fits &= (labels >= 0) & (labels == numpy.floor(labels))
    if not fits.all():
        wanted = {"binary": "0 or 1", "multiclass": "the index of a class"}.get(task, "a finite number")
        raise BadInput(f"{int((~fits).sum()):,} labels of the rows that explain the model are not {wanted}.")


def _importance_of(
    model: Explained,
    labels: Array,
    measure: Callable[[Array, Array], Array],
    predict: Callable[[pd.DataFrame], Array],
    seed: int,
    repeats: int,
) -> dict[str, list[float]]:
    numpy = load("numpy", "parquet")
    base = float(measure(labels, predict(model.features)[None])[0])
    found = {}
    for name in model.features.columns:
        random = numpy.random.default_rng(derive_seed(str(seed), "permutation", str(name)))
        orders = [random.permutation(len(labels)) for _ in range(repeats)]
        losses = [
            measure(labels, _permuted_scores(model.features, name, block, predict))
            for block in _blocks(orders, max(1, _BLOCK_ROWS // max(1, len(labels))))
        ]
        added = numpy.concatenate(losses) - base
        found[str(name)] = [float(added.mean()), float(added.std(ddof=1)) if repeats > 1 else 0.0]
    return found


def _permuted_scores(
    features: pd.DataFrame, name: str, orders: Sequence[Any], predict: Callable[[pd.DataFrame], Array]
) -> Array:
    """Score the rows once per order of one column, in a single call."""
    numpy, pandas = load("numpy", "parquet"), load("pandas", "parquet")
    repeated = pandas.concat([features] * len(orders), ignore_index=True)
    repeated[name] = features[name].take(numpy.concatenate(orders)).array
    scores = predict(repeated)
    return scores.reshape(len(orders), len(features), *scores.shape[1:])


def _blocks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _loss(task: str, metric: str) -> Callable[[Array, Array], Array]:
    """Return the loss as a function of labels and of scores with one repeat along the first axis."""
    numpy = load("numpy", "parquet")

    def log_loss(labels: Array, scores: Array) -> Array:
        said = numpy.where(labels == 1, scores, 1 - scores)
        found: Array = -numpy.log(numpy.clip(said, _TINY, 1)).mean(axis=1)
        return found

    def brier(labels: Array, scores: Array) -> Array:
        found: Array = ((scores - labels) ** 2).mean(axis=1)
        return found

    def multiclass_log_loss(labels: Array, scores: Array) -> Array:
        if labels.max() >= scores.shape[2]:
            raise BadInput(
                f"Label {int(labels.max())} is not the index of one of the model's {scores.shape[2]} classes."
            )
        said = scores[:, numpy.arange(len(labels)), labels.astype("int64")]
        found: Array = -numpy.log(numpy.clip(said, _TINY, 1)).mean(axis=1)
        return found

    def rmse(labels: Array, scores: Array) -> Array:
        found: Array = numpy.sqrt(((scores - labels) ** 2).mean(axis=1))
        return found

    losses = {"log_loss": log_loss, "brier": brier, "multiclass_log_loss": multiclass_log_loss, "rmse": rmse}
    return losses[loss_named(task, metric)]


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)
