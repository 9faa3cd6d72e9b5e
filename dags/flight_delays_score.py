"""Flight delays, day by day: the flights of a day are scored by the champion, and labelled once they have landed.

The days are those of May, which the champion of the months before serves. A champion never scores a day that it was
judged on or one before: the champion of that time does.

- **Trigger by hand:** give a partition key such as ``2013-05-03`` (under *Advanced*).
- **Audit:** *Trigger > Backfill*, reprocess *All runs*: the recorded days are scored again and compared bit by bit.
"""

import pendulum
from airflow.sdk import DAG, CronPartitionTimetable

from airflow_provider_mlops import assets
from airflow_provider_mlops.operators.join_labels import JoinLabelsOperator
from airflow_provider_mlops.operators.score import ScoreBatchOperator
from airflow_provider_mlops.operators.snapshot import SnapshotDatasetOperator
from airflow_provider_mlops.operators.validate import ValidateDatasetOperator
from airflow_provider_mlops.sensors.labels import LabelsMatureSensor
from airflow_provider_mlops.sensors.mlflow import ModelAliasSensor
from include.flights import spec

# [START howto_score]
with DAG(
    dag_id="flight_delays_score",
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=pendulum.datetime(2013, 5, 2, tz="UTC"),  # the run of 2 May is the partition of 1 May
    end_date=pendulum.datetime(2013, 5, 16, tz="UTC"),
    catchup=True,
    max_active_runs=3,  # a day waits for its labels while the next one is scored
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    snapshot = SnapshotDatasetOperator(
        task_id="snapshot",
        dataset=spec.SERVED,
        source="include.flights.source:read_served",
        time_column=spec.TIME_COLUMN,
        outlets=[assets.snapshot_alias(spec.SERVED)],
        max_active_tis_per_dag=1,  # of two that are the first to emit events of an asset, Airflow would fail one
    )
    validate = ValidateDatasetOperator(
        task_id="validate",
        dataset=spec.SERVED,
        snapshot_id="{{ ti.xcom_pull(task_ids='snapshot')['snapshot_id'] }}",
        suite="include/flights/suites/flights_served.yaml",
        contract="include/flights/contract_served.yaml",
    )
    champion = ModelAliasSensor(
        task_id="wait_for_champion",
        model_name=spec.MODEL,
        mode="reschedule",
        poke_interval=30,
        timeout=pendulum.duration(days=7),
    )
    score = ScoreBatchOperator(
        task_id="score",
        model_name=spec.MODEL,
        dataset=spec.SERVED,
        snapshot_id="{{ ti.xcom_pull(task_ids='validate')['snapshot_id'] }}",
        outlets=[assets.predictions_alias(spec.MODEL)],
        max_active_tis_per_dag=1,
    )
    labels_due = LabelsMatureSensor(task_id="labels_due", maturity=spec.MATURITY, deferrable=True)
    labels = JoinLabelsOperator(
        task_id="join_labels",
        model_name=spec.MODEL,
        dataset=spec.SERVED,
        labels="include.flights.source:read_labels",
        label_column=spec.LABEL,
        label_time_column=spec.KNOWN_AT,
        maturity=spec.MATURITY,
    )
    snapshot >> validate >> score
    champion >> score >> labels_due >> labels
# [END howto_score]
