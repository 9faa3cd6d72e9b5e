"""Snapshots whose rows Spark reads: the id that any other way gives."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends.parquet import read_snapshot, write_snapshot
from airflow_provider_mlops.backends.spark_session import spark_session
from airflow_provider_mlops.core.errors import BadInput

pytestmark = pytest.mark.usefixtures("local_spark")
ROWS = 500
_AT = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)


def table() -> pa.Table:
    """Rows of the types that Spark has, with nulls and NaN."""
    spread = range(ROWS)
    return pa.table(
        {
            "key": pa.array(spread, pa.int64()),
            "x": pa.array(
                [None if n % 7 == 0 else float("nan") if n % 11 == 0 else n / 3 for n in spread], pa.float64()
            ),
            "t": pa.array([None if n % 5 == 0 else f"é{n}" for n in spread], pa.string()),
            "ok": pa.array([n % 2 == 0 for n in spread], pa.bool_()),
            "at": pa.array([_AT + dt.timedelta(minutes=n) for n in spread], pa.timestamp("us", "UTC")),
            "plain": pa.array([dt.datetime(2013, 1, 1 + n % 28) for n in spread], pa.timestamp("us")),  # noqa: DTZ001
            "day": pa.array([_AT.date()] * ROWS, pa.date32()),
            "amount": pa.array([Decimal(n) / 100 for n in spread], pa.decimal128(12, 2)),
        }
    )


@pytest.fixture
def frame(tmp_path: Path) -> Any:
    """The same rows in Spark: shuffled over files."""
    folder = tmp_path / "source"
    folder.mkdir()
    shuffled = table().take(pa.array([(n * 7) % ROWS for n in range(ROWS)]))
    for number in range(4):
        pq.write_table(shuffled.slice(number * 125, 125), folder / f"{number}.parquet")
    return spark_session().read.parquet(str(folder))


def test_same_id_as_without_spark(frame: Any, tmp_path: Path) -> None:
    """The rows, sorted by their key, are the rows: the snapshot has the id of the one that pandas or Arrow gives."""
    ids = []
    for name, frames in (("arrow", [table()]), ("spark", [frame.orderBy("key")])):
        folder = tmp_path / name
        folder.mkdir()
        manifest = write_snapshot(frames, folder, {"dataset": "d", "source": name}, "at")
        ids.append((manifest["snapshot_id"], manifest["rows"], manifest["time_range"]))
        assert read_snapshot(folder, manifest["snapshot_id"]).column("key").to_pylist() == list(range(ROWS))
    assert ids[0] == ids[1]


def test_rows_without_an_order_are_refused(frame: Any, tmp_path: Path) -> None:
    """Spark gives them in another order each time; so does one that is sorted within partitions only."""
    for unsorted in (frame, frame.sortWithinPartitions("key").where("key > 3").repartition(3)):
        with pytest.raises(BadInput, match="has no order"):
            write_snapshot([unsorted], tmp_path, {"dataset": "d"})
    assert not list(tmp_path.glob("*.parquet"))
