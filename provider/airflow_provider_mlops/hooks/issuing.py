"""What a task is about to publish, noted first: a try that was killed before it recorded that leaves nothing behind.

A retry may come to another certificate: other libraries are imported, the code was changed, a live run went on. Then
no record cites what the killed try has published. A note says whose it is, and whoever ends the decision removes it. It
is removed and not recorded, because a note proves nothing: a task signs only what it has found itself.

The other try may be alive, though, and about to record. So a note holds the number of the ledger's newest record as it
was before, and its try records only while nobody has ended the decision since; else it notes and publishes anew. What
was noted before its decision ended can thus be removed: nobody will ever record it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.hooks.removal import remove

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_mlops.hooks.storage import Storage

ISSUING = ".issuing"
_NOTE = re.compile(r"([0-9a-f]{64})\+([0-9a-f]{64})\+([0-9]{1,18})")


def note(storage: Storage, decision: str, digest: str, since: int) -> None:
    """Say that a decision is about to publish something.

    :param storage: where it is published.
    :param decision: hash that names the decision, the same in each try.
    :param digest: hash of what is published.
    :param since: number of the ledger's newest record before.
    """
    place = _place(storage)
    if isinstance(place, Path):
        place.mkdir(parents=True, exist_ok=True)
    (place / _Note(decision, digest, since).name).write_bytes(b"")


def sweep(
    storage: Storage,
    decision: str,
    path_of: Callable[[str], str],
    is_cited: Callable[[str], bool],
    ended_at: Callable[[str], int],
) -> None:
    """Remove what tries of a decision have published and will never record, and the notes of it.

    A removal that another call began, of what was recorded meanwhile, is undone.

    :param storage: where it lies.
    :param decision: hash that names the decision.
    :param path_of: where something lies below the storage root, by its hash.
    :param is_cited: whether a record cites it, as the ledger says now; asked again once it is out of sight.
    :param ended_at: number of the newest record that ended a decision, as the ledger says now; 0 for none.
    """

    def is_left(digest: str) -> bool:
        # Several decisions may come to the same: all their tries must be over. Notes are read first, as whoever records
        # removes its own only afterwards.
        tries = [one for one in _notes(storage) if one.digest == digest]
        return not is_cited(digest) and all(one.since < ended_at(one.decision) for one in tries)

    mine = [one for one in _notes(storage) if one.decision == decision]
    for digest in sorted({one.digest for one in mine}):
        path = path_of(digest)
        if is_cited(digest):
            if not storage.exists(path):
                remove(storage, path, lambda: False)
        elif is_left(digest):
            remove(storage, path, partial(is_left, digest))
    ended = ended_at(decision)
    for one in mine:
        if one.since < ended or is_cited(one.digest):
            (_place(storage) / one.name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Note:
    decision: str
    digest: str
    since: int

    @property
    def name(self) -> str:
        return "+".join((self.decision.removeprefix(PREFIX), self.digest.removeprefix(PREFIX), str(self.since)))


def _notes(storage: Storage) -> list[_Note]:
    try:
        names = sorted(path.name for path in _place(storage).iterdir())
    except (FileNotFoundError, NotADirectoryError):  # an object store knows no empty folder
        return []
    found = (_NOTE.fullmatch(name) for name in names)
    return [_Note(f"{PREFIX}{one[1]}", f"{PREFIX}{one[2]}", int(one[3])) for one in found if one is not None]


def _place(storage: Storage) -> Path | ObjectStoragePath:
    if storage.is_local:
        return Path(storage.root) / ISSUING
    from airflow.sdk import ObjectStoragePath

    place = ObjectStoragePath(storage.root) / ISSUING
    place.fs.invalidate_cache()
    return place
