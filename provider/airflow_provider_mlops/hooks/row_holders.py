"""Who else keeps rows: the register of what an erasure must reach beyond snapshots, scores and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_mlops.core.erasure import Subject
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.hooks.removal import has_files
from airflow_provider_mlops.hooks.storage import Storage

RESERVED = ("predictions",)
"""Folders of the storage that hold rows by convention: while nobody erases from them, nothing is erased at all."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that are erased.

    :param dataset: name of the dataset.
    :param subject: whom they are about.
    :param row_ids: what names them, by the dataset's column of row ids; as text.
    """

    dataset: str
    subject: Subject
    row_ids: Mapping[str, frozenset[str]] = field(repr=False)


class RowHolder(Protocol):
    """Something that keeps rows, or values of rows, below the storage root.

    `find` and `rewrite` come before the erasure is recorded and change nothing that anybody reads; `remove` comes
    after it, maybe several times. What they hand on stands in the ledger: ids, paths and counts, never a value of a
    row.
    """

    folder: str
    """First part of its paths below the storage root, e.g. ``predictions``."""

    def row_id_columns(self, storage: Storage, dataset: str) -> set[str]:
        """Name the columns of the dataset whose values name rows here; those of the subject's rows come with `Rows`."""

    def find(self, storage: Storage, rows: Rows) -> Sequence[Mapping[str, Any]]:
        """Name what holds such rows, each with ``rows_erased``."""

    def rewrite(self, storage: Storage, rows: Rows, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store it without the rows, under another name, and return what is found with that name."""

    def remove(self, storage: Storage, found: Mapping[str, Any]) -> None:
        """Remove what still holds the rows; what is gone already is no error."""


_HOLDERS: dict[str, RowHolder] = {}


def register_holder(holder: RowHolder) -> None:
    """Let erasures reach what a holder keeps.

    :param holder: the holder; one of the same folder is replaced.
    :raises BadInput: when its folder is no plain name.
    """
    if not holder.folder or not holder.folder.replace("_", "").isalnum():
        raise BadInput(f"A holder of rows needs the name of a folder, not {holder.folder!r}.")
    _HOLDERS[holder.folder] = holder


def holders(storage: Storage) -> list[RowHolder]:
    """Return every holder, once it is sure that none is missing.

    :param storage: where rows lie.
    :return: the holders.
    :raises Refused: when a folder holds rows and nobody knows how to erase from it.
    """
    for folder in RESERVED:
        if folder not in _HOLDERS and has_files(storage, folder):
            raise Refused(
                f"{storage.uri(folder)} may hold rows too, and nothing here erases from it; nothing was erased. "
                "Register what does with hooks.row_holders.register_holder, or remove the folder."
            )
    return list(_HOLDERS.values())


def holder_of(folder: str) -> RowHolder:
    """Return the holder of a folder, to finish an erasure that it took part in.

    :param folder: its folder.
    :return: the holder.
    :raises Refused: when it is not registered in this process.
    """
    if folder not in _HOLDERS:
        raise Refused(f"An erasure must still remove rows from {folder!r}, whose holder is not registered here.")
    return _HOLDERS[folder]
