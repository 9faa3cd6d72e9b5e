"""SHAP values of any model: mean size of what each feature adds to a prediction, on a small sample."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.backends.permutation import Explained, predictor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

METRIC = "mean_abs_shap"
ROWS = 100
BACKGROUND_ROWS = 30


def shap_importance(models: Mapping[str, Explained], *, task: str, seed: int) -> dict[str, dict[str, list[float]]]:
    """Explain each model on the same rows, with other rows as the background; which ones, the seed decides.

    :param models: models by role; their rows are the same cases in the same order. `ROWS` of them are explained
        against `BACKGROUND_ROWS` others.
    :param task: ``binary`` (in probability of the positive class), ``multiclass`` (mean over the classes) or
        ``regression`` (in the unit of the label).
    :param seed: seed of the rows and of the feature orders that are tried.
    :return: by role and feature, mean and standard deviation over the rows of the absolute SHAP value.
    :raises MissingBackend: when shap is not installed.
    """
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # its colours, on import
        shap = load("shap", "shap")
    random = load("numpy", "parquet").random
    before = random.get_state()
    try:
        with load("threadpoolctl", "scikit-learn").threadpool_limits(1), quiet():
            return {role: _explain(shap, model, task, seed) for role, model in models.items()}
    finally:
        # shap seeds the generator that all of the process shares.
        random.set_state(before)


def explained_rows(rows: int) -> int:
    """Return how many of the rows are explained; at most half, since the others are the background.

    :param rows: rows at hand.
    """
    return min(ROWS, max(1, rows // 2))


def _explain(shap: Any, model: Explained, task: str, seed: int) -> dict[str, list[float]]:
    numpy = load("numpy", "parquet")
    rows = model.features
    # shap wants numbers: each value is shown to it as its position, and looked up again before the model sees it.
    order = numpy.random.default_rng(seed).permutation(len(rows)).astype("float64")
    positions = numpy.tile(order[:, None], (1, rows.shape[1]))
    explained = explained_rows(len(rows))
    # A single row is its own background: nothing about it can be told.
    background = positions[explained : explained + BACKGROUND_ROWS] if len(rows) > 1 else positions
    predict = predictor(model.estimator, task)

    def of_positions(codes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        taken = {name: rows[name].array.take(codes[:, i].astype("int64")) for i, name in enumerate(rows.columns)}
        return predict(load("pandas", "parquet").DataFrame(taken, columns=rows.columns))

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.explainers.Permutation(of_positions, masker, seed=seed % 2**32)
    values = explainer(positions[:explained], max_evals=2 * rows.shape[1] + 1, silent=True).values
    sizes = numpy.abs(values)
    if sizes.ndim == 3:  # rows, features, classes
        sizes = sizes.mean(axis=2)
    spread = sizes.std(axis=0, ddof=1) if explained > 1 else numpy.zeros(rows.shape[1])
    return {
        str(name): [float(mean), float(sd)]
        for name, mean, sd in zip(rows.columns, sizes.mean(axis=0), spread, strict=True)
    }
