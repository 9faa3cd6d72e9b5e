"""What is known of a flight two hours before its scheduled departure, and whether it came late.

The traps of these tables, and what is done about them:

- ``dep_time``, ``dep_delay``, ``arr_time`` and ``air_time`` are known afterwards: they are never read.
- A weather row that is stamped 10:00 holds the first report between 10:00 and 10:51, and the rain of that whole hour.
  It counts as known from 11:00 on, and must be known two hours before departure: it is at least three hours old.
- Scheduled times are local, without a zone; ``time_hour`` is the scheduled hour in UTC, so summer time needs no care.
- The aircraft is the one that flew. It is taken as assigned two hours before; some cancelled flights have none.
"""

import pandas as pd

from include.flights.spec import (
    CATEGORICAL,
    FEATURES,
    KNOWN_AT,
    KNOWN_BEFORE_DEPARTURE_HOURS,
    LABEL,
    LATE_AFTER_MINUTES,
    NUMERIC,
    ROW_ID,
    TIME_COLUMN,
)

# ``arr_delay`` is read for the label alone.
FLIGHT_COLUMNS = (
    "year",
    "month",
    "day",
    "sched_dep_time",
    "sched_arr_time",
    "arr_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "distance",
    "minute",
    "time_hour",
)
WEATHER_COLUMNS = {
    "temp": "temperature",
    "dewp": "dew_point",
    "humid": "humidity",
    "wind_dir": "wind_direction",
    "wind_speed": "wind_speed",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}
WEATHER_TIME = "weather_known_at"

# Destinations that the table of airports does not hold: Puerto Rico and the Virgin Islands.
_MORE_TIME_ZONES = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
_HOME_TIME_ZONE = "America/New_York"
_HOUR = pd.Timedelta(hours=1)
_MINUTES_OF_DAY = 24 * 60
# A report that is older says nothing about the weather; a gap is then a null.
_OLDEST_WEATHER = pd.Timedelta(hours=6)


