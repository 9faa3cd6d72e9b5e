"""Parquet files that Spark reads: the id that reading them without Spark gives."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends.arrow_types import arrow_types
from airflow_provider_mlops.backends.parquet import write_snapshot, write_snapshot_files
from airflow_provider_mlops.backends.spark_parquet import spark_tables
from airflow_provider_mlops.core.errors import BadInput

pytestmark = pytest.mark.usefixtures("local_spark")
ROWS = 300
_AT = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)


def table() -> pa.Table:
    """Rows of many types, in no order, with nulls, NaN, minus zero and times before 1970."""
    spread = [(n * 7) % ROWS for n in range(ROWS)]
    columns: dict[str, Any] = {
        "row_id": pa.array(spread, pa.int64()),
        "a.b `c`": pa.array([n / 3 if n % 7 else float("nan") for n in spread], pa.float64()),
        "x": pa.array([None if n % 5 == 0 else -0.0 if n % 3 == 0 else n / 7 for n in spread], pa.float32()),
        "dup": pa.array([f"é{n % 4}" if n % 9 else None for n in spread]).dictionary_encode(),
        "large": pa.array([f"t{n}" for n in spread], pa.large_string()),
        "raw": pa.array([bytes([n % 256]) for n in spread], pa.binary()),
        "ok": pa.array([n % 2 == 0 if n % 11 else None for n in spread], pa.bool_()),
        "at": pa.array([_AT - dt.timedelta(days=365 * n) for n in spread], pa.timestamp("us", "UTC")),
        "milli": pa.array([n * 1000 for n in spread], pa.timestamp("ms")),
        "nano": pa.array([n + 1 for n in spread], pa.timestamp("ns", "UTC")),
        "day": pa.array([_AT.date()] * ROWS, pa.date32()),
        "amount": pa.array([Decimal(n) / 100 for n in spread], pa.decimal128(12, 2)),
        "items": pa.array([[n, None] if n % 3 else None for n in spread], pa.list_(pa.int32())),
        "both": pa.array([{"k": n, "v": str(n)} for n in spread]),
    }
    for width in (8, 16, 32):
        columns[f"i{width}"] = pa.array([n % 100 for n in spread], f"int{width}")
        columns[f"u{width}"] = pa.array([n % 100 for n in spread], f"uint{width}")
    columns["u64"] = pa.array([(1 << 63) + n for n in spread], pa.uint64())
    return pa.table(columns)


def files(folder: Path) -> list[Path]:
    """Write the rows as two files of several row groups, under names that are patterns."""
    found = [folder / "a[1].parquet", folder / "b {x,y}.parquet"]
    pq.write_table(table().slice(0, 180), found[0], row_group_size=50)
    pq.write_table(table().slice(180), found[1], row_group_size=70)
    return found


def test_same_id_as_without_spark(tmp_path: Path) -> None:
    """Order, types and values are those of the files."""
    source = tmp_path / "source"
    source.mkdir()
    found = files(source)
    for name in ("copied", "spark"):
        (tmp_path / name).mkdir()
    copied = write_snapshot_files(found, tmp_path / "copied", {}, "at")
    spark = write_snapshot(spark_tables(found, {}), tmp_path / "spark", {}, "at")
    differ = [a["name"] for a, b in zip(copied["columns"], spark["columns"], strict=True) if a["digest"] != b["digest"]]
    assert not differ
    assert spark["snapshot_id"] == copied["snapshot_id"]
    assert spark["time_range"] == copied["time_range"]


def test_stated_types(tmp_path: Path) -> None:
    """They are cast to as without Spark; a column that is missing is named."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"x": [1, 2]}), path)
    (found,) = spark_tables([path], arrow_types({"x": "float64"}))
    assert found.schema.field("x").type == pa.float64()
    with pytest.raises(BadInput, match="has no column 'y'"):
        list(spark_tables([path], arrow_types({"y": "float64"})))


def test_files_that_are_not_what_they_must_be(tmp_path: Path) -> None:
    """What is no Parquet, differs, or has a type that Spark does not know, is named."""
    good, bad, other, odd = (tmp_path / f"{name}.parquet" for name in ("good", "bad", "other", "odd"))
    pq.write_table(pa.table({"x": [1]}), good)
    bad.write_bytes(b"PAR1")
    pq.write_table(pa.table({"x": ["1"]}), other)
    with pytest.raises(BadInput, match=r"bad\.parquet is not a Parquet file"):
        list(spark_tables([good, bad], {}))
    with pytest.raises(BadInput, match=r"other\.parquet has not the columns of .*good\.parquet: column 'x' is string"):
        list(spark_tables([good, other], {}))
    pq.write_table(pa.table({"x": pa.array([1], pa.time64("ns"))}), odd)
    with pytest.raises(BadInput, match=r"Spark cannot read .*odd\.parquet|which Spark gives as"):
        list(spark_tables([odd], {}))
