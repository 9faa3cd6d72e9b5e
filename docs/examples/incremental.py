# ruff: noqa: INP001
"""A classifier that learns new rows only, month by month."""

from typing import Any

from airflow.sdk import DAG

from airflow_provider_mlops.operators.train import TrainModelOperator


# [START howto_incremental]
def train(features: Any, labels: Any, *, seed: int, alpha: float = 0.0001) -> Any:
    """Fit the first version; the ones after it go on by partial_fit."""
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", alpha=alpha, random_state=seed).fit(features, labels)


with DAG("clicks_monthly", schedule=None) as dag:
    TrainModelOperator(
        task_id="train",
        model_name="clicks",
        dataset="clicks",
        train_function="include.clicks.training:train",
        features=["signal", "noise"],
        label_column="late",
        fit="incremental",
        base="@champion",
        first="full",
        batch_rows=250,
    )
# [END howto_incremental]
