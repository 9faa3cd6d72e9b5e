# ruff: noqa: INP001
"""Dags that are started by what a lifecycle did."""

# [START howto_consumers]
from typing import Any

import pendulum
from airflow.sdk import DAG, PartitionedAssetTimetable, task

from airflow_provider_mlops import assets

START = pendulum.datetime(2013, 1, 1, tz="UTC")
CANDIDATE = assets.candidate("flight_delays")
CHAMPION = assets.champion("flight_delays", poll_interval=60)

with DAG(dag_id="on_candidate", schedule=PartitionedAssetTimetable(assets=CANDIDATE), start_date=START):

    @task
    def tell_candidate(*, triggering_asset_events: Any) -> list[str]:
        """Return what was registered; the run has the partition key of the event."""
        return [f"version {event.extra['version']}" for event in triggering_asset_events[CANDIDATE]]

    tell_candidate()

with DAG(dag_id="on_champion", schedule=[CHAMPION], start_date=START):

    @task
    def tell_champion(*, triggering_asset_events: Any) -> list[str]:
        """Return which version is the champion now, wherever its alias was moved."""
        return [f"version {event.extra['payload']['version']}" for event in triggering_asset_events[CHAMPION]]

    tell_champion()
# [END howto_consumers]

# [START example_trigger]
from airflow.sdk import Asset, AssetWatcher  # noqa: E402

from airflow_provider_mlops.triggers.mlflow import ModelAliasTrigger  # noqa: E402

SHADOW = Asset(
    name="flight_delays-shadow",
    watchers=[
        AssetWatcher(
            name="flight_delays-shadow-alias", trigger=ModelAliasTrigger(model_name="flight_delays", alias="shadow")
        )
    ],
)
# [END example_trigger]
