"""Flight delays, released: says who the new champion is and why, wherever its alias was moved.

Started by the champion's asset: a watcher looks at the registry, so that a promotion by hand is seen as well. The
event may come twice; the note is told from its version.
"""

from typing import Any

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_mlops import assets
from include.flights import spec

CHAMPION = assets.champion(spec.MODEL, poll_interval=5)

# [START howto_champion]
with DAG(
    dag_id="flight_delays_release_note",
    schedule=[CHAMPION],
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    max_active_runs=1,
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:

    @task
    def release_note(*, triggering_asset_events: Any) -> dict[str, str]:
        """Return what the ledger says of each version that became champion."""
        from airflow_provider_mlops.hooks.ledger import model_ledger

        promotions = {r.body["version"]: r.body["reason"] for r in model_ledger(spec.MODEL).records("promotion")}
        versions = [event.extra["payload"]["version"] for event in triggering_asset_events[CHAMPION]]
        return {version: promotions.get(version, "moved by hand: no promotion on record") for version in versions}

    release_note()
# [END howto_champion]