def scheduled_departure(flights: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Return the scheduled departure of each flight, in UTC.

    :param flights: raw flights with ``time_hour`` (the scheduled hour in UTC) and ``minute``.
    :return: timezone-aware timestamps.
    """
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    return hour + pd.to_timedelta(flights["minute"], unit="min")


def flight_rows(
    flights: pd.DataFrame, *, weather: pd.DataFrame, planes: pd.DataFrame, airports: pd.DataFrame
) -> pd.DataFrame:
    """Turn raw flights into rows of key, time, features and label.

    :param flights: raw flights, complete for every hour that they touch (departures of an hour are counted in them).
    :param weather: raw hourly weather of the origins.
    :param planes: raw aircraft by tail number.
    :param airports: raw airports with their time zone.
    :return: one row per flight, ordered by scheduled departure and row id; plain dtypes, and ``late`` is 1.0, 0.0, or
        null for a flight that was cancelled or diverted.
    """
    rows = flights.assign(**{TIME_COLUMN: scheduled_departure(flights)})
    rows[ROW_ID] = _row_id(rows)
    rows = rows.sort_values([TIME_COLUMN, ROW_ID], ignore_index=True)
    rows["minute_of_day"] = _minutes_of_clock(rows["sched_dep_time"])
    rows["weekday"] = rows[TIME_COLUMN].dt.tz_convert(_HOME_TIME_ZONE).dt.weekday
    rows["departures_in_hour"] = rows.groupby(["origin", "time_hour"])[ROW_ID].transform("size")
    rows["block_minutes"] = _block_minutes(rows, airports)
    rows = _with_aircraft(rows, planes)
    rows = _with_weather(rows, weather)
    rows[LABEL] = _late(rows)
    # Microseconds, since not every reader of Parquet knows nanoseconds.
    rows[[TIME_COLUMN, WEATHER_TIME]] = rows[[TIME_COLUMN, WEATHER_TIME]].astype("datetime64[us, UTC]")
    rows[list(NUMERIC)] = rows[list(NUMERIC)].astype("float64")
    rows[list(CATEGORICAL)] = rows[list(CATEGORICAL)].astype(object)
    return rows[[ROW_ID, TIME_COLUMN, *FEATURES, WEATHER_TIME, LABEL]]


def label_rows(flights: pd.DataFrame, *, airports: pd.DataFrame) -> pd.DataFrame:
    """Say of raw flights whether they came late, and when that was known: at arrival, or when they should have arrived.

    :param flights: raw flights.
    :param airports: raw airports with their time zone.
    :return: row id, label (null for a flight that was cancelled or diverted) and ``known_at``, in the order of
        `flight_rows`.
    """
    rows = flights.assign(**{TIME_COLUMN: scheduled_departure(flights)})
    rows[ROW_ID] = _row_id(rows)
    rows = rows.sort_values([TIME_COLUMN, ROW_ID], ignore_index=True)
    minutes = _block_minutes(rows, airports).fillna(0) + rows["arr_delay"].fillna(0).clip(lower=0)
    known_at = (rows[TIME_COLUMN] + pd.to_timedelta(minutes, unit="min")).astype("datetime64[us, UTC]")
    return pd.DataFrame({ROW_ID: rows[ROW_ID], LABEL: _late(rows), KNOWN_AT: known_at})


def _late(rows: pd.DataFrame) -> "pd.Series[float]":
    late = (rows["arr_delay"] >= LATE_AFTER_MINUTES).astype("float64")
    return late.where(rows["arr_delay"].notna())


def _row_id(rows: pd.DataFrame) -> "pd.Series[str]":
    """Return the key of a flight: local date, origin, carrier and flight number, as in ``2013-01-31-EWR-UA1545``."""
    day = pd.to_datetime(rows[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    return day + "-" + rows["origin"] + "-" + rows["carrier"] + rows["flight"].astype(str)


def _block_minutes(rows: pd.DataFrame, airports: pd.DataFrame) -> "pd.Series[float]":
    """Return the scheduled minutes from gate to gate; both ends of the schedule are in their own local time."""
    zones = dict(zip(airports["faa"], airports["tzone"], strict=True)) | _MORE_TIME_ZONES
    zone = rows["dest"].map(zones)
    ahead = pd.Series(float("nan"), index=rows.index)
    for name, group in rows[TIME_COLUMN].groupby(zone):
        ahead[group.index] = _minutes_of_offset(group, str(name)) - _minutes_of_offset(group, _HOME_TIME_ZONE)
    arrival = _minutes_of_clock(rows["sched_arr_time"])
    return (arrival - _minutes_of_clock(rows["sched_dep_time"]) - ahead) % _MINUTES_OF_DAY


def _minutes_of_clock(clock: "pd.Series[int]") -> "pd.Series[int]":
    """Return the minute of the day of a clock time that is written as a number: 1730 is 17:30."""
    return clock // 100 * 60 + clock % 100


def _minutes_of_offset(times: "pd.Series[pd.Timestamp]", zone: str) -> "pd.Series[float]":
    local = times.dt.tz_convert(zone).dt.tz_localize(None)
    return (local - times.dt.tz_localize(None)).dt.total_seconds() / 60


def _with_aircraft(rows: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Add age and seats of the aircraft; null where its tail number is unknown, as for most of two carriers."""
    aircraft = planes.set_index("tailnum")
    built = rows["tailnum"].map(aircraft["year"])
    return rows.assign(aircraft_age=rows["year"] - built, seats=rows["tailnum"].map(aircraft["seats"]))


def _with_weather(rows: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Add the newest report of the origin that is known two hours before departure."""
    known_at = pd.to_datetime(weather["time_hour"], utc=True) + _HOUR
    reports = weather.rename(columns=WEATHER_COLUMNS).assign(**{WEATHER_TIME: known_at})
    reports = reports[["origin", WEATHER_TIME, *WEATHER_COLUMNS.values()]].sort_values(WEATHER_TIME, kind="stable")
    decided_at = rows[TIME_COLUMN] - KNOWN_BEFORE_DEPARTURE_HOURS * _HOUR
    joined = pd.merge_asof(
        rows.assign(decided_at=decided_at),
        reports,
        left_on="decided_at",
        right_on=WEATHER_TIME,
        by="origin",
        direction="backward",
        tolerance=_OLDEST_WEATHER,
    )
    return joined.drop(columns="decided_at")
