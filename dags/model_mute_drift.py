"""Accept a drift for a time: verdicts show it as muted until the day that you name.

**Trigger by hand**, and say why: a new weather station, a route that was given up, whatever the data will not unlearn.
*Feature* is the column; left empty, all drift of *kind* is muted. A mute ends by itself, after 90 days at most;
``airflow mlops mute end`` ends it earlier. The record names who asked, until when, and why.
"""

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_mlops.operators.mute import MuteDriftOperator
from include.flights import spec

# [START howto_mute_drift]
with DAG(
    dag_id="model_mute_drift",
    schedule=None,
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    max_active_runs=1,
    params={
        "model": Param(spec.MODEL, type="string", minLength=1, description="Name of the registered model."),
        "feature": Param(
            None, type=["null", "string"], description="The feature whose drift is accepted; empty: all that drift."
        ),
        "kind": Param(
            None, type=["null", "string"], description="The kind of drift: feature, prediction, label; empty for any."
        ),
        "until": Param(type="string", format="date", description="The last day on which it is muted."),
        "reason": Param(type="string", minLength=1, maxLength=500, description="Why; it stands in the record."),
    },
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    MuteDriftOperator(
        task_id="mute",
        model_name="{{ params.model }}",
        feature="{{ params.feature or '' }}",
        drift_kind="{{ params.kind or '' }}",
        until="{{ params.until }}",
        reason="{{ params.reason }}",
    )
# [END howto_mute_drift]
