"""Flight delays, watched: does a month look like the data that its champion was trained on?

A drift verdict FAIL emits an event of the model's drift asset, which starts ``flight_delays_retrain``.
"""

import pendulum
from airflow.sdk import DAG, CronPartitionTimetable

from airflow_provider_mlops import assets
from airflow_provider_mlops.operators.drift import DetectDriftOperator
from airflow_provider_mlops.sensors.dataset import AcceptedSnapshotSensor
from include.flights import spec

# [START howto_detect_drift]
with DAG(
    dag_id="flight_delays_monitor",
    schedule=CronPartitionTimetable("0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m"),
    start_date=pendulum.datetime(2013, 2, 1, tz="UTC"),  # the run of 1 February is the partition of January
    end_date=pendulum.datetime(2013, 5, 1, tz="UTC"),
    catchup=True,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    data = AcceptedSnapshotSensor(
        task_id="wait_for_data",
        dataset=spec.DATASET,
        mode="reschedule",
        poke_interval=30,
        timeout=pendulum.duration(days=7),
    )
    drift = DetectDriftOperator(
        task_id="detect_drift",
        model_name=spec.MODEL,
        dataset=spec.DATASET,
        policy="include/flights/drift.yaml",
        outlets=[assets.drift_alias(spec.MODEL)],
    )
    data >> drift
# [END howto_detect_drift]
