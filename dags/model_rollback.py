"""Roll a model back: the champion's alias goes to the last version that was verified and still loads.

**Trigger by hand**, and say why. *Target version* left empty takes the newest version that held the alias by a valid
record and was neither rolled back from nor retired. It is loaded in a clean process first; only then the alias moves.
*Bad version* is a safety catch: when another version is champion by then, nothing moves. The record of the rollback
names who asked, why, and what was tried.
"""

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_mlops.operators.rollback import RollbackModelOperator
from include.flights import spec

# [START howto_rollback]
with DAG(
    dag_id="model_rollback",
    schedule=None,
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    max_active_runs=1,
    params={
        "model": Param(spec.MODEL, type="string", minLength=1, description="Name of the registered model."),
        "target_version": Param(
            None, type=["null", "string"], description="Empty: the last one that was verified and loads."
        ),
        "bad_version": Param(
            None, type=["null", "string"], description="Only roll back while this version is champion."
        ),
        "reason": Param(type="string", minLength=1, maxLength=500, description="Why; it stands in the record."),
    },
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    RollbackModelOperator(
        task_id="rollback",
        model_name="{{ params.model }}",
        target_version="{{ params.target_version or '' }}",
        expected_version="{{ params.bad_version or '' }}",
        reason="{{ params.reason }}",
    )
# [END howto_rollback]
