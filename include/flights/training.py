"""The training function of the use case: plain scikit-learn, nothing of Airflow."""

from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from include.flights.spec import CATEGORICAL, NUMERIC


def train_delay_model(features: pd.DataFrame, labels: pd.Series, *, seed: int, **params: Any) -> Pipeline:
    """Fit gradient boosted trees, with their preprocessing inside the pipeline.

    :param features: the columns of `FEATURES`; other columns are ignored, nulls are allowed.
    :param labels: 1 for a late flight, 0 for one in time; no nulls.
    :param seed: seed of the classifier; equal rows in equal order with an equal seed give an equal model.
    :param params: arguments of ``HistGradientBoostingClassifier`` over the defaults of scikit-learn.
    :return: the fitted pipeline; a carrier or airport that it has not seen counts as missing.
    """
    encode = ColumnTransformer(
        [
            ("categorical", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), list(CATEGORICAL)),
            ("numeric", "passthrough", list(NUMERIC)),
        ]
    )
    # Early stopping would hold out random rows, and rows of one day are not independent.
    settings = {"early_stopping": False, "categorical_features": list(range(len(CATEGORICAL))), **params}
    classifier = HistGradientBoostingClassifier(random_state=seed, **settings)
    return Pipeline([("encode", encode), ("classify", classifier)]).fit(features, labels.astype("int64"))
