"""The checkpoint of a model's ledger: its newest record, kept as a tag of the registered model."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.chain import record_name
from airflow_provider_mlops.core.checkpoint import Checkpoint
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.hooks.mlflow import MlflowHook

_log = logging.getLogger(__name__)
_MODEL = "model/"
_TRIES = 10


def keep_checkpoint(hook: MlflowHook, ledger: Ledger) -> None:
    """Write number and hash of a model's newest record to the registry, never of an older one than is there.

    The registry has no compare-and-set: whoever wrote looks at the ledger once more, so that the last one to write
    leaves the newest record, whatever the order. Does nothing while the model is not registered.

    :param hook: the MLflow connection.
    :param ledger: the ledger of a model, after a live record was appended.
    :raises EvidenceBroken: when the ledger no longer holds the record of the checkpoint: it was cut or rewritten, or
        it is another ledger.
    :raises TransientError: when other tasks write without pause.
    """
    if not ledger.chain.startswith(_MODEL):
        raise BadInput(f"Only the ledger of a model has a checkpoint, {ledger.chain!r} is none.")
    with hook.session() as client:
        _keep(client, ledger)


def keep_where_possible(hook: MlflowHook, ledger: Ledger) -> None:
    """Keep the checkpoint after a step that only reads the registry: that it may not write there is no reason to fail.

    :param hook: the MLflow connection.
    :param ledger: the ledger of a model, after a live record was appended.
    :raises EvidenceBroken: when the ledger was cut or rewritten, or is another one.
    """
    try:
        keep_checkpoint(hook, ledger)
    except EvidenceBroken:
        raise
    except Exception as err:  # noqa: BLE001 - whatever MLflow's client and its stores raise
        _log.warning("The registry does not keep the newest record of %s: %s", ledger.chain, str(err)[:300])


def check_checkpoint(client: MlflowClient, ledger: Ledger) -> Checkpoint | None:
    """Check that a model's ledger holds the record of its checkpoint, before anything is built on it.

    :param client: an open client.
    :param ledger: the ledger of a model.
    :return: the checkpoint; None when there is none.
    :raises EvidenceBroken: when the ledger was cut or rewritten, or is another one.
    """
    from airflow_provider_mlops.backends.mlflow_checkpoint import read_checkpoint

    model = ledger.chain.removeprefix(_MODEL)
    kept = read_checkpoint(client, model)
    # The ledger is read after the checkpoint: what that names was appended before.
    if kept and (problem := kept.problem({record.seq: record.hash for record in ledger.records()})):
        raise EvidenceBroken(
            f"{ledger.store.root}/{ledger.chain}/{record_name(kept.seq)}: {problem} "
            f"Restore the ledger from a copy, or point ledger_root at the one that model {model!r} belongs to."
        )
    return kept


def kept_checkpoints(hook: MlflowHook) -> tuple[dict[str, Checkpoint] | None, str]:
    """Read the checkpoints of all models, where the registry can be asked.

    :param hook: the MLflow connection.
    :return: checkpoint by name of the chain, of the models that have one; and None with the reason where the registry
        is not configured, or does not answer within seconds.
    :raises EvidenceBroken: when a checkpoint is none: somebody wrote into its tag.
    """
    from airflow_provider_mlops.backends.mlflow_checkpoint import read_checkpoints

    try:
        with hook.session(quick=True) as client:
            return {f"{_MODEL}{model}": kept for model, kept in read_checkpoints(client).items()}, ""
    except EvidenceBroken:
        raise
    except Exception as err:  # noqa: BLE001 - whatever MLflow's client and its stores raise: nothing can be compared
        return None, str(err).splitlines()[0][:300] if str(err) else type(err).__name__


def compared_checkpoint(hook: MlflowHook, ledger: Ledger) -> dict[str, Any]:
    """Compare a model's ledger with its checkpoint, where the registry can be asked, for who reads it elsewhere.

    :param hook: the MLflow connection.
    :param ledger: the ledger of a model.
    :return: ``{"compared", "seq", "hash"}``: whether the registry was asked, and the record that it names, if any.
    :raises EvidenceBroken: when the ledger was cut or rewritten, or is another one.
    """
    try:
        with hook.session(quick=True) as client:
            kept = check_checkpoint(client, ledger)
    except EvidenceBroken:
        raise
    except Exception as err:  # noqa: BLE001 - as above
        _log.warning("The ledger is not compared with its checkpoint: %s", str(err)[:300])
        return {"compared": False, "seq": None, "hash": None}
    return {"compared": True, "seq": kept.seq if kept else None, "hash": kept.hash if kept else None}


def _keep(client: MlflowClient, ledger: Ledger) -> None:
    from airflow_provider_mlops.backends.mlflow_checkpoint import write_checkpoint

    model = ledger.chain.removeprefix(_MODEL)
    for _ in range(_TRIES):
        kept = check_checkpoint(client, ledger)
        records = ledger.records()
        if not records or (kept and kept.seq >= records[-1].seq):
            return
        if not write_checkpoint(client, model, Checkpoint(records[-1].seq, records[-1].hash)):
            return
    raise TransientError(f"The checkpoint of model {model!r} is being written by too many tasks at once.")
