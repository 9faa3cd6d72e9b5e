"""What a task is about to publish, noted first: a try that was killed before it recorded that leaves nothing behind.

A retry may come to another certificate: other libraries are imported, the code was changed, a live run went on. Then
no record cites what the killed try has published. A note says whose it is, and whoever ends the decision removes it. It
is removed and not recorded, because a note proves nothing: a task signs only what it has found itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.hooks.removal import remove

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_mlops.hooks.storage import Storage

ISSUING = ".issuing"
_BETWEEN = "+"
_DIGITS = re.compile(r"[0-9a-f]{64}")


def note(storage: Storage, decision: str, digest: str) -> None:
    """Say that a decision is about to publish something.

    :param storage: where it is published.
    :param decision: hash that names the decision, the same in each try.
    :param digest: hash of what is published.
    """
    place = _place(storage)
    if isinstance(place, Path):
        place.mkdir(parents=True, exist_ok=True)
    (place / _name(decision, digest)).write_bytes(b"")


def sweep(storage: Storage, decision: str, path_of: Callable[[str], str], is_cited: Callable[[str], bool]) -> list[str]:
    """Remove what tries of a decision have published and no record cites, and the notes of it.

    :param storage: where it lies.
    :param decision: hash that names the decision.
    :param path_of: where something lies below the storage root, by its hash.
    :param is_cited: whether a record cites it, as the ledger says now; asked again once it is out of sight.
    :return: the hashes of what was removed.
    """
    removed = []
    for digest in _noted(storage, decision):
        path = path_of(digest)
        if not is_cited(digest) and storage.exists(path) and remove(storage, path, partial(_is_not, is_cited, digest)):
            removed.append(digest)
        (_place(storage) / _name(decision, digest)).unlink(missing_ok=True)
    return removed


def _noted(storage: Storage, decision: str) -> list[str]:
    place, mine = _place(storage), f"{decision.removeprefix(PREFIX)}{_BETWEEN}"
    try:
        names = sorted(path.name for path in place.iterdir())
    except FileNotFoundError:
        return []
    found = [name.removeprefix(mine) for name in names if name.startswith(mine)]
    return [f"{PREFIX}{digits}" for digits in found if _DIGITS.fullmatch(digits)]


def _is_not(is_cited: Callable[[str], bool], digest: str) -> bool:
    return not is_cited(digest)


def _name(decision: str, digest: str) -> str:
    return f"{decision.removeprefix(PREFIX)}{_BETWEEN}{digest.removeprefix(PREFIX)}"


def _place(storage: Storage) -> Path | ObjectStoragePath:
    if storage.is_local:
        return Path(storage.root) / ISSUING
    from airflow.sdk import ObjectStoragePath

    place = ObjectStoragePath(storage.root) / ISSUING
    place.fs.invalidate_cache()
    return place
