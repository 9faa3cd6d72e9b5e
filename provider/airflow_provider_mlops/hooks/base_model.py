"""Which version a training starts from, resolved once for a run; and its model, fetched and proved by hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import withdrawn_versions
from airflow_provider_mlops.core.base import chain_of, cited_base, is_start
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.evidence import registration_by_version, training_of
from airflow_provider_mlops.hooks.fitting import Base

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.hooks.mlflow import MlflowHook


def start_versions(
    hook: MlflowHook, ledger: Ledger, run: RunFacts, model: str, wanted: Sequence[str]
) -> dict[str, str | None]:
    """Say which versions a training starts from; an alias is looked up once for a run, and the answer recorded.

    A retried or cleared task of the run finds the recorded answer, though another run has promoted meanwhile.

    :param hook: the MLflow connection.
    :param ledger: the model's ledger.
    :param run: facts of the run.
    :param model: name of the registered model.
    :param wanted: versions, or aliases behind an ``@``.
    :return: version by what was wanted; None where no version has the alias.
    :raises BadInput: when it is neither.
    """
    for name in wanted:
        if not is_start(str(name)):
            raise BadInput(f"{name!r} is neither a version (7) nor an alias behind an @ (@champion).")
    aliases = sorted({name[1:] for name in map(str, wanted) if name.startswith("@")})
    found = _aliases_of_run(hook, ledger, run, model, aliases) if aliases else {}
    return {name: found[name[1:]] if str(name).startswith("@") else str(name) for name in wanted}


def made_by(records: Sequence[Record], model: str, version: str) -> Record:
    """Find the record that says how a version was trained.

    :param records: records of the model's ledger.
    :param model: name of the registered model.
    :param version: the version.
    :return: the record of its training.
    :raises Refused: when it was retired, or not trained here: nobody knows its parameters or rows.
    """
    if (gone := withdrawn_versions(records).get(version)) is not None and gone.for_good:
        raise Refused(f"Version {version} of model {model!r} {gone.why}; nothing starts from it any more.")
    registered = registration_by_version(records, model, version)
    if registered.kind == "registration":
        record = training_of(records, model, registered.body["manifest_hash"])
        if record.kind == "training":
            return record
    raise Refused(
        f"Version {version} of model {model!r} was not trained here ({registered.kind}): its parameters and rows are "
        "not on record. Start from a version that was, or train in full with explicit train_params."
    )


def open_base(hook: MlflowHook, records: Sequence[Record], manifest: Mapping[str, Any]) -> Base | None:
    """Fetch the base that a manifest cites: by the hash of its archive before it is loaded, by its digest after.

    :param hook: the MLflow connection.
    :param records: records of the model's ledger.
    :param manifest: of the training that goes on from it.
    :return: the base; None where the manifest cites none.
    :raises EvidenceBroken: when the base is missing, or is not the recorded one.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk
    from airflow_provider_mlops.hooks.scoring import load_model

    if (cited := cited_base(manifest)) is None:
        return None
    nearest = chain_of(records, manifest)[0]
    try:
        estimator = load_model(hook, nearest)
    except EvidenceBroken as err:
        raise EvidenceBroken(f"The base, version {cited['version']}, is missing or was changed: {err}") from err
    if (digest := sk.model_digest(estimator)) != cited["model_digest"]:
        raise EvidenceBroken(
            f"The base, version {cited['version']}, was changed: its canonical digest is {digest}, recorded is "
            f"{cited['model_digest']}."
        )
    return Base(estimator, nearest.body.get("classes"))


def _aliases_of_run(
    hook: MlflowHook, ledger: Ledger, run: RunFacts, model: str, aliases: Sequence[str]
) -> dict[str, str | None]:
    from airflow_provider_mlops.backends import mlflow as ml

    key = sha256_of({"step": "training_start", "request": run.request, "aliases": list(aliases)})
    record = ledger.find(kind="training_start", key=key, mode=run.mode)
    if record is None:
        with hook.session() as client:
            now = {alias: ml.alias_version(client, model, alias) for alias in aliases}
        body = {"partition_key": run.partition_key, "versions": now}
        record = ledger.append(kind="training_start", key=key, body=body, run=run.to_record(), mode=run.mode)
    return dict(record.body["versions"])
