"""Datasets and training functions of every task, in small."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression

from airflow_provider_mlops.core.partition import Partition
from tests.support.synthetic import rows_of

KINDS = ("car", "ship", "train")


def with_kinds(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month whose label is one of three words, a tenth unknown."""
    rows = rows_of(partition.key)
    codes = np.digitize(rows["signal"] + 0.3 * rows["noise"], [-0.5, 0.5])
    yield rows.assign(late=pd.Series(np.asarray(KINDS)[codes], dtype=object).where(rows["late"].notna(), None))


def with_minutes(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month whose label is a number, a tenth unknown."""
    rows = rows_of(partition.key)
    yield rows.assign(late=(10 * rows["signal"] + rows["noise"]).where(rows["late"].notna()))


def newest_without_positives(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month whose last days have one class only."""
    rows = rows_of(partition.key)
    yield rows.assign(late=rows["late"].where(rows.index < 500, 0.0))


def fit_kinds(features: pd.DataFrame, labels: pd.Series, *, seed: int) -> Any:
    """Fit a classifier of any number of classes."""
    return LogisticRegression(random_state=seed).fit(features, labels)


def fit_minutes(features: pd.DataFrame, labels: pd.Series, *, seed: int) -> Any:
    """Fit a regression."""
    return LinearRegression().fit(features, labels)
