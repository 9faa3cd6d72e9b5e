"""Small Dags for backfills and events: partitions of some hundred rows, a training of milliseconds."""

import time
from typing import Any

import pendulum
from airflow.sdk import DAG, BaseNotifier, CronPartitionTimetable, PartitionedAssetTimetable, task

from airflow_provider_mlops import assets
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.operators.decide import DecideRetrainOperator
from airflow_provider_mlops.operators.notify import NotifyOperator
from airflow_provider_mlops.operators.replay import ReplayModelOperator
from airflow_provider_mlops.task_groups.lifecycle import model_lifecycle

DATASET, MODEL, STORM = "events", "events", "events_storm"
FILL = "events_fill"
DEFAULTS = {"retries": 2, "retry_delay": pendulum.duration(seconds=1)}


class Log(BaseNotifier):
    """Says in the task's log what a message would have said."""

    template_fields = ("text",)

    def __init__(self) -> None:
        super().__init__()
        self.text = "{{ news.subject }}"

    def notify(self, context: Any) -> None:
        """Say it."""
        self.log.info("Told: %s", self.text)


def lifecycle(name: str, policy: str, approval: dict[str, Any] | None) -> None:
    """Wire the lifecycle of a model, with somebody who is told of it."""
    group = model_lifecycle(
        model_name=name,
        dataset=name,
        source="tests.support.synthetic:read_partition",
        suite="events/suite.yaml",
        train_function="tests.support.synthetic:train",
        policy=policy,
        features=["signal", "noise"],
        label_column="late",
        time_column="time",
        evaluation={"infrastructure": False, "explain": None},
        approval=approval,
        card=False,
    )
    group >> NotifyOperator(task_id="tell", model_name=name, notifiers=[Log()])


MONTHLY = CronPartitionTimetable("0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m")
START, END = pendulum.datetime(2020, 2, 1, tz="UTC"), pendulum.datetime(2020, 4, 1, tz="UTC")

with DAG(
    dag_id="events_lifecycle",
    schedule=MONTHLY,
    start_date=START,
    end_date=END,
    catchup=True,
    max_active_runs=1,
    default_args=DEFAULTS,
):
    lifecycle(MODEL, "events/asked.yaml", {})

# Nothing of it runs by schedule: its history is filled by a backfill.
with DAG(
    dag_id="events_fill", schedule=MONTHLY, start_date=START, end_date=START, catchup=False, default_args=DEFAULTS
):
    lifecycle(FILL, "events/policy.yaml", None)

with DAG(dag_id="events_consumer", schedule=PartitionedAssetTimetable(assets=assets.snapshot(DATASET))):

    @task
    def woken() -> None:
        """Do nothing: that this ran is what counts."""

    woken()

with DAG(dag_id="events_replay", schedule=None, default_args=DEFAULTS):
    ReplayModelOperator(task_id="replay", model_name=MODEL, since="2020-02", until="2020-03", require="L0")

with DAG(
    dag_id="events_storm",
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", key_format="%Y-%m-%d"),
    start_date=END,
    end_date=START,  # it runs by hand alone
    catchup=False,
    max_active_runs=1,
):

    @task(outlets=[assets.drift_alias(STORM)])
    def drift(*, outlet_events: Any, dag_run: Any) -> None:
        """Find as much drift as the run is told to, and emit an event for each verdict."""
        ledger, key = model_ledger(STORM), dag_run.partition_key
        for number in range(dag_run.conf["events"]):
            body = {"partition_key": key, "champion_version": None, "kind": "prediction"}
            found = ledger.append(kind="drift", key=f"{key} {number}", body=body, outcome="FAIL")
            extra = {"schema": 1, "partition_key": key, "mode": "live", "record": found.hash}
            outlet_events[assets.drift_alias(STORM)].add(assets.drift(STORM), extra=extra)

    drift()

with DAG(
    dag_id="events_retrain", schedule=PartitionedAssetTimetable(assets=assets.drift(STORM)), max_active_runs=1
) as dag:

    @task
    def retrain(seconds: float) -> None:
        """Take as long as a training that keeps the Dag busy."""
        time.sleep(seconds)

    decide = DecideRetrainOperator(
        task_id="decide", model_name=STORM, dataset=DATASET, policy="events/retrain.yaml", time_column="time"
    )
    decide >> retrain(6.0)
