"""Flight delays, approved by hand: a human decides where the gate could not, and the version is promoted.

**Trigger by hand.** Left empty, the form takes the newest verdict that is INCONCLUSIVE and unanswered. The question
then stands under *Required Actions*, with the reasons of every rule; whoever started the run may not answer it
(``make demo`` makes a second user, ``reviewer``). No answer within a day is a rejection. The answer is a record.
"""

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_mlops.operators.approve import ModelApprovalOperator
from airflow_provider_mlops.operators.promote import PromoteModelOperator
from include.flights import spec

# [START howto_approve]
with DAG(
    dag_id="flight_delays_approve",
    schedule=None,
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    max_active_runs=1,
    params={"gate_record": Param("", type="string", description="Hash of the gate's record; empty: the newest one.")},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:

    @task
    def verdict(*, params: dict[str, str]) -> str:
        """Return the hash of the verdict to ask about."""
        from airflow_provider_mlops.core.approval import newest_undecided
        from airflow_provider_mlops.hooks.ledger import model_ledger

        asked = params["gate_record"].strip()
        return asked or newest_undecided(model_ledger(spec.MODEL).records(), spec.MODEL).hash

    gate_record = verdict()
    approve = ModelApprovalOperator(
        task_id="approve",
        model_name=spec.MODEL,
        gate_record=gate_record,
        response_timeout=pendulum.duration(days=1),
    )
    promote = PromoteModelOperator(task_id="promote", model_name=spec.MODEL, gate_record=gate_record)
    approve >> promote
# [END howto_approve]
