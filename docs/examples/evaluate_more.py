# ruff: noqa: INP001
"""An evaluation that is asked for more: weights, entities, disturbed rows and counterfactuals."""

from airflow.sdk import DAG

from airflow_provider_mlops.operators.evaluate import EvaluateModelOperator

with DAG("evaluate_more", schedule=None):
    # [START howto_evaluate_more]
    EvaluateModelOperator(
        task_id="evaluate",
        model_name="flight_delays",
        manifest_hash="{{ dag_run.conf.manifest_hash }}",
        slices=["origin", "carrier"],
        columns=["scheduled_departure"],
        weight_column="passengers",
        entity_column="aircraft",
        stress={
            "noise": {"scale": 0.1, "columns": ["temperature", "wind_speed"]},
            "no_weather": {"kind": "missing", "share": 1.0, "columns": ["temperature", "wind_speed"]},
            "wrong_unit": {"kind": "out_of_range", "factor": 2, "columns": ["temperature"]},
            "rare_carrier": {"kind": "rare_category", "column": "carrier"},
        },
        counterfactuals={"airport": {"column": "origin", "values": {"JFK": "LGA", "LGA": "JFK"}}},
        explain="permutation",
    )
    # [END howto_evaluate_more]
