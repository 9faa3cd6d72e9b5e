"""What is not as it was recorded, before anything is trained again: rows, code, environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.certificate import Cause, Difference
from airflow_provider_mlops.core.code_identity import code_files
from airflow_provider_mlops.core.replay import code_differences, environment_differences
from airflow_provider_mlops.hooks.gone import erasures_since

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.storage import Storage


def known_differences(storage: Storage, training: Record, function: Callable[..., Any]) -> list[Difference]:
    """List what differs from the record of a training: erased rows, changed modules, another environment.

    :param storage: it knows the ledger that says what was erased.
    :param training: the record.
    :param function: the training function as it is now.
    :return: the differences, causes first.
    """
    from airflow_provider_mlops.backends.environment import environment_now

    manifest, recorded = training.body["manifest"], training.body["environment"]
    erased = [
        Difference(Cause.DATA_ERASED, f"{item.rows:,} rows were lawfully erased (record {item.record})")
        for item in erasures_since(storage, manifest)
    ]
    code = code_differences(manifest["code_files"], code_files(function))
    environment = environment_differences(recorded, environment_now(recorded))
    return [
        *erased,
        *(Difference(Cause.CODE, detail) for detail in code),
        *(Difference(Cause.ENVIRONMENT, detail) for detail in environment),
    ]
