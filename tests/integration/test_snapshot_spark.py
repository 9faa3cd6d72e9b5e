"""Snapshots that Spark takes: the ones that are there already."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.partition import Partition
from tests.conftest import MakeLab
from tests.support.lab import DATASET
from tests.support.synthetic import rows_of

pytestmark = pytest.mark.usefixtures("local_spark")


def sorted_frames(partition: Partition) -> Iterator[Any]:
    """Yield a month as Spark gives it."""
    from airflow_provider_mlops.backends.spark_session import spark_session

    frame = spark_session().createDataFrame(pa.Table.from_pandas(rows_of(partition.key), preserve_index=False))
    yield frame.orderBy("row_id")


def test_spark_finds_the_snapshot_that_was_taken_without_it(make_lab: MakeLab) -> None:
    """One id and one folder, whichever engine read the files; what each read stands in the record."""
    lab = make_lab("empty")
    rows = pa.Table.from_pandas(rows_of("2020-01"), preserve_index=False)
    (lab.root / "data").mkdir()
    for number, start in enumerate(range(0, rows.num_rows, 300)):
        pq.write_table(rows.slice(start, 300), lab.root / "data" / f"{number}.parquet", row_group_size=100)
    source = sources.files("data/*.parquet", format="parquet")
    spark = lab.run("snapshot", partition_key="2020-01", source=source, engine="spark")
    plain = lab.run("snapshot", partition_key="2020-01", source=source)
    assert spark["rows"] == rows.num_rows
    assert plain == spark
    assert lab.records("snapshot", f"dataset/{DATASET}")[0].body["engine"] == "spark"
    assert len(list((lab.storage / "snapshots" / DATASET).iterdir())) == 1


def test_functions_yield_what_they_yield(make_lab: MakeLab) -> None:
    """A function reads by itself; sorted Spark frames are rows like others."""
    lab = make_lab("empty")
    found = lab.run("snapshot", partition_key="2020-01", source=f"{__name__}:sorted_frames", engine="spark")
    assert found["rows"] == len(rows_of("2020-01"))


@pytest.mark.parametrize(
    ("source", "engine", "reason"),
    [
        (sources.sql("warehouse", "SELECT 1 ORDER BY 1"), "spark", "no JDBC driver"),
        (sources.dvc("rows.parquet.dvc"), "spark", "what DVC tracks lies on this machine"),
        (sources.files("*.yaml", format="csv"), "spark", "reads Parquet files, not csv"),
        (sources.files("*.yaml", format="csv"), "flink", "Engine 'flink' is not known"),
    ],
)
def test_what_spark_does_not_read(make_lab: MakeLab, source: dict[str, Any], engine: str, reason: str) -> None:
    """It is refused with the way out; nothing is stored."""
    lab = make_lab("empty")
    with pytest.raises(AirflowFailException, match=reason):
        lab.run("snapshot", partition_key="2020-01", source=source, engine=engine)
    assert lab.records("snapshot", f"dataset/{DATASET}") == []
