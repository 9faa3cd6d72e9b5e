"""Tests of the training function: same rows and seed, same model; a model that can be stored without pickle."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import skops.io
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from airflow_provider_mlops.core.partition import Partition
from include.flights.source import read_partition
from include.flights.spec import FEATURES, LABEL, TRUSTED_TYPES
from include.flights.training import train_delay_model


@pytest.fixture(scope="module")
def february() -> pd.DataFrame:
    """Read the flights of a month that have a label."""
    (frame,) = read_partition(Partition.parse("2013-02"))
    return frame[frame[LABEL].notna()]


@pytest.fixture(scope="module")
def march() -> pd.DataFrame:
    """Read the flights of the next month that have a label."""
    (frame,) = read_partition(Partition.parse("2013-03"))
    return frame[frame[LABEL].notna()]


def train(frame: pd.DataFrame, **params: int) -> Pipeline:
    """Train on a frame."""
    return train_delay_model(frame[list(FEATURES)], frame[LABEL], seed=11, **params)


@pytest.fixture(scope="module")
def model(february: pd.DataFrame) -> Pipeline:
    """Train on February."""
    return train(february)


def scores(model: Pipeline, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the probability of a late arrival."""
    return np.asarray(model.predict_proba(frame[list(FEATURES)])[:, 1], dtype=np.float64)


def test_model_ranks_the_flights_of_the_next_month(model: Pipeline, march: pd.DataFrame) -> None:
    """Better than chance where it was not trained, and not better than is honest."""
    auc = roc_auc_score(march[LABEL], scores(model, march))

    assert 0.60 < auc < 0.85


def test_training_twice_gives_the_same_scores(model: Pipeline, february: pd.DataFrame, march: pd.DataFrame) -> None:
    """Bit by bit: an audit compares them."""
    assert np.array_equal(scores(model, march), scores(train(february), march))


def test_parameters_reach_the_classifier(february: pd.DataFrame) -> None:
    """The Dag may tune what the manifest records."""
    assert train(february, max_iter=3).named_steps["classify"].n_iter_ == 3


def test_skops_archive_holds_the_trusted_types_only(model: Pipeline, march: pd.DataFrame) -> None:
    """The list is exact, and the model that comes back scores the same."""
    archive = skops.io.dumps(model)

    assert sorted(skops.io.get_untrusted_types(data=archive)) == sorted(TRUSTED_TYPES)
    assert np.array_equal(scores(skops.io.loads(archive, trusted=list(TRUSTED_TYPES)), march), scores(model, march))


@pytest.mark.parametrize("value", ["ZZZ", None], ids=["unseen", "null"])
@pytest.mark.parametrize("column", ["carrier", "origin", "dest"])
def test_unseen_category_is_scored(model: Pipeline, march: pd.DataFrame, column: str, value: str | None) -> None:
    """A new route must not stop the predictions."""
    found = scores(model, march.head(50).assign(**{column: value}))

    assert ((found > 0) & (found < 1)).all()


def test_flights_without_weather_or_aircraft_are_scored(model: Pipeline, march: pd.DataFrame) -> None:
    """Nulls are part of the data."""
    bare = march.head(50).assign(temperature=np.nan, wind_speed=np.nan, seats=np.nan, aircraft_age=np.nan)

    assert np.isfinite(scores(model, bare)).all()
