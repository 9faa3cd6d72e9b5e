"""Whether a version can still be used: its bytes are the recorded ones, and they load in a clean process."""

from __future__ import annotations

from typing import Any

from airflow_provider_mlops.core.errors import FinalError
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.serving_check import check_serving
from airflow_provider_mlops.hooks.storage import Storage


def dry_load(hook: MlflowHook, storage: Storage, made: Record, log: Any) -> dict[str, Any]:
    """Load a version's model where it can do no harm, and let it predict the rows of its training once more.

    A model whose training rows are gone, or were never here, is only loaded. One that is no skops archive is not
    loaded at all.

    :param hook: the MLflow connection.
    :param storage: where the snapshots lie.
    :param made: the record of its training, adoption or import.
    :param log: where is told what could not be tried.
    :return: ``loads``, ``probe_identical`` (None where there are no rows) and ``error``, a short text or None.
    :raises TransientError: when MLflow cannot be reached.
    """
    if "archive_sha256" not in made.body:
        return {"loads": False, "probe_identical": None, "error": "It is no skops archive, and not loaded to try it."}
    probe = _probe(storage, made, log)
    found = check_serving(hook, made, probe)
    identical = None if probe is None else bool(found["probe_identical"])
    error = found["error"]
    if error is None and identical is False:
        error = "It predicts the rows of its training otherwise than then."
    return {"loads": bool(found["loads"]) and error is None, "probe_identical": identical, "error": error}


def _probe(storage: Storage, made: Record, log: Any) -> Any:
    from airflow_provider_mlops.hooks.training import probe_rows

    if not made.body["manifest"]["train"]["snapshots"]:
        return None
    try:
        return probe_rows(storage, made.body["manifest"])
    except FinalError as err:
        log.warning("The rows of its training cannot be read, so it is only loaded: %s", err)
        return None
