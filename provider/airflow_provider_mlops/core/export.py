"""What belongs into the export of a model's evidence, as functions of its records; and the index over its files."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.signing import Signer, sign_export

SCHEMA = 1
INDEX, SEAL = "index.json", "index.dsse.json"
_SNAPSHOTS = ("snapshot_id", "accepted_snapshot_id", "reference_snapshot_ids")


def cited_datasets(records: Iterable[Record]) -> list[str]:
    """List the datasets that a model's records name.

    :param records: the records.
    :return: names, sorted.
    """
    return sorted({value for record in records for value in _members(record.body, ("dataset",))})


def cited_snapshots(records: Iterable[Record], dataset: Sequence[Record]) -> list[str]:
    """List the snapshots of a dataset that a model's records name.

    :param records: the model's records.
    :param dataset: the dataset's records.
    :return: ids, sorted.
    """
    own = {record.body.get("snapshot_id") for record in dataset}
    return sorted({value for record in records for value in _members(record.body, _SNAPSHOTS) if value in own})


def rules(records: Iterable[Record], what: str) -> tuple[dict[str, Any], list[str]]:
    """Collect the policies or suites by which verdicts were given.

    :param records: the records.
    :param what: ``policy`` or ``suite``.
    :return: their contents by their hash, and the hashes of those that records of an earlier release do not hold.
    """
    found: dict[str, Any] = {}
    named = set()
    for record in records:
        if isinstance(digest := record.body.get(f"{what}_hash"), str):
            named.add(digest)
            if (content := record.body.get(f"{what}_content")) is not None:
                found[digest] = content
    return found, sorted(named - found.keys())


def write_index(
    model: str,
    files: Mapping[str, bytes],
    chains: Mapping[str, Sequence[Record]],
    missing: Collection[str],
    signer: Signer | None,
    checkpoint: Mapping[str, Any],
) -> dict[str, bytes]:
    """Make the index over all files of an export, with its signature.

    :param model: name of the model.
    :param files: content by name.
    :param chains: records by chain.
    :param missing: what should be there and is not, a sentence each.
    :param signer: the key that signs the index; None: it is not signed.
    :param checkpoint: whether the model's chain was compared with its checkpoint, and with which record.
    :return: the files to add; the same bytes for the same evidence and key.
    """
    index: dict[str, Any] = {
        "schema": SCHEMA,
        "model": model,
        "chains": {name: {"records": len(found), "last_hash": found[-1].hash} for name, found in chains.items()},
        "checkpoint": dict(checkpoint),
        "files": {name: sha256_bytes(data) for name, data in files.items()},
        "missing": sorted(missing),
        "sealed_by": signer.public.id if signer else None,
    }
    raw = canonical_json({**index, "index_hash": sha256_of(index)}).encode() + b"\n"
    made = {INDEX: raw}
    if signer is not None:
        made[SEAL] = canonical_json(sign_export(INDEX, sha256_bytes(raw), {"model": model}, signer)).encode() + b"\n"
    return made


def hash_name(folder: str, digest: str) -> str:
    """Return the name of a file that is named after a hash.

    :param folder: its folder.
    :param digest: ``sha256:`` and 64 digits.
    """
    return f"{folder}/{digest.removeprefix(PREFIX)}.json"


def _members(value: Any, names: Collection[str], *, counts: bool = False) -> Iterator[str]:
    """Yield the texts of the members with one of the names, at any depth."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _members(item, names, counts=name in names)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _members(item, names, counts=counts)
    elif counts and isinstance(value, str):
        yield value
