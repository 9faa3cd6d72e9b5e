"""The assets of a lifecycle, in one place: two Dags that name one asset differently would not meet.

Events carry an ``extra`` of schema 1: ``{"schema": 1, "partition_key", "mode", ...}`` with, beside that,

- snapshot: ``dataset``, ``snapshot_id``, ``rows``;
- candidate: ``model_name``, ``version``, ``manifest_hash``;
- drift: ``model_name``, ``champion_version``, ``record_hash``, ``reasons``, and where the verdict says it ``kind``,
  ``window`` (the partitions that were judged) and ``cause``;
- performance: the same;
- predictions: ``model_name``, ``model_version``, ``log_id``, ``rows``, ``record_hash``;
- champion (from the watcher): ``{"from_trigger": true, "payload": {"schema": 1, "model_name", "alias", "version"}}``.

All but the champion's events go through an alias, since an outlet that is named directly would emit at every success,
audits included. They carry the run's partition key: consume them with ``PartitionedAssetTimetable``. The
champion's events have none: consume them with ``schedule=[champion(...)]``.
"""

from airflow.sdk import Asset, AssetAlias, AssetWatcher


def snapshot(dataset: str) -> Asset:
    """The snapshot asset of a dataset: an event for each live run that took or found a partition's snapshot.

    :param dataset: name of the dataset.
    """
    return Asset(name=f"{dataset}-snapshot", uri=f"x-mlops://dataset/{dataset}/snapshot")


def snapshot_alias(dataset: str) -> AssetAlias:
    """The alias through which a dataset's snapshot events go.

    :param dataset: name of the dataset.
    """
    return AssetAlias(name=f"{dataset}-snapshot-alias")


def candidate(model_name: str) -> Asset:
    """The candidate asset of a model: an event for each version that was registered.

    :param model_name: name of the registered model.
    """
    return Asset(name=f"{model_name}-candidate", uri=f"x-mlops://model/{model_name}/candidate")


def candidate_alias(model_name: str) -> AssetAlias:
    """The alias through which a model's candidate events go.

    :param model_name: name of the registered model.
    """
    return AssetAlias(name=f"{model_name}-candidate-alias")


def drift(model_name: str) -> Asset:
    """The drift asset of a model: an event for each drift verdict FAIL.

    :param model_name: name of the registered model.
    """
    return Asset(name=f"{model_name}-drift", uri=f"x-mlops://model/{model_name}/drift")


def drift_alias(model_name: str) -> AssetAlias:
    """The alias through which a model's drift events go.

    :param model_name: name of the registered model.
    """
    return AssetAlias(name=f"{model_name}-drift-alias")


def performance(model_name: str) -> Asset:
    """The performance asset of a model: an event for each performance verdict FAIL.

    :param model_name: name of the registered model.
    """
    return Asset(name=f"{model_name}-performance", uri=f"x-mlops://model/{model_name}/performance")


def performance_alias(model_name: str) -> AssetAlias:
    """The alias through which a model's performance events go.

    :param model_name: name of the registered model.
    """
    return AssetAlias(name=f"{model_name}-performance-alias")


def predictions(model_name: str) -> Asset:
    """The predictions asset of a model: an event for each partition that was scored.

    :param model_name: name of the registered model.
    """
    return Asset(name=f"{model_name}-predictions", uri=f"x-mlops://model/{model_name}/predictions")


def predictions_alias(model_name: str) -> AssetAlias:
    """The alias through which a model's predictions events go.

    :param model_name: name of the registered model.
    """
    return AssetAlias(name=f"{model_name}-predictions-alias")


def champion(model_name: str, *, mlflow_conn_id: str = "mlflow_default", poll_interval: float = 30.0) -> Asset:
    """The champion asset of a model, watched in the registry: an event wherever the alias was moved.

    :param model_name: name of the registered model.
    :param mlflow_conn_id: id of the MLflow connection.
    :param poll_interval: seconds between two looks at the registry.
    """
    from airflow_provider_mlops.triggers.mlflow import ModelAliasTrigger

    trigger = ModelAliasTrigger(
        model_name=model_name, alias="champion", mlflow_conn_id=mlflow_conn_id, poll_interval=poll_interval
    )
    return Asset(
        name=f"{model_name}-champion",
        uri=f"x-mlops://model/{model_name}/champion",
        watchers=[AssetWatcher(name=f"{model_name}-champion-alias", trigger=trigger)],
    )
