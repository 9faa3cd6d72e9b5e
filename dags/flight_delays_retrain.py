"""Flight delays, retrained when it helps: started by the event of a drift or performance verdict and by nothing else.

A policy decides first: enough bad windows, no other retraining just now, new rows to learn from, and a cheap probe that
shows a gain. Each answer is a record, also the retraining that was avoided. Then it trains on the newest months, holds
out the last days of the newest one, and lets the same gate decide.
"""

import pendulum
from airflow.sdk import DAG, PartitionedAssetTimetable

from airflow_provider_mlops import assets
from airflow_provider_mlops.task_groups.lifecycle import model_retraining
from include.flights import spec

# [START howto_model_retraining]
with DAG(
    dag_id="flight_delays_retrain",
    schedule=PartitionedAssetTimetable(assets=assets.drift(spec.MODEL) | assets.performance(spec.MODEL)),
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    model_retraining(
        model_name=spec.MODEL,
        dataset=spec.DATASET,
        train_function="include.flights.training:train_delay_model",
        policy="include/flights/policy.yaml",
        checks="include/flights/checks.yaml",
        features=spec.FEATURES,
        label_column=spec.LABEL,
        time_column=spec.TIME_COLUMN,
        retrain_policy="include/flights/retrain.yaml",
        params_from="@champion",  # whoever tuned the champion need not do so again
        holdout_days=20,  # as many as the gate needs, which draws whole days
        slices=spec.SLICES,
        evaluation=spec.EVALUATION,
        governance=spec.GOVERNANCE,
        trusted_types=spec.TRUSTED_TYPES,
    )
# [END howto_model_retraining]
