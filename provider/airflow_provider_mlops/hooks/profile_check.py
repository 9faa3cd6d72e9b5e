"""Checking stored profiles: their marker states the hash of their file, and its own; a record may cite their hash."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH
from airflow_provider_mlops.hooks.profile_store import FILE, read_content
from airflow_provider_mlops.hooks.storage import MARKER, Storage

_NO_MARKER = "there is no readable manifest beside it: a file was added, or the manifest was changed or removed."


def profile_problems(storage: Storage, path: str) -> list[tuple[str, str]]:
    """Check the folder of a profile, which can be made again from the snapshots at any time.

    :param storage: where it lies.
    :param path: the folder, below the storage root.
    :return: name of the file and what is wrong with it.
    """
    try:
        marker, text = storage.read_marker(path), storage.marker(path)
    except EvidenceBroken:
        return [(MARKER, _NO_MARKER)]
    with storage.open(path) as folder:
        return [*_marker(marker, text, path), *_files(folder, marker)]


def cited_problem(storage: Storage, path: str, hashes: Mapping[str, object]) -> str | None:
    """Compare a profile or a specification that is stored with what records cite.

    :param storage: where it lies.
    :param path: the folder, below the storage root.
    :param hashes: the hashes that records cite for this place.
    :return: what is wrong; None where it is one of them, or is not there: then it is missed, and made again.
    """
    if not storage.exists(path):
        return None
    try:
        _, found = read_content(storage, path)
    except EvidenceBroken as err:
        return str(err)
    return None if found in hashes else f"it was exchanged: its hash is {found}, the recorded one {', '.join(hashes)}."


def _marker(marker: dict[str, Any], text: str, path: str) -> Iterator[tuple[str, str]]:
    stated = {name: value for name, value in marker.items() if name != OWN_HASH}
    first_release = OWN_HASH not in marker and "file_hash" not in marker
    if text != canonical_json(marker) + "\n" or not (first_release or marker.get(OWN_HASH) == sha256_of(stated)):
        yield MARKER, "it was changed: it does not have the hash that it states itself."
    elif not first_release and marker.get("path") != path:
        yield MARKER, f"it was exchanged: it belongs to {marker.get('path')}."


def _files(folder: Path, marker: dict[str, Any]) -> Iterator[tuple[str, str]]:
    present = {item.name for item in folder.iterdir()}
    for name in sorted(present - {FILE, MARKER}):
        yield name, "it does not belong to a profile."
    if FILE not in present:
        yield FILE, "it is missing."
        return
    raw = (folder / FILE).read_bytes()
    if not _holds(raw, marker):
        yield FILE, "it was changed: it does not have the hash beside it."


def _holds(raw: bytes, marker: dict[str, Any]) -> bool:
    if "file_hash" in marker and sha256_bytes(raw) != marker["file_hash"]:
        return False
    try:
        return bool(sha256_bytes(gzip.decompress(raw)) == marker.get("content_hash"))
    except (OSError, EOFError, zlib.error):
        return False
