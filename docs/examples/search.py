# ruff: noqa: INP001
"""A training that searches its parameters, and is trained twice to see whether it repeats itself."""

from airflow.sdk import DAG

from airflow_provider_mlops.operators.train import TrainModelOperator
from include.flights import spec

with DAG("flights_searched", schedule=None) as dag:
    # [START howto_search]
    TrainModelOperator(
        task_id="train",
        model_name="flight_delays",
        dataset="flights",
        train_function="include.flights.training:train_delay_model",
        features=spec.FEATURES,
        label_column=spec.LABEL,
        time_column=spec.TIME_COLUMN,
        trusted_types=spec.TRUSTED_TYPES,
        search={
            "method": "random",
            "space": {
                "max_depth": [4, 6, 8],
                "max_iter": {"low": 50, "high": 300, "int": True},
                "learning_rate": {"low": 0.02, "high": 0.3, "log": True},
            },
            "metric": "roc_auc",
            "folds": {"kind": "time", "n": 3},
            "budget": {"trials": 20, "minutes": 30},
        },
        determinism="verify",
    )
    # [END howto_search]
    # [START howto_python]
    TrainModelOperator(
        task_id="train_elsewhere",
        model_name="flight_delays_elsewhere",
        dataset="flights",
        train_function="include.flights.training:train_delay_model",
        features=spec.FEATURES,
        label_column=spec.LABEL,
        trusted_types=spec.TRUSTED_TYPES,
        python="/opt/training/bin/python",
        env_names=["FLIGHTS_CACHE"],
    )
    # [END howto_python]
