"""Flight delays, month by month: from a partition of flights to a gated champion.

The run of a month holds that month out, trains on the accepted months before it, and lets the gate decide whether the
candidate takes the champion's place.

- **Trigger by hand:** give a partition key such as ``2013-03`` (under *Advanced*); ``{"mode": "dry_run"}`` decides and
  reports without moving anything.
- **Audit:** *Trigger > Backfill*, reprocess *All runs*, or ``airflow backfill create --reprocess-behavior completed``:
  the recorded months are done again beside the originals, compared, and nothing moves.
"""

import pendulum
from airflow.sdk import DAG, CronPartitionTimetable

from airflow_provider_mlops.task_groups.lifecycle import model_lifecycle
from include.flights import spec

# [START howto_model_lifecycle]
with DAG(
    dag_id="flight_delays_lifecycle",
    schedule=CronPartitionTimetable("0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m"),
    start_date=pendulum.datetime(2013, 2, 1, tz="UTC"),  # the run of 1 February is the partition of January
    end_date=pendulum.datetime(2013, 5, 1, tz="UTC"),
    catchup=True,
    max_active_runs=1,  # months go in order: each candidate meets the champion of its time
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    model_lifecycle(
        model_name=spec.MODEL,
        dataset=spec.DATASET,
        source="include.flights.source:read_partition",
        suite="include/flights/suites/flights.yaml",
        contract="include/flights/contract.yaml",
        checks="include/flights/checks.yaml",
        train_function="include.flights.training:train_delay_model",
        policy="include/flights/policy.yaml",
        features=spec.FEATURES,
        label_column=spec.LABEL,
        time_column=spec.TIME_COLUMN,
        window=2,
        slices=spec.SLICES,
        evaluation=spec.EVALUATION,
        governance=spec.GOVERNANCE,
        trusted_types=spec.TRUSTED_TYPES,
    )
# [END howto_model_lifecycle]
