"""Which version scores a partition, pinned when the task starts; and its model, loaded only once it is proved."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.alias_moves import (
    alias_moves,
    champion_that_served,
    served_before,
    withdrawn_versions,
)
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.evaluation import CHAMPION
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.scoring import load_model
from airflow_provider_mlops.hooks.serving_check import SIGNATURE

if TYPE_CHECKING:
    import pandas as pd


def version_to_score(
    hook: MlflowHook, records: Sequence[Record], model: str, partition_key: str, wanted: str | None, log: Any
) -> str:
    """Choose the version that scores a partition.

    :param hook: the MLflow connection.
    :param records: records of the model's ledger.
    :param model: name of the registered model.
    :param partition_key: the partition.
    :param wanted: a version; None for the champion of now. One that was judged on the partition or a later one would
        have seen what it must predict: then the champion of the partition's time is taken.
    :param log: where the choice is told.
    :return: the version.
    :raises Refused: when there is no such champion, or the version was retired.
    """
    version = wanted or _champion(hook, records, model, partition_key, log)
    gone = withdrawn_versions(records).get(version)
    if gone is not None and gone.for_good:
        raise Refused(f"Version {version} of model {model!r} {gone.why}; it scores nothing any more.")
    return version


def open_model(hook: MlflowHook, made: Record, version: str, rows: pd.DataFrame, log: Any) -> Any:
    """Load a model whose bytes are the recorded ones, and check that rows fit its signature.

    :param hook: the MLflow connection.
    :param made: the record of its training, adoption or transfer.
    :param version: its version, for errors.
    :param rows: the first rows, with its features.
    :param log: where a missing signature is told.
    :return: the estimator.
    :raises BadInput: when the rows do not fit.
    :raises EvidenceBroken: when the bytes are not the recorded ones, or the signature cannot be read.
    :raises Refused: when the model is no skops archive: loading it would run its code.
    """
    from airflow_provider_mlops.backends.signature import input_schema, refusal

    if made.body.get("signature", made) is None:
        log.warning("Version %s was adopted without a signature: the types of the rows are not checked.", version)
        return load_model(hook, made)
    with tempfile.TemporaryDirectory(prefix="mlops-signature-") as folder:
        path = _download_signature(hook, made.body["logged_model_id"], Path(folder))
        why = refusal(input_schema(path, list(rows.columns)), rows)
    if why is not None:
        raise BadInput(f"The rows do not fit the signature of version {version}: {why[:300]}")
    return load_model(hook, made)


def _champion(hook: MlflowHook, records: Sequence[Record], model: str, partition_key: str, log: Any) -> str:
    from airflow_provider_mlops.backends import mlflow as ml

    with hook.session() as client:
        now = ml.alias_version(client, model, CHAMPION)
    if now is None:
        raise Refused(f"Model {model!r} has no champion; promote a version first, or name one.")
    moves = [move for move in alias_moves(records) if move.body["version"] == now]
    if not moves or served_before(moves[-1].body.get("partition_key"), partition_key):
        return now
    then = champion_that_served(records, partition_key)
    if then is None:
        raise Refused(
            f"Model {model!r} had no champion before {partition_key}: version {now} was judged on "
            f"{moves[-1].body['partition_key']} and may have seen these rows. Name a version to score them with it."
        )
    log.info(
        "Champion %s was judged on %s; version %s, the champion of that time, scores %s.",
        now,
        moves[-1].body["partition_key"],
        then.body["version"],
        partition_key,
    )
    return str(then.body["version"])


def _download_signature(hook: MlflowHook, model_id: str, folder: Path) -> Path:
    from airflow_provider_mlops.backends import mlflow_models as models

    exceptions = load("mlflow.exceptions", "mlflow")
    with hook.session() as client:
        address = f"{models.artifact_location(client, model_id)}/{SIGNATURE}"
        try:
            found = load("mlflow.artifacts", "mlflow").download_artifacts(artifact_uri=address, dst_path=str(folder))
        except (exceptions.MlflowException, OSError) as err:
            if "Max retries exceeded" in str(err):
                raise
            raise EvidenceBroken(f"Logged model {model_id} has no readable {SIGNATURE}.") from err
    return Path(found)
