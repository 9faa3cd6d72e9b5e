"""Checking folders of the storage against what records cite of them, and finding the files that no record cites."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from airflow_provider_mlops.backends.snapshot_files import read_manifest
from airflow_provider_mlops.core.canonical import PREFIX, sha256_bytes
from airflow_provider_mlops.core.cited import CitedStorage, Finding
from airflow_provider_mlops.core.cited_kinds import MARKER, CitedFolder
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH, check_identity
from airflow_provider_mlops.hooks.file_hashes import folder_hashes
from airflow_provider_mlops.hooks.profile_check import profile_problems
from airflow_provider_mlops.hooks.profile_store import FOLDER as PROFILES
from airflow_provider_mlops.hooks.removal import files_below
from airflow_provider_mlops.hooks.storage import Storage

FOLDERS = (
    "snapshots",
    "quarantine",
    "evaluations",
    "predictions",
    "reports",
    "drift_reports",
    "fire_drills",
    "certificates",
    "cards",
    "tombstones",
    "checkpoints",
    PROFILES,
)
"""What lies below the storage root."""
NOT_EVIDENCE = re.compile(r"(predictions/[^/]+/[^/]+/scoring-[^/]+|checkpoints)/")
"""What an unfinished scoring or training has kept: no record cites it, and it is proved before it is used."""
_UNKNOWN = "no record cites it: it was added, its record was cut off, or a task was killed before it wrote one."


def folder_findings(storage: Storage, cited: CitedFolder) -> list[Finding]:
    """Check one folder.

    :param storage: where it lies.
    :param cited: what a record says of it.
    :return: what is not as recorded.
    """
    if not storage.exists(cited.path):
        missing = [Finding(f"{cited.path}/{MARKER}", cited.what, "it is missing.", cited.by)]
        return missing if cited.needed or files_below(storage, cited.path) else []
    with storage.open(cited.path) as folder:
        rows = cited.content_id is not None or cited.manifest_sha256 is not None
        problems = _rows_problems(folder, cited) if rows else _file_problems(folder, cited)
        return [Finding(f"{cited.path}/{name}".rstrip("/"), cited.what, text, cited.by) for name, text in problems]


def unknown_findings(storage: Storage, known: CitedStorage, tops: Iterable[str]) -> Iterator[Finding]:
    """Find files that no record cites.

    :param storage: where they lie.
    :param known: what records cite.
    :param tops: folders below the storage root to look into.
    :return: one finding a file; a profile is checked by itself.
    """
    for top in tops:
        paths = entries_below(storage, top)
        odd = {path for path in paths if _is_odd(storage, path)}
        if top.startswith(PROFILES):
            yield from (Finding(path, "unknown file", _UNKNOWN) for path in sorted(odd))
            for folder in sorted({_folder_of(path) for path in paths} - {_folder_of(path) for path in odd}):
                for name, text in profile_problems(storage, folder):
                    yield Finding(f"{folder}/{name}", "profile", text)
            continue
        for path in paths:
            folder = _folder_of(path)
            if by := known.removed.get(folder):
                yield Finding(path, "removed rows", "a record removed it, and it lies there still.", by)
            elif (folder not in known.folders or path in odd) and not NOT_EVIDENCE.match(path):
                yield Finding(path, "unknown file", _UNKNOWN)


def entries_below(storage: Storage, relative: str) -> list[str]:
    """List every file below a folder, and on a disk whatever else lies there: pipes, links to nothing or to folders.

    :param storage: where to look.
    :param relative: path below the root.
    :return: their paths below the root, sorted. A link that leads out of the storage is followed, any other is listed.
    """
    if not storage.is_local:
        return files_below(storage, relative)
    root = Path(storage.root)
    return sorted(path.relative_to(root).as_posix() for path in _entries(root, root / relative))


def differences(stated: Mapping[str, str], found: Mapping[str, str], *, whole: bool) -> Iterator[tuple[str, str]]:
    """Compare the hashes of files with those that were recorded.

    :param stated: recorded hash by name, with or without ``sha256:``.
    :param found: hash by name.
    :param whole: whether every file must be among the recorded ones.
    :return: name and what is wrong, in order.
    """
    for name in sorted(stated.keys() | found.keys()):
        if name not in found:
            yield name, "it is missing."
        elif name not in stated:
            if whole:
                yield name, "it does not belong here: no record names it."
        elif stated[name].removeprefix(PREFIX) != found[name].removeprefix(PREFIX):
            yield name, "it was changed: its SHA-256 is not the recorded one."


def _entries(root: Path, top: Path) -> Iterator[Path]:
    real, followed = root.resolve(), set[Path]()
    for folder, below, names in os.walk(top, followlinks=True):
        yield from (Path(folder, name) for name in names)
        for path in [Path(folder, name) for name in below]:
            if not path.is_symlink():
                continue
            target = path.resolve()
            if target.is_relative_to(real) or target in followed:
                below.remove(path.name)
                yield path
            followed.add(target)


def _is_odd(storage: Storage, path: str) -> bool:
    """Whether what lies at a path is no file: a pipe, or a link to nothing or to a folder."""
    place = Path(storage.root, path)
    return storage.is_local and os.path.lexists(place) and not place.is_file()


def _folder_of(path: str) -> str:
    """Return the published folder that a file would belong to."""
    parts = path.split("/")
    return "/".join(parts[: 4 if parts[0] == "predictions" else 3])


def _rows_problems(folder: Path, cited: CitedFolder) -> Iterator[tuple[str, str]]:
    from airflow_provider_mlops.backends.parquet import verify_snapshot

    try:
        manifest = read_manifest(folder)
        if cited.content_id is not None:
            check_identity(manifest, cited.content_id, str(folder), cited.manifest_sha256)
        elif manifest[OWN_HASH] != cited.manifest_sha256:
            raise EvidenceBroken(f"its hash is not the recorded {cited.manifest_sha256}.")
    except EvidenceBroken as err:
        yield MARKER, str(err)
        return
    stated = {str(item["name"]): str(item["sha256"]) for item in manifest["files"]}
    found = {name: sha256 for name, sha256 in folder_hashes(folder).items() if name != MARKER}
    problems = list(differences(stated, found, whole=True))
    yield from problems
    if cited.content_id is not None and cited.manifest_sha256 is None and not problems:
        # The manifest proves nothing by itself: the values do.
        try:
            verify_snapshot(folder, cited.content_id)
        except EvidenceBroken as err:
            yield "", str(err)


def _file_problems(folder: Path, cited: CitedFolder) -> Iterator[tuple[str, str]]:
    found = folder_hashes(folder)
    for name, digest in cited.texts.items():
        if name in found and name not in cited.files:
            raw = (folder / name).read_bytes()
            same = raw.endswith(b"\n") and sha256_bytes(raw[:-1]) == digest
            found[name] = digest if same else f"not {digest}"
    yield from differences({**cited.texts, **cited.files}, found, whole=cited.proved)
