"""Objects that killed tasks left in an object store: files of a folder that no marker names."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from airflow_provider_mlops.hooks.evidence_folders import FOLDERS
from airflow_provider_mlops.hooks.leftovers import STALE_SECONDS
from airflow_provider_mlops.hooks.removal import is_being_removed
from airflow_provider_mlops.hooks.storage import MARKER, Storage
from airflow_provider_mlops.hooks.storage_remote import HOME_DIGITS, home_of

_WRITTEN = ("LastModified", "last_modified", "updated", "mtime")
_UNKNOWN = float("inf")


def remove_unpublished(storage: Storage, *, seconds: float = STALE_SECONDS) -> int:
    """Remove the uploaded files that no marker names and to which nothing was added for a while.

    Only the folders in which we publish are looked through: a bucket may hold other things.

    :param storage: where to look; on a local one there are none, because a folder is published whole.
    :param seconds: how long nothing was written.
    :return: of how many uploads files were removed.
    """
    return 0 if storage.is_local else sum(_removed(storage, place, seconds) for place in FOLDERS)


def _removed(storage: Storage, place: str, seconds: float) -> int:
    from airflow.sdk import ObjectStoragePath

    top = ObjectStoragePath(storage.root) / place
    removed = 0
    for home, written in _homes(top).items():
        relative = f"{place}{home.rpartition('/')[0].removeprefix(top.path.rstrip('/'))}"
        if time.time() - max(written.values()) <= seconds:
            continue
        # A removal takes the marker out of sight under its mark, and may put it back: named before, or after the mark.
        if _is_named(top.fs, home) or is_being_removed(storage, relative) or _is_named(top.fs, home):
            continue
        for path in written:
            with suppress(FileNotFoundError):  # another call was faster
                top.fs.rm_file(path)
        removed += 1
    top.fs.invalidate_cache()
    return removed


def _homes(top: Any) -> dict[str, dict[str, float]]:
    """Find the folders that `storage_remote.upload_folder` puts files into, and when each file was written."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for path, info in _objects(top):
        folder, _, name = path.rpartition("/")
        last = folder.rpartition("/")[2]
        if len(last) == HOME_DIGITS and set(last) <= set("0123456789abcdef"):
            # A folder of that name with a marker of its own is no such folder.
            found[folder][path] = _UNKNOWN if name == MARKER else _written(info)
    return found


def _objects(top: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    top.fs.invalidate_cache()
    with suppress(FileNotFoundError):
        yield from top.fs.find(top.path, detail=True).items()


def _is_named(store: Any, home: str) -> bool:
    """Whether the marker beside a folder of files names it; asked after the listing, so that a late one is seen."""
    folder, _, name = home.rpartition("/")
    try:
        return bool(home_of(store.cat_file(f"{folder}/{MARKER}")) == name)
    except FileNotFoundError:
        return False


def _written(info: Mapping[str, Any]) -> float:
    """When an object was written; one that does not tell stays."""
    for name in _WRITTEN:
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return _UNKNOWN
