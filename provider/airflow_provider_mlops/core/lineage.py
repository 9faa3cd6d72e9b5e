"""Which models and predictions used a snapshot, from the records of models alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.base import with_bases
from airflow_provider_mlops.core.evidence import registration_by_manifest
from airflow_provider_mlops.core.prediction_log import PREDICTIONS
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome


def uses_of(snapshot_ids: Iterable[str], models: Mapping[str, Sequence[Record]]) -> list[dict[str, Any]]:
    """List every live use of a snapshot: trained on, tested on, scored.

    :param snapshot_ids: the snapshot, and others that hold rows of it: its `kin`, and the windows that name them.
    :param models: records of each model's ledger, oldest first, by model.
    :return: ``model``, ``use`` (``trained on``, ``base trained on``, ``tested on``, ``scored``), ``snapshot_id`` (which
        of them; None of a base), ``version``, ``partition_key``, ``rows`` and ``record`` of each use, in the order of
        the records.
    """
    wanted = set(snapshot_ids)
    found = []
    for model, records in models.items():
        learned = _learned(records, wanted)
        for record in records:
            if record.mode != "live":
                continue
            if record.kind == "training" and record.outcome is None:
                uses = _training_uses(record, wanted, learned, records)
                found += [_training_use(model, record, records, *use) for use in uses]
            elif record.kind == PREDICTIONS and record.body["snapshot_id"] in wanted:
                body = record.body
                found.append(_use(model, "scored", body["snapshot_id"], record, body["model_version"]))
    return found


def kin(snapshot_id: str, records: Iterable[Record]) -> set[str]:
    """Name the snapshots that hold rows of a snapshot: what a validation accepted of it, or an erasure has left of it.

    And the other way round: what it was accepted from, what it was before an erasure.

    :param snapshot_id: the snapshot.
    :param records: live records of its dataset's ledger.
    :return: their ids, its own too.
    """
    links: dict[str, set[str]] = {}
    for one, other in _links(records):
        links.setdefault(one, set()).add(other)
        links.setdefault(other, set()).add(one)
    found, waiting = {snapshot_id}, [snapshot_id]
    while waiting:
        new = links.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _links(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    for record in records:
        if record.mode != "live":
            continue
        if record.kind == "validation" and record.outcome == Outcome.PASS and record.body.get("accepted_snapshot_id"):
            yield record.body["snapshot_id"], record.body["accepted_snapshot_id"]
        elif record.kind == "erasure":
            for item in record.body["snapshots"]:
                if item["replaced_by"]:
                    yield item["snapshot_id"], item["replaced_by"]


def _learned(records: Sequence[Record], wanted: set[str]) -> set[str]:
    """Name the trainings that read a snapshot themselves."""
    trainings = (record for record in records if record.kind == "training" and record.outcome is None)
    return {record.body["manifest_hash"] for record in trainings if _read(record, wanted)}


def _read(record: Record, wanted: set[str]) -> list[str]:
    ids = (item["snapshot_id"] for item in record.body["manifest"]["train"]["snapshots"])
    return [snapshot_id for snapshot_id in ids if snapshot_id in wanted]


def _training_uses(
    record: Record, wanted: set[str], learned: set[str], records: Sequence[Record]
) -> Iterator[tuple[str, str | None]]:
    own, tested = record.body["manifest_hash"], record.body["manifest"]["test"]["snapshot_id"]
    if read := _read(record, wanted):
        yield "trained on", read[0]
    if (with_bases(records, [own]) - {own}) & learned:
        yield "base trained on", None
    if tested in wanted:
        yield "tested on", tested


def _training_use(
    model: str, record: Record, records: Sequence[Record], use: str, snapshot_id: str | None
) -> dict[str, Any]:
    registered = registration_by_manifest(records, record.body["manifest_hash"])
    return _use(model, use, snapshot_id, record, registered.body["version"] if registered else None)


def _use(model: str, use: str, snapshot_id: str | None, record: Record, version: str | None) -> dict[str, Any]:
    body = record.body
    return {
        "model": model,
        "use": use,
        "snapshot_id": snapshot_id,
        "version": version,
        "partition_key": body["partition_key"],
        "rows": body.get("rows"),
        "record": record.hash,
    }
