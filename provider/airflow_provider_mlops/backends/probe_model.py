"""A small model of the same features, by scikit-learn: it shows what recent rows can teach, and is thrown away."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.scikit_learn import score
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import REGRESSION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

_EXTRA = "scikit-learn"
_LEAVES, _MAX_CATEGORIES = 15, 50
_NUMBERS = "iufb"


def scores_of_small_model(
    train: pd.DataFrame,
    labels: pd.Series[Any],
    test: pd.DataFrame,
    *,
    seed: int,
    task: str,
    model: str,
    iterations: int,
) -> npt.NDArray[np.float64]:
    """Fit a small model and score rows with it; nulls and values that it has not seen are allowed.

    :param train: the rows to learn from.
    :param labels: their labels, as the champion's task has them.
    :param test: the rows to score, of the same columns.
    :param seed: seed of the model.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param model: ``gradient_boosting`` or ``linear``.
    :param iterations: trees, or steps of the solver.
    :return: the scores of the test rows, as `backends.scikit_learn.score` gives them.
    :raises BadInput: when it cannot be fitted to these rows.
    """
    numeric = [name for name, kind in train.dtypes.items() if kind.kind in _NUMBERS]
    text = [name for name in train.columns if name not in numeric]
    pipeline = (_linear if model == "linear" else _boosting)(numeric, text, task, seed, iterations)
    convergence = load("sklearn.exceptions", _EXTRA).ConvergenceWarning
    try:
        with load("threadpoolctl", _EXTRA).threadpool_limits(1), warnings.catch_warnings():
            # What learns in few steps on purpose need not converge.
            warnings.simplefilter("ignore", convergence)
            pipeline.fit(_plain(train, numeric), labels)
    except (ValueError, TypeError) as err:
        raise BadInput(f"The probe's model cannot learn from these rows: {str(err)[:300]}") from err
    return score(pipeline, _plain(test, numeric), task)


def _plain(features: pd.DataFrame, numeric: list[Any]) -> pd.DataFrame:
    """Numbers as floats, with what is not finite as missing; everything else as text."""
    pandas, numpy = load("pandas", "parquet"), load("numpy", "parquet")
    columns = {}
    for name in features.columns:
        column = features[name]
        if name in numeric:
            values = pandas.to_numeric(column, errors="coerce").to_numpy(dtype="float64", copy=True)
            values[~numpy.isfinite(values)] = numpy.nan
            columns[name] = values
        else:
            columns[name] = column.map(str).where(column.notna(), "").to_numpy(dtype=object)
    found: pd.DataFrame = pandas.DataFrame(columns, index=features.index)
    return found


def _boosting(numeric: list[Any], text: list[Any], task: str, seed: int, iterations: int) -> Any:
    ensemble, compose = load("sklearn.ensemble", _EXTRA), load("sklearn.compose", _EXTRA)
    preprocessing, pipeline = load("sklearn.preprocessing", _EXTRA), load("sklearn.pipeline", _EXTRA)
    encode = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = compose.ColumnTransformer([("text", encode, text), ("numeric", "passthrough", numeric)])
    kind = ensemble.HistGradientBoostingRegressor if task == REGRESSION else ensemble.HistGradientBoostingClassifier
    last = kind(max_iter=iterations, max_leaf_nodes=_LEAVES, early_stopping=False, random_state=seed)
    return pipeline.make_pipeline(columns, last)


def _linear(numeric: list[Any], text: list[Any], task: str, seed: int, iterations: int) -> Any:
    compose, impute = load("sklearn.compose", _EXTRA), load("sklearn.impute", _EXTRA)
    linear, preprocessing = load("sklearn.linear_model", _EXTRA), load("sklearn.preprocessing", _EXTRA)
    pipeline = load("sklearn.pipeline", _EXTRA)
    encode = preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MAX_CATEGORIES)
    fill = impute.SimpleImputer(add_indicator=True, keep_empty_features=True)
    scaled = pipeline.make_pipeline(fill, preprocessing.StandardScaler())
    columns = compose.ColumnTransformer([("text", encode, text), ("numeric", scaled, numeric)])
    if task == REGRESSION:
        return pipeline.make_pipeline(columns, linear.Ridge())
    return pipeline.make_pipeline(columns, linear.LogisticRegression(max_iter=iterations, random_state=seed))
