"""Replay recorded models: trained, scored and judged again from the records, with a certificate for each.

**Trigger by hand.** Give a version, or a partition (its retraining is replayed too), or a range of partitions; left
empty, every recorded training is replayed. The certificate says how far the replay agrees, from `L0` (the same model,
parameter by parameter) to `L3` (the same verdict), and what is not as recorded: data, code, environment. Nothing is
registered or moved. The run fails when a replay falls short of the level that is required; the certificates are there
all the same.
"""

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_mlops.operators.replay import ReplayModelOperator
from include.flights import spec

# [START howto_replay]
with DAG(
    dag_id="audit_replay",
    schedule=None,
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    max_active_runs=1,
    params={
        "model": Param(spec.MODEL, type="string", minLength=1, description="Name of the registered model."),
        "version": Param(None, type=["null", "string"], description="A version; empty: any."),
        "partition": Param(None, type=["null", "string"], description="A partition such as 2013-04; empty: any."),
        "since": Param(None, type=["null", "string"], description="First partition of a range, included."),
        "until": Param(None, type=["null", "string"], description="Last partition of a range, included."),
        "from_root": Param(False, type="boolean", description="Train the bases of an incremental model again too."),
        "code": Param("today", enum=["today", "recorded"], description="Code of today, or of the recorded commit."),
        "require": Param("L1", enum=["L0", "L1", "L2", "L3"], description="Level that must be reached."),
    },
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    tags=["mlops", "flights"],
    doc_md=__doc__,
) as dag:
    ReplayModelOperator(
        task_id="replay",
        model_name="{{ params.model }}",
        version="{{ params.version or '' }}",
        partition_key="{{ params.partition or '' }}",
        since="{{ params.since or '' }}",
        until="{{ params.until or '' }}",
        from_root="{{ params.from_root }}",
        code="{{ params.code }}",
        require="{{ params.require }}",
    )
# [END howto_replay]
