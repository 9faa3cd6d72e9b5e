"""Datasets and a training function by which evaluations are tried: a text feature, weights, entities, a leak."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from airflow_provider_mlops.core.partition import Partition
from tests.support.synthetic import FEATURES, rows_of

GROUPED = [*FEATURES, "group"]


def told_more(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month with weights of every kind, and what each row is about."""
    rows = rows_of(partition.key)
    weight = 1.0 + (rows.index % 3)
    yield rows.assign(
        weight=weight,
        gaps=weight.where(rows.index != 5),
        negative=weight.where(rows.index != 5, -1),
        nothing=0.0,
        customer=[f"c{number % 20}" for number in rows.index],
        machine=[f"{partition.key}/{number % 20}" for number in rows.index],
        happened=rows["late"].fillna(0.0) * 2,
    )


def train_grouped(features: pd.DataFrame, labels: pd.Series, *, seed: int) -> Pipeline:
    """Fit a model in which the group counts as much as the signal."""
    encoded = ColumnTransformer([("group", OneHotEncoder(handle_unknown="ignore"), ["group"])], remainder="passthrough")
    model = make_pipeline(encoded, LogisticRegression(random_state=seed)).fit(features, labels)
    model[-1].coef_ = np.array([[2.0, -2.0, 2.0, 0.0]])
    return model
