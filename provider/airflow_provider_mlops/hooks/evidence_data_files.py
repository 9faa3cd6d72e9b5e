"""Comparing the files of a Dag bundle that trainings have read beside their rows with the hashes in their records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from airflow_provider_mlops.backends.files_read import hash_files
from airflow_provider_mlops.core.cited import Finding
from airflow_provider_mlops.core.cited_kinds import name_of
from airflow_provider_mlops.core.record import Record

KEY = "data_files"


def data_file_findings(bundle: Path, chains: Mapping[str, Sequence[Record]]) -> list[Finding]:
    """Compare each file that trainings have read with what the newest of them has read.

    A changed file takes nothing from a model that is there: what is found here says that it cannot be trained again.

    :param bundle: root of the Dag bundle.
    :param chains: records by chain, oldest first.
    :return: the files that are missing or hold something else.
    """
    newest = {
        (root, name): (record, digest)
        for record in _trainings(chains)
        if (root := _root(bundle, record)) is not None
        for name, digest in record.body[KEY].items()
    }
    found = []
    for (root, name), (record, digest) in sorted(newest.items(), key=lambda item: item[0]):
        there = hash_files(root, [name])[name]
        if there != digest:
            problem = (
                "it is not in the bundle." if there is None else "it was changed: it is not what was trained with."
            )
            place = name if root == bundle else f"{root.name}/{name}"
            found.append(Finding(place, "data file", problem, name_of(record)))
    return found


def data_files_elsewhere(bundle: Path, chains: Mapping[str, Sequence[Record]]) -> list[str]:
    """Say of which trainings the files cannot be looked for: their function is not of this bundle.

    :param bundle: root of the Dag bundle.
    :param chains: records by chain, oldest first.
    :return: a sentence each.
    """
    return [
        f"files that the training of {name_of(record)} has read: {_module(record)} is not in the bundle."
        for record in _trainings(chains)
        if _root(bundle, record) is None
    ]


def _trainings(chains: Mapping[str, Sequence[Record]]) -> Iterator[Record]:
    for records in chains.values():
        yield from (r for r in records if r.kind == "training" and r.mode == "live" and r.body.get(KEY))


def _root(bundle: Path, record: Record) -> Path | None:
    """Return the folder that the paths are below: the bundle, or a folder of it that modules are imported from."""
    if record.body.get("dag_file"):
        return bundle
    module = _module(record).replace(".", "/")
    folders = [bundle, *sorted(path for path in bundle.iterdir() if path.is_dir())]
    return next((one for one in folders if (one / f"{module}.py").is_file() or (one / module).is_dir()), None)


def _module(record: Record) -> str:
    return str(record.body["manifest"]["function"]).partition(":")[0]
