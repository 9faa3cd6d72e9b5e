# ruff: noqa: INP001
"""A snapshot from each kind of source. The documentation shows the parts between the markers."""

import pendulum
from airflow.sdk import DAG, CronPartitionTimetable

from airflow_provider_mlops import sources
from airflow_provider_mlops.operators.snapshot import SnapshotDatasetOperator

MONTHLY = CronPartitionTimetable("0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m")
START = pendulum.datetime(2013, 2, 1, tz="UTC")

with DAG(dag_id="flights_from_everywhere", schedule=MONTHLY, start_date=START, catchup=False):
    # [START howto_source_sql]
    from_database = SnapshotDatasetOperator(
        task_id="from_database",
        dataset="flights",
        source=sources.sql(
            "warehouse",
            """
            SELECT row_id, scheduled_departure, carrier, distance, late
            FROM flights
            WHERE scheduled_departure >= :start AND scheduled_departure < :end AND carrier <> :skipped
            ORDER BY row_id
            """,
            parameters={"skipped": "{{ params.get('skipped', 'YV') }}"},
            schema={"distance": "float64"},
        ),
        time_column="scheduled_departure",
    )
    # [END howto_source_sql]
    # [START howto_source_files]
    from_files = SnapshotDatasetOperator(
        task_id="from_files",
        dataset="flights_files",
        source=sources.files(
            "s3://my-bucket/flights/{{ dag_run.partition_key }}/*.csv",
            "csv",
            conn_id="aws_default",
            schema={"tail_number": "string", "delay": "float64"},
            options={"delimiter": ";", "null_values": ["", "NA"]},
        ),
    )
    # [END howto_source_files]
    # [START howto_source_function]
    from_function = SnapshotDatasetOperator(
        task_id="from_function",
        dataset="flights_python",
        source=sources.function("include.flights.source:read_partition"),
        time_column="scheduled_departure",
    )
    # [END howto_source_function]
    # [START howto_source_snapshots]
    from_snapshots = SnapshotDatasetOperator(
        task_id="from_snapshots",
        dataset="flights_last_half_year",
        source=sources.snapshots("flights", window=6, since="2013-01"),
        time_column="scheduled_departure",
    )
    # [END howto_source_snapshots]
    # [START howto_source_dvc]
    from_dvc = SnapshotDatasetOperator(
        task_id="from_dvc",
        dataset="airports",
        source=sources.dvc("data/airports-{{ dag_run.partition_key }}.parquet.dvc"),
    )
    # [END howto_source_dvc]
