"""Which features a candidate rests on, and what that changed against the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.seeds import derive_seed

if TYPE_CHECKING:
    import pandas as pd

    from airflow_provider_mlops.backends.permutation import Explained

PERMUTATION, SHAP = "permutation", "shap"
METHODS = (PERMUTATION, SHAP)


def explain(
    candidate_estimator: Any,
    champion_estimator: Any | None,
    features: pd.DataFrame,
    labels: Any,
    *,
    champion_features: pd.DataFrame | None = None,
    task: str = "binary",
    method: str = PERMUTATION,
    metric: str | None = None,
    seed: int = 0,
    rows: int = 2_000,
    repeats: int = 5,
) -> dict[str, Any]:
    """Measure the importance of every feature, of both models on the same rows.

    :param candidate_estimator: fitted estimator.
    :param champion_estimator: fitted estimator, None when there is no champion.
    :param features: the candidate's feature rows.
    :param labels: label of each row: 0 or 1, the index of the class in the estimator's ``classes_``, or the value.
    :param champion_features: the champion's feature rows, the same cases in the same order; default: ``features``.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param method: ``permutation`` or ``shap``.
    :param metric: the loss that permutation adds to: ``log_loss`` (default) or ``brier`` for binary,
        ``multiclass_log_loss``, ``rmse``. SHAP has none.
    :param seed: seed of the rows and the permutations.
    :param rows: rows that are drawn; all where there are fewer.
    :param repeats: permutations of each feature.
    :return: ``{"method", "metric", "rows", "repeats", "seed", "candidate", "champion", "change", "candidate_only",
        "champion_only"}``: by feature the mean and standard deviation; candidate minus champion of the shared
        features; the features that only one of them has.
    :raises BadInput: on an unknown method or metric, rows that do not pair up, or a model that cannot score them.
    :raises MissingBackend: when the method needs an extra that is not installed.
    """
    from airflow_provider_mlops.backends.permutation import Explained, loss_named, permutation_importance

    if method not in METHODS:
        raise BadInput(f"The method of importance is {method!r}; it must be one of: {', '.join(METHODS)}.")
    loss = loss_named(task, None if method == SHAP else metric)
    theirs = features if champion_features is None else champion_features
    if not 0 < len(features) == len(labels) == len(theirs) or rows < 1 or repeats < 1:
        raise BadInput(
            f"Importance needs rows that pair up and at least one repeat: {len(features)} feature rows, {len(theirs)} "
            f"of the champion, {len(labels)} labels, rows={rows}, repeats={repeats}."
        )
    drawn = _drawn(len(features), rows, seed)
    models = {"candidate": Explained(candidate_estimator, features.iloc[drawn])}
    if champion_estimator is not None:
        models["champion"] = Explained(champion_estimator, theirs.iloc[drawn])
    if method == SHAP:
        found = _shap(models, task, seed)
    else:
        truth = load("numpy", "parquet").asarray(labels, dtype="float64")[drawn]
        measured = permutation_importance(models, truth, task=task, metric=loss, seed=seed, repeats=repeats)
        found = {"metric": loss, "rows": len(drawn), "repeats": repeats, **measured}
    return {"method": method, "seed": seed, **found, **_change(found["candidate"], found.get("champion"))}


def _shap(models: dict[str, Explained], task: str, seed: int) -> dict[str, Any]:
    from airflow_provider_mlops.backends import shap

    found = shap.shap_importance(models, task=task, seed=seed)
    return {
        "metric": shap.METRIC,
        "rows": shap.explained_rows(len(models["candidate"].features)),
        "repeats": 1,
        **found,
    }


def _change(candidate: dict[str, list[float]], champion: dict[str, list[float]] | None) -> dict[str, Any]:
    theirs = champion or {}
    return {
        "champion": champion,
        "change": {name: mean - theirs[name][0] for name, (mean, _) in candidate.items() if name in theirs},
        "candidate_only": [name for name in candidate if champion is not None and name not in theirs],
        "champion_only": [name for name in theirs if name not in candidate],
    }


def _drawn(available: int, rows: int, seed: int) -> Any:
    """Choose the rows, in their own order."""
    numpy = load("numpy", "parquet")
    if available <= rows:
        return numpy.arange(available)
    random = numpy.random.default_rng(derive_seed(str(seed), "rows"))
    return numpy.sort(random.choice(available, rows, replace=False))
