"""What a record read and made, in the words of OpenLineage: from a prediction back to rows, code and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.cited_kinds import cited_by
from airflow_provider_mlops.hooks.lineage import address, dataset_of

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset

    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.storage import Storage

REGISTRY = "mlflow"
"""Namespace of registered models; the hash of a training's manifest is their version: no registry can move it."""
_MANIFEST = ("function", "code_files", "params", "seed", "features", "label")
_Named = tuple[str, str, str]
"""What it is (a folder of the storage, or ``models``), whose, and its version."""


def record_lineage(records: Iterable[Record], storage: Storage) -> OperatorLineage[Any, Any]:
    """Return what records read and made.

    :param records: the records that a task has written, or found again.
    :param storage: where rows lie.
    :return: datasets with their versions; what made a model, and which record says so, as facets of the run.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage

    inputs: dict[_Named, None] = {}
    outputs: dict[_Named, int | None] = {}
    facets: dict[str, Any] = {}
    for record in records:
        read = _READ.get(record.kind)
        inputs |= dict.fromkeys(read(record.body, record.chain.rpartition("/")[2]) if read else ())
        outputs |= dict(_made(record))
        facets |= _run_facets(record)
    return OperatorLineage(
        inputs=[_dataset(storage, named) for named in inputs],
        outputs=[_dataset(storage, named, rows) for named, rows in outputs.items()],
        run_facets=facets,
    )


def _made(record: Record) -> Iterator[tuple[_Named, int | None]]:
    """Yield what a record stored: its folder's name is its version."""
    model = record.chain.rpartition("/")[2]
    if record.kind == "training" and record.body.get("manifest_hash"):
        yield ("models", model, str(record.body["manifest_hash"])), None
    for folder in cited_by(record):
        kind, name, *_ = folder.path.split("/")
        rows = record.body.get("rows") if kind in ("predictions", "evaluations") else None
        yield (kind, name, folder.path.rpartition("/")[2]), rows


def _training(body: Mapping[str, Any], _: str) -> Iterator[_Named]:
    manifest = body.get("manifest")
    if manifest:
        for item in [*manifest["train"]["snapshots"], manifest["test"]]:
            yield _rows(manifest["dataset"], item["snapshot_id"])


def _evaluation(body: Mapping[str, Any], model: str) -> Iterator[_Named]:
    yield from (_model(model, body[role]) for role in ("candidate", "champion", "golden") if body.get(role))


def _predictions(body: Mapping[str, Any], model: str) -> Iterator[_Named]:
    yield _model(model, body)
    if body["snapshot_id"]:
        yield _rows(body["dataset"], body["snapshot_id"])


def _drift(body: Mapping[str, Any], model: str) -> Iterator[_Named]:
    dataset = body.get("dataset")
    if body.get("champion_manifest_hash"):
        yield "models", model, str(body["champion_manifest_hash"])
    if dataset:
        reference = (body.get("reference") or {}).get("dataset") or dataset
        yield from (_rows(dataset, item) for item in body.get("snapshot_ids") or ())
        yield from (_rows(reference, item) for item in body.get("reference_snapshot_ids") or ())


def _validation(body: Mapping[str, Any], dataset: str) -> Iterator[_Named]:
    yield _rows(dataset, body["snapshot_id"])


def _model_alone(body: Mapping[str, Any], model: str) -> Iterator[_Named]:
    if body.get("manifest_hash"):
        yield _model(model, body)


def _model(model: str, body: Mapping[str, Any]) -> _Named:
    return "models", model, str(body["manifest_hash"])


def _rows(dataset: str, snapshot_id: str) -> _Named:
    return "snapshots", dataset, str(snapshot_id)


_READ: Mapping[str, Callable[[Mapping[str, Any], str], Iterator[_Named]]] = {
    "training": _training,
    "evaluation": _evaluation,
    "predictions": _predictions,
    "predictions_refused": _predictions,
    "drift": _drift,
    "validation": _validation,
    "performance": _model_alone,
    "registration": _model_alone,
    "promotion": _model_alone,
    "certificate": _model_alone,
}


def _dataset(storage: Storage, named: _Named, rows: int | None = None) -> Dataset:
    kind, name, version = named
    if kind == "models":
        return dataset_of(REGISTRY, f"models/{name}", version)
    full = version if version.startswith("sha256:") or len(version) != 64 else f"sha256:{version}"
    return dataset_of(*address(storage.uri(f"{kind}/{name}")), full, rows=rows)


def _run_facets(record: Record) -> dict[str, Any]:
    facets = {
        "mlops_record": _facet("Record")(
            chain=record.chain, seq=record.seq, hash=record.hash, kind=record.kind, outcome=record.outcome
        )
    }
    manifest = record.body.get("manifest")
    if manifest:
        facets["mlops_manifest"] = _facet("Manifest")(
            manifest_hash=record.body.get("manifest_hash"),
            git=record.body.get("git"),
            **{name: manifest.get(name) for name in _MANIFEST},
        )
    return facets


_FIELDS = {"Record": ("chain", "seq", "hash", "kind", "outcome"), "Manifest": ("manifest_hash", "git", *_MANIFEST)}


@cache
def _facet(name: str) -> Any:
    """Make the class of a facet of ours; OpenLineage's client is only there where its provider is."""
    import attr
    from openlineage.client.facet_v2 import RunFacet

    schema = f"urn:airflow-provider-mlops:openlineage:{name.lower()}:v1"
    base = type(f"{name}Facet", (RunFacet,), {"_get_schema": staticmethod(lambda: schema)})
    return attr.make_class(
        f"Mlops{name}RunFacet", {field: attr.ib(default=None) for field in _FIELDS[name]}, bases=(base,)
    )
