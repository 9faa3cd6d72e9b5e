"""The tag of a registered model that holds the newest record of its ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.checkpoint import Checkpoint
from airflow_provider_mlops.core.errors import TransientError

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHECKPOINT_TAG = "mlops.ledger_checkpoint"
_PAGE = 200


def read_checkpoint(client: MlflowClient, model: str) -> Checkpoint | None:
    """Read the checkpoint of a model's ledger.

    :param client: an open client.
    :param model: name of the registered model.
    :return: the checkpoint, None when there is none, or no such model.
    :raises EvidenceBroken: when the tag holds something else.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        found = client.get_registered_model(model).tags.get(CHECKPOINT_TAG)
    except exceptions.MlflowException as err:
        if err.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return Checkpoint.from_text(found) if found is not None else None


def read_checkpoints(client: MlflowClient) -> dict[str, Checkpoint]:
    """Read the checkpoints of all registered models.

    :param client: an open client.
    :return: by name of the model, of those that have one.
    :raises EvidenceBroken: when a tag holds something else.
    """
    found: dict[str, Checkpoint] = {}
    token = None
    while True:
        page = client.search_registered_models(max_results=_PAGE, page_token=token)
        found |= {m.name: Checkpoint.from_text(m.tags[CHECKPOINT_TAG]) for m in page if CHECKPOINT_TAG in m.tags}
        token = page.token
        if not token:
            return found


def write_checkpoint(client: MlflowClient, model: str, checkpoint: Checkpoint) -> bool:
    """Write the checkpoint of a model's ledger.

    :param client: an open client.
    :param model: name of the registered model.
    :param checkpoint: the newest record.
    :return: False when there is no such model.
    :raises TransientError: when two tasks write the first one at once and the registry refused one.
    """
    exceptions = load("mlflow.exceptions", "mlflow")
    try:
        client.set_registered_model_tag(model, CHECKPOINT_TAG, str(checkpoint))
    except exceptions.MlflowException as err:
        if err.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        if "IntegrityError" not in str(err) and "UNIQUE constraint" not in str(err):
            raise
        raise TransientError(f"The checkpoint of model {model!r} was set by another task at the same moment.") from err
    return True
