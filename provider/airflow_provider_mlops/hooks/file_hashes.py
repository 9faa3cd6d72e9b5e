"""The hashes of a published folder's files, which the record that cites the folder states."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.snapshot_files import file_facts

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.storage import Storage


def stored_hashes(storage: Storage, relative: str) -> dict[str, str]:
    """Hash what lies in a published folder: of two tasks that publish the same, the files of the first stay.

    :param storage: where it lies.
    :param relative: path below the root.
    :return: SHA-256, 64 digits, by name of the file.
    :raises EvidenceBroken: when nothing was published there.
    """
    with storage.open(relative) as folder:
        return folder_hashes(folder)


def folder_hashes(folder: Path) -> dict[str, str]:
    """Hash every file of a folder and of those below it.

    :param folder: a local folder.
    :return: SHA-256, 64 digits, by path below the folder.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="sha256") as pool:
        hashes = pool.map(lambda path: str(file_facts(path)["sha256"]), paths)
        return {path.relative_to(folder).as_posix(): found for path, found in zip(paths, hashes, strict=True)}
