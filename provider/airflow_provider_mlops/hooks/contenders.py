"""Which versions an evaluation compares: those that the registry names now, or those of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.alias_moves import baseline_of, golden_of
from airflow_provider_mlops.core.base import learned_manifests
from airflow_provider_mlops.core.evaluation import CANDIDATE, CHAMPION, GOLDEN, Contender, Contenders
from airflow_provider_mlops.core.evidence import registration_by_version, training_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook

Versions = Mapping[str, str | None]


def versions_now(
    hook: MlflowHook, records: Sequence[Record], model: str, candidate: str | None, golden_alias: str | None
) -> Versions:
    """Read from the registry whom a candidate is compared with.

    :param hook: the MLflow connection.
    :param records: records of the model's ledger.
    :param model: name of the registered model.
    :param candidate: version of the candidate, which is no baseline of itself; None when it is not registered.
    :param golden_alias: alias of the golden version; None or empty for no golden version.
    :return: version by role, None where there is none.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow as ml

    with hook.session() as client:
        champion = ml.alias_version(client, model, CHAMPION)
        named = ml.alias_version(client, model, golden_alias) if golden_alias else None
    if champion is not None and champion == candidate:
        champion = baseline_of(records, candidate)
    golden = golden_of(records, named, candidate) if golden_alias else None
    return {CHAMPION: champion, GOLDEN: golden}


def versions_recorded(recorded: Record | None) -> Versions:
    """Read from the record of an evaluation whom its candidate was compared with.

    :param recorded: the record; None when there is none.
    :return: version by role, None where there was none.
    """
    body = recorded.body if recorded else {}
    return {role: (body.get(role) or {}).get("version") for role in (CHAMPION, GOLDEN)}


def contenders_of(
    records: Sequence[Record], model: str, training: Record, candidate: str | None, versions: Versions, log: Any
) -> Contenders:
    """Find the trainings of the versions that are scored.

    :param records: records of the model's ledger.
    :param model: name of the registered model.
    :param training: the record of the candidate's training.
    :param candidate: version of the candidate; None when it is not registered.
    :param versions: the others' versions by role.
    :param log: where it is told that there is none.
    :return: the models by role.
    :raises Refused: when the ledger does not know a version.
    """
    found = {CANDIDATE: Contender(training, candidate, learned_manifests(records, training)[1:])}
    for role, other in versions.items():
        if other is None:
            log.info("Model %s has no %s.", model, f"{role} version" if role == GOLDEN else role)
            continue
        made = registration_by_version(records, model, other)
        found[role] = Contender(training_of(records, model, made.body["manifest_hash"]), other)
    return found
