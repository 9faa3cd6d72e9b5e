"""Fire drill: do the drift alarms of a model ring?

Known shifts (nulls, a changed unit, swapped categories, flipped labels) are done to a **copy** of recent rows, which
lies in a scratch folder. The model's own drift policy judges it, and its monitoring policy where labels are flipped: do
the alarms ring that must, and after how many rows and days? Untouched months tell how often they ring for nothing.
Nothing is emitted, no snapshot and no live record is written. **Trigger by hand**, or give it a schedule of its own,
such as once a quarter.
"""

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_mlops.operators.fire_drill import DriftFireDrillOperator
from include.flights import spec

# [START howto_fire_drill]
with DAG(
    dag_id="drift_fire_drill",
    schedule=None,
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    max_active_runs=1,
    params={
        "model": Param(spec.MODEL, type="string", minLength=1, description="Name of the registered model."),
        "dataset": Param(spec.DATASET, type="string", minLength=1, description="Name of the dataset."),
        "partition": Param(
            None, type=["null", "string"], description="Partition that is copied; empty: the newest accepted one."
        ),
        "shifts": Param(
            "nulls, unit_change, swapped_category, label_flip",
            type="string",
            description="Shifts to try, with commas between them.",
        ),
        "size": Param(0.5, type="number", exclusiveMinimum=0, maximum=1, description="Share of the rows that is hit."),
    },
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    DriftFireDrillOperator(
        task_id="drill",
        model_name="{{ params.model }}",
        dataset="{{ params.dataset }}",
        policy="include/flights/drift.yaml",
        performance_policy="include/flights/performance.yaml",
        partition_key="{{ params.partition or '' }}",
        shifts="{{ params.shifts }}",
        size="{{ params.size }}",
    )
# [END howto_fire_drill]
