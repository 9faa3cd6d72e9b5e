"""Flight delays, watched: do the newest two weeks look like what the champion was trained on, and does it still serve?

One run a day, after the day was scored and its labels were joined. Three questions are kept apart: have the features
drifted, have the scores, and how well did the champion do? Features are profiled day by day, and two weeks of profiles
are merged and judged: a run reads the rows of the newest day, however long the history is. A verdict FAIL emits an
event, which asks ``flight_delays_retrain`` whether a retraining would help. A champion that does worse than it must
soon after its promotion is taken back.
"""

import pendulum
from airflow.sdk import DAG, CronPartitionTimetable

from airflow_provider_mlops import assets
from airflow_provider_mlops.operators.breach import RollbackOnBreachOperator
from airflow_provider_mlops.operators.drift import DetectDriftOperator
from airflow_provider_mlops.operators.performance import MonitorPerformanceOperator
from airflow_provider_mlops.operators.profile import ProfileDatasetOperator
from airflow_provider_mlops.sensors.labels import LabelsMatureSensor
from include.flights import spec

# [START howto_detect_drift]
with DAG(
    dag_id="flight_delays_monitor",
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=pendulum.datetime(2013, 5, 15, tz="UTC"),  # 14 May is the first day with two weeks behind it
    end_date=pendulum.datetime(2013, 5, 16, tz="UTC"),
    catchup=True,
    max_active_runs=1,  # days go in order: a verdict is one of a row
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    labelled = LabelsMatureSensor(
        task_id="wait_for_labels",
        model_name=spec.MODEL,
        maturity=spec.MATURITY,
        deferrable=True,
        timeout=pendulum.duration(days=7).total_seconds(),
    )
    profile = ProfileDatasetOperator(
        task_id="profile",
        model_name=spec.MODEL,
        dataset=spec.SERVED,
        policy="include/flights/drift.yaml",
        window=spec.WATCHED_DAYS,  # days that have a profile are not read again
    )
    drift = DetectDriftOperator(
        task_id="detect_drift",
        model_name=spec.MODEL,
        dataset=spec.SERVED,
        policy="include/flights/drift.yaml",
        window=spec.WATCHED_DAYS,
        outlets=[assets.drift_alias(spec.MODEL)],
    )
    scores = DetectDriftOperator(
        task_id="detect_score_drift",
        model_name=spec.MODEL,
        dataset=spec.SERVED,
        policy="include/flights/drift_scores.yaml",
        kind="prediction",
        window=spec.WATCHED_DAYS,
        outlets=[assets.drift_alias(spec.MODEL)],
    )
    performance = MonitorPerformanceOperator(
        task_id="monitor_performance",
        model_name=spec.MODEL,
        dataset=spec.SERVED,
        policy="include/flights/performance.yaml",
        window=spec.WATCHED_DAYS,
        outlets=[assets.performance_alias(spec.MODEL)],
    )
    heal = RollbackOnBreachOperator(
        task_id="roll_back_on_breach",
        model_name=spec.MODEL,
        policy="include/flights/retrain.yaml",
    )
    labelled >> [profile, scores, performance]
    profile >> drift
    performance >> heal
# [END howto_detect_drift]
