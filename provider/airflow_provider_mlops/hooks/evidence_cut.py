"""Finding records that were cut off a chain by what names them elsewhere: the registry, and records of other chains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.cited import Finding
from airflow_provider_mlops.core.cited_kinds import DATASET, name_of
from airflow_provider_mlops.core.gone import gone_snapshots, is_void
from airflow_provider_mlops.hooks.mlflow import MlflowHook

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record

MODEL = "model/"
MANIFEST_TAG = "mlops.manifest_hash"
_TAGS = ("mlops.gate_record", "mlops.moved.", "mlops.retired", "mlops.model_card")
"""Tags of versions whose value is the hash of the record that they follow from."""
_CUT = "its record was cut off, or a task was killed before it wrote one."


def named_elsewhere(chains: Mapping[str, Sequence[Record]], chosen: Iterable[str]) -> Iterator[Finding]:
    """Find what records of one chain say of another one that does not hold it.

    :param chains: the intact records of all chains, oldest first.
    :param chosen: names of the chains to check.
    :return: a finding for each record that is missing.
    """
    for name in chosen:
        for by, missing in _missing(name, chains):
            yield Finding(name, "record", f"it does not hold {missing}: {_CUT}", name_of(by))


def registry_names(hook: MlflowHook, model: str, records: Sequence[Record], trained: set[str]) -> Iterator[Finding]:
    """Find what the registry holds of a model, and no record of its ledger tells of.

    :param hook: the MLflow connection.
    :param model: name of the registered model.
    :param records: the intact records of its ledger.
    :param trained: hashes of the manifests that records of all ledgers name: models of several may share an experiment.
    :return: a finding for each version, tag and logged model.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow_registry as registry

    hashes = {record.hash for record in records} | {copy for record in records for copy in _copied(record)}
    versions = {str(record.body["version"]) for record in records if record.body.get("version")}
    experiments = {str(r.body["mlflow_experiment_id"]) for r in records if r.body.get("mlflow_experiment_id")}
    with hook.session() as client:
        for version, tags in registry.versions_of(client, model).items():
            place = f"models:/{model}/{version}"
            if MANIFEST_TAG in tags and version not in versions:
                yield Finding(place, "version", f"no record names it: {_CUT}")
            for tag, value in sorted(tags.items()):
                if tag.startswith(_TAGS) and value.startswith(PREFIX) and value not in hashes:
                    yield Finding(place, "tag", f"{tag} names record {value}, which the chain does not hold: cut off.")
        for model_id, key in registry.logged_models_of(client, model, experiments).items():
            if key not in trained:
                yield Finding(f"models:/{model_id}", "model", f"no record names it: {_CUT}")


def _missing(name: str, chains: Mapping[str, Sequence[Record]]) -> Iterator[tuple[Record, str]]:
    own = {record.hash for record in chains.get(name, ())}
    for other, records in chains.items():
        if other == name:
            continue
        if name.startswith(DATASET):
            for record in _erasures(records):
                if f"{DATASET}{record.body.get('dataset')}" == name and record.body.get("erasure") not in own:
                    yield record, f"the erasure {record.body.get('erasure')}"
        elif other.startswith(DATASET):
            yield from _of_scores(name.removeprefix(MODEL), chains[name], records)


def _of_scores(model: str, own: Sequence[Record], dataset: Sequence[Record]) -> Iterator[tuple[Record, str]]:
    """An erasure that rewrote scores of a model is told in the model's chain, too."""
    told = {record.body.get("erasure") for record in _erasures(own)}
    gone: Mapping[str, Any] | None = None
    for record in _erasures(dataset):
        if record.hash in told or not any(item.get("model") == model for item in record.body.get("scores", ())):
            continue
        gone = gone_snapshots(dataset) if gone is None else gone
        if not is_void(record, gone):
            yield record, f"the rewriting of its scores by the erasure {record.hash}"


def _copied(record: Record) -> Iterator[str]:
    """Name the source's records that a transfer has copied: tags of the version may be about them."""
    if record.kind == "transfer":
        yield from (str(copy.get("hash")) for copy in record.body.get("records", ()))


def _erasures(records: Iterable[Record]) -> Iterator[Record]:
    return (record for record in records if record.kind == "erasure" and record.mode == "live")
