"""The storage of rows: folders that appear whole or not at all, under one root."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops import config
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError
from airflow_provider_mlops.hooks.leftovers import remove_stale, remove_temporary
from airflow_provider_mlops.hooks.storage_remote import MARKER, download_folder, upload_folder

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

STAGING = ".staging"

__all__ = ["MARKER", "Storage", "plain_path"]


class Storage:
    """Folders of files under one root; a folder is there once its ``manifest.json`` is.

    :param root: local folder, or any URL that Airflow's ``ObjectStoragePath`` opens (``s3://connection@bucket/key``).
        Default: the option ``storage_root`` of the section ``mlops``.
    :param ledger_root: folder of the ledgers, which say what became of a folder that is missing. Default: the option
        ``ledger_root`` of the section ``mlops``.
    """

    def __init__(self, root: str | None = None, ledger_root: str | None = None) -> None:
        self.ledger_root = ledger_root
        self.root = (root or config.storage_root()).removeprefix("file://").rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder of this machine."""
        return "://" not in self.root

    def uri(self, relative: str) -> str:
        """Return the full address of a folder.

        :param relative: path below the root, e.g. ``snapshots/flights/0a1b...``.
        """
        return f"{self.root}/{relative}"

    def exists(self, relative: str) -> bool:
        """Whether a folder was published.

        :param relative: path below the root.
        """
        if self.is_local:
            return (self._local(relative) / MARKER).is_file()
        return bool((self._remote(relative) / MARKER).exists())

    def marker(self, relative: str) -> str:
        """Read the text of a published folder's ``manifest.json``, and nothing else of the folder.

        :param relative: path below the root.
        :return: the text.
        :raises EvidenceBroken: when nothing was published there, or it is no text.
        """
        path = (self._local if self.is_local else self._remote)(relative) / MARKER
        try:
            return str(path.read_bytes().decode())
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(relative) from None
        except UnicodeDecodeError as err:
            raise EvidenceBroken(f"{self.uri(relative)}/{MARKER} is not text: {err}") from err

    def read_marker(self, relative: str) -> dict[str, Any]:
        """Read what a published folder's ``manifest.json`` holds, without proving it.

        :param relative: path below the root.
        :return: what it holds.
        :raises EvidenceBroken: when nothing was published there, or it is not a JSON object.
        """
        try:
            found = json.loads(self.marker(relative))
        except (ValueError, RecursionError) as err:
            raise EvidenceBroken(f"{self.uri(relative)}/{MARKER} is not JSON: {err}") from err
        if not isinstance(found, dict):
            raise EvidenceBroken(f"{self.uri(relative)}/{MARKER} is not a JSON object.")
        return found

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Open a private folder to write into before publishing; it is removed afterwards, whatever happens.

        :return: context manager that gives the folder.
        :raises BadInput: when the root cannot be written.
        :raises TransientError: when the disk is full.
        """
        with self._storage_errors():
            folder = self._new_staging_folder()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def remove_leftovers(self) -> int:
        """Remove what killed tasks left in staging and in this machine's temporary folder more than a day ago.

        :return: how many folders were removed.
        """
        staged = remove_stale(Path(self.root) / STAGING) if self.is_local else 0
        return staged + remove_temporary()

    def publish(self, staged: Path, relative: str) -> str:
        """Make a staged folder readable under its final name, in one step; the first one wins.

        :param staged: a folder from `staging`, with its ``manifest.json``.
        :param relative: path below the root; it names the content, so that whoever was first published the same.
        :return: the full address.
        :raises BadInput: when the root cannot be written.
        :raises TransientError: when the disk is full.
        """
        with self._storage_errors():
            if self.is_local:
                self._publish_local(staged, self._local(relative))
            elif not self.exists(relative):
                upload_folder(staged, self._remote(relative))
        return self.uri(relative)

    @contextmanager
    def open(self, relative: str) -> Iterator[Path]:
        """Open a published folder for reading; remote files are copied to a temporary folder, piece by piece.

        :param relative: path below the root.
        :return: context manager that gives a local folder.
        :raises EvidenceBroken: when nothing was published there.
        :raises TransientError: when the disk is full, a remote file came in part only, or the folder was removed while
            it was read: by an erasure, say, and the ledger leads the retry to the rows that are left.
        """
        if not self.exists(relative):
            raise self._missing(relative)
        if self.is_local:
            try:
                yield self._local(relative)
            except (EvidenceBroken, FileNotFoundError) as err:
                if self.exists(relative):
                    raise
                raise TransientError(f"{self.uri(relative)} was removed while it was read: {err}") from err
            return
        with tempfile.TemporaryDirectory(prefix="mlops-") as folder:
            with self._storage_errors():
                download_folder(self._remote(relative), Path(folder))
            yield Path(folder)

    def _missing(self, relative: str) -> EvidenceBroken:
        from airflow_provider_mlops.core.gone import PRUNED
        from airflow_provider_mlops.hooks.gone import Pruned, lost_folder

        lost = lost_folder(self, relative)
        why = lost.why() if lost else "was it erased or pruned?"
        kind = Pruned if lost is not None and lost.how == PRUNED else EvidenceBroken
        return kind(f"Nothing is stored at {self.uri(relative)}; {why}")

    def _local(self, relative: str) -> Path:
        return Path(self.root) / plain_path(relative)

    def _remote(self, relative: str) -> ObjectStoragePath:
        from airflow.sdk import ObjectStoragePath

        path = ObjectStoragePath(self.root) / plain_path(relative)
        # File systems are shared in a process and keep listings: what others published or erased since must show.
        path.fs.invalidate_cache()
        return path

    def _new_staging_folder(self) -> Path:
        if not self.is_local:
            return Path(tempfile.mkdtemp(prefix="mlops-"))
        home = Path(self.root) / STAGING
        home.mkdir(parents=True, exist_ok=True)
        remove_stale(home)
        folder = home / uuid.uuid4().hex
        folder.mkdir()
        return folder

    @staticmethod
    def _publish_local(staged: Path, target: Path) -> None:
        for path in staged.iterdir():
            _fsync(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            staged.rename(target)
        except OSError as err:
            if err.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        _fsync(target.parent)

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            if err.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TransientError(f"No space is left at {self.root}; free some, the task will try again.") from err
            if err.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
                raise BadInput(
                    f"Storage root {self.root} cannot be written ({err.strerror}); set the option [mlops] storage_root."
                ) from err
            raise


def plain_path(relative: str) -> str:
    """Check a path below the storage root.

    :param relative: the path.
    :return: the same.
    :raises BadInput: when it is empty, absolute, leads elsewhere or has a part that is hidden.
    """
    parts = relative.split("/")
    if any(part in ("", ".", "..") or part.startswith(".") for part in parts):
        raise BadInput(f"{relative!r} is not a plain path below the storage root.")
    return relative


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
