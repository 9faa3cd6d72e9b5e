"""The lifecycle's shape with tasks that do nothing: what orchestration alone costs."""

from itertools import pairwise

import pendulum
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, CronPartitionTimetable


def nothing() -> None:
    """Do nothing."""


with DAG(
    dag_id="empty_lifecycle",
    schedule=CronPartitionTimetable("0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m"),
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    end_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
):
    places = ("snapshot", "validate", "check", "train", "register", "evaluate", "gate", "promote", "model_card")
    tasks = [PythonOperator(task_id=place, python_callable=nothing) for place in places]
    for first, second in pairwise(tasks):
        first >> second
