"""Reading rows of snapshots, cut by time."""

from pathlib import Path

import pandas as pd
import pytest

from airflow_provider_mlops.backends.parquet import write_snapshot
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.rows import last_time, read_rows, snapshot_path
from airflow_provider_mlops.hooks.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder."""
    return Storage(str(tmp_path))


def keep(storage: Storage, frame: pd.DataFrame, time_column: str | None = "time") -> dict[str, str]:
    """Keep a frame as a snapshot of the dataset `d`."""
    with storage.staging() as folder:
        manifest = write_snapshot([frame], folder, {}, time_column)
        storage.publish(folder, snapshot_path("d", manifest["snapshot_id"]))
    return {"snapshot_id": manifest["snapshot_id"]}


def days(first: str, count: int, tz: str | None = "UTC") -> pd.DataFrame:
    """Return a row a day."""
    return pd.DataFrame({"time": pd.date_range(first, periods=count, freq="D", unit="us", tz=tz), "x": range(count)})


def test_snapshots_are_read_in_the_given_order(storage: Storage) -> None:
    """Row order is part of what is trained on."""
    first, second = keep(storage, days("2020-01-01", 2)), keep(storage, days("2020-02-01", 3))
    assert read_rows(storage, "d", [second, first])["x"].tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("tz", ["UTC", None])
def test_cut_is_half_open(storage: Storage, tz: str | None) -> None:
    """Rows from `since` on and before `until`: no row is on both sides of a cut. Rows without a time are on neither."""
    frame = days("2020-01-01", 10, tz)
    frame.loc[9, "time"] = pd.NaT
    kept = keep(storage, frame)
    cut = f"2020-01-04T00:00:00{'+00:00' if tz else ''}"
    before = read_rows(storage, "d", [kept], time_column="time", until=cut)["x"].tolist()
    after = read_rows(storage, "d", [kept], time_column="time", since=cut)["x"].tolist()
    assert (before, after) == ([0, 1, 2], [3, 4, 5, 6, 7, 8])


def test_cut_needs_a_time_column(storage: Storage) -> None:
    """Without one, with one that is missing or one of numbers, no row is returned."""
    kept = keep(storage, days("2020-01-01", 2))
    for column in (None, "when", "x"):
        with pytest.raises(BadInput, match="Rows can be cut by time only with a time column"):
            read_rows(storage, "d", [kept], time_column=column, since="2020-01-01")


def test_nothing_left(storage: Storage) -> None:
    """A cut that leaves no row is an error with its limits."""
    kept = keep(storage, days("2020-01-01", 2))
    with pytest.raises(BadInput, match="No row of dataset 'd' is left between 2021-01-01 and the end"):
        read_rows(storage, "d", [kept], time_column="time", since="2021-01-01")


def test_last_time(storage: Storage) -> None:
    """The newest time comes from the manifest; a snapshot without a time range says how to take one."""
    assert last_time(storage, "d", keep(storage, days("2020-01-01", 5))["snapshot_id"]).startswith("2020-01-05")
    untimed = keep(storage, pd.DataFrame({"x": [1]}), None)["snapshot_id"]
    with pytest.raises(BadInput, match="states no time range; take it with time_column"):
        last_time(storage, "d", untimed)
