"""Tests of the features: known two hours before departure, and nothing later."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from include.flights.features import FLIGHT_COLUMNS, WEATHER_TIME, flight_rows
from include.flights.source import data_folder
from include.flights.spec import CATEGORICAL, FEATURES, LABEL, NUMERIC, ROW_ID, TIME_COLUMN

AFTERWARDS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Read the raw tables; of the flights five days of March, with the change to summer time among them."""
    folder = data_folder()
    flights = pd.read_csv(folder / "flights.csv.zip")
    chosen = flights[(flights["month"] == 3) & flights["day"].between(8, 12)]
    others = {name: pd.read_csv(folder / f"{name}.csv") for name in ("weather", "planes", "airports")}
    return {"flights": chosen, **others}


@pytest.fixture(scope="module")
def rows(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Build the rows of these days."""
    return build(tables)


def build(tables: dict[str, pd.DataFrame], flights: pd.DataFrame | None = None) -> pd.DataFrame:
    """Build rows, from other flights where they are given."""
    raw = tables["flights"] if flights is None else flights
    return flight_rows(raw, weather=tables["weather"], planes=tables["planes"], airports=tables["airports"])


def test_what_happened_afterwards_changes_no_feature(tables: dict[str, pd.DataFrame], rows: pd.DataFrame) -> None:
    """Features must be the same whatever the flight did after the moment of prediction."""
    noise = np.random.default_rng(7)
    flights = tables["flights"].copy()
    for column in AFTERWARDS:
        flights[column] = flights[column] + noise.integers(30, 300, len(flights))

    changed = build(tables, flights)

    assert_frame_equal(changed.drop(columns=LABEL), rows.drop(columns=LABEL))
    assert not changed[LABEL].equals(rows[LABEL])


def test_columns_known_afterwards_are_not_even_read() -> None:
    """Only the arrival delay is read, for the label."""
    assert set(AFTERWARDS) & set(FLIGHT_COLUMNS) == {"arr_delay"}


def test_weather_that_is_observed_later_changes_no_feature(tables: dict[str, pd.DataFrame], rows: pd.DataFrame) -> None:
    """A flight of 18:00 UTC may know the report stamped 15:00, which is complete at 16:00, and no later one."""
    moment = pd.Timestamp("2013-03-09 18:00", tz="UTC")
    weather = tables["weather"].copy()
    later = pd.to_datetime(weather["time_hour"], utc=True) > moment - pd.Timedelta(hours=3)
    weather.loc[later, ["temp", "wind_speed", "visib"]] = -999.0

    changed = build({**tables, "weather": weather})

    before = rows[TIME_COLUMN] <= moment
    assert_frame_equal(changed[before], rows[before])
    assert (changed.loc[rows[TIME_COLUMN] >= moment + pd.Timedelta(hours=1), "temperature"] == -999.0).all()


def test_weather_is_known_two_hours_before_departure(rows: pd.DataFrame) -> None:
    """The newest report is used, and it is at least two hours old at departure and in these days never missing."""
    hours = (rows[TIME_COLUMN] - rows[WEATHER_TIME]).dt.total_seconds() / 3600

    assert hours.min() >= 2
    assert hours.median() < 3
    assert hours.notna().all()


def test_weather_is_that_of_the_origin(tables: dict[str, pd.DataFrame], rows: pd.DataFrame) -> None:
    """Each row holds the values of its own airport at the hour before the report was complete."""
    weather = tables["weather"].assign(hour=pd.to_datetime(tables["weather"]["time_hour"], utc=True))
    keyed = rows.assign(hour=rows[WEATHER_TIME] - pd.Timedelta(hours=1))

    joined = keyed.merge(weather[["origin", "hour", "temp", "pressure"]], on=["origin", "hour"], suffixes=("", "_raw"))

    assert len(joined) == len(rows)
    assert (joined["temperature"] == joined["temp"]).all()
    assert joined["pressure"].equals(joined["pressure_raw"])


def test_old_weather_is_null(tables: dict[str, pd.DataFrame]) -> None:
    """A report from days ago says nothing: the features are null, the flight stays."""
    weather = tables["weather"]
    ancient = weather[weather["month"] < 3]

    rows = build({**tables, "weather": ancient})

    assert rows["temperature"].isna().all()
    assert len(rows) == len(tables["flights"])


def test_block_time_knows_time_zones_and_summer_time(rows: pd.DataFrame) -> None:
    """Los Angeles is six hours away, Boston one, San Juan four; the night of the clock change is no exception."""
    typical = rows.groupby("dest")["block_minutes"].median()
    san_juan = rows[rows["dest"] == "SJU"].groupby(rows[TIME_COLUMN].dt.date)["block_minutes"].median()

    assert 360 < typical["LAX"] < 400
    assert 60 < typical["BOS"] < 90
    assert san_juan.between(220, 260).all()
    assert rows["block_minutes"].between(40, 720).all()


def test_departures_in_the_hour_are_counted_from_the_schedule(
    tables: dict[str, pd.DataFrame], rows: pd.DataFrame
) -> None:
    """The count is that of the timetable at the origin, cancelled flights included."""
    flights = tables["flights"]
    one_hour = (flights["origin"] == "LGA") & (flights["day"] == 8) & (flights["hour"] == 8)

    counted = rows.loc[
        (rows["origin"] == "LGA") & (rows[TIME_COLUMN].dt.strftime("%dT%H") == "08T13"), "departures_in_hour"
    ]

    assert (counted == one_hour.sum()).all()


def test_label_is_fifteen_minutes_late_or_null(tables: dict[str, pd.DataFrame], rows: pd.DataFrame) -> None:
    """Fifteen minutes is late, fourteen is not, and a flight that never arrived is neither."""
    delay = tables["flights"]["arr_delay"]

    assert rows[LABEL].sum() == (delay >= 15).sum()
    assert rows[LABEL].isna().sum() == delay.isna().sum() > 0
    assert set(rows[LABEL].dropna()) == {0.0, 1.0}


def test_rows_are_in_canonical_order_whatever_the_order_of_the_file(
    tables: dict[str, pd.DataFrame], rows: pd.DataFrame
) -> None:
    """Row order changes every model, so it comes from the keys."""
    shuffled = tables["flights"].sample(frac=1, random_state=3)

    assert_frame_equal(build(tables, shuffled), rows)
    assert rows[[TIME_COLUMN, ROW_ID]].apply(tuple, axis=1).is_monotonic_increasing


def test_dtypes_are_plain(rows: pd.DataFrame) -> None:
    """What every reader of Parquet understands: doubles, texts and microseconds in UTC."""
    dtypes = {column: str(dtype) for column, dtype in rows.dtypes.items()}

    assert {dtypes[column] for column in (*NUMERIC, LABEL)} == {"float64"}
    assert {dtypes[column] for column in (*CATEGORICAL, ROW_ID)} == {"object"}
    assert {dtypes[column] for column in (TIME_COLUMN, WEATHER_TIME)} == {"datetime64[us, UTC]"}
    assert list(rows.columns) == [ROW_ID, TIME_COLUMN, *FEATURES, WEATHER_TIME, LABEL]
