"""Removing published folders: out of sight in one step, asked about once more, then deleted or put back."""

from __future__ import annotations

import errno
import json
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.hooks.storage import MARKER, Storage, plain_path
from airflow_provider_mlops.hooks.storage_remote import upload_folder

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

REMOVED, REMOVING = ".removed", ".removing"
# Deleting the objects of a folder takes seconds; whoever put a mark this old was killed.
STALE_SECONDS = 3600
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)


def folders(storage: Storage, relative: str) -> list[str]:
    """List the published folders right below a folder.

    :param storage: where they lie.
    :param relative: path below the root, e.g. ``snapshots/flights``.
    :return: their names, sorted; empty when there is no such folder.
    """
    plain_path(relative)
    if storage.is_local:
        found = {path.parent.name for path in Path(storage.root, relative).glob(f"*/{MARKER}")}
    else:
        top = _remote(storage, relative)
        try:
            paths = top.fs.find(top.path)
        except FileNotFoundError:
            paths = []
        below = [path.removeprefix(top.path).strip("/").split("/") for path in paths]
        found = {parts[0] for parts in below if len(parts) == 2 and parts[1] == MARKER}
    return sorted(name for name in found if not name.startswith("."))


def remove(storage: Storage, relative: str, is_gone: Callable[[], bool] = lambda: True) -> bool:
    """Remove a published folder, unless it turns out to be wanted.

    The folder is taken out of sight first and `is_gone` asked then: whoever recorded that it is wanted before the
    folder went out of sight is heard, whoever does so afterwards sees with `settled` that it is not there. A call
    that was killed is finished by the next one.

    :param storage: where it lies.
    :param relative: path below the root.
    :param is_gone: whether it is still to be removed, as the ledger says now.
    :return: True when nothing is there any more, False when it was put back.
    """
    plain_path(relative)
    if not storage.is_local:
        return _remove_remote(storage, relative, is_gone)
    try:
        return _remove_local(Path(storage.root), relative, is_gone)
    except PermissionError as err:
        raise BadInput(f"{storage.uri(relative)} cannot be removed ({err.strerror}); check who owns it.") from err


def publish_whole(storage: Storage, staged: Path, relative: str) -> str:
    """Publish a folder that others remove and publish, too.

    :param storage: where it shall lie.
    :param staged: a folder from `Storage.staging`, with its marker.
    :param relative: path below the root; it names the content.
    :return: the full address.
    :raises TransientError: when somebody is removing it at this moment.
    """
    uri = storage.publish(staged, relative)
    if storage.is_local or settled(storage, relative):
        return uri
    if _is_marked(storage, relative):
        raise TransientError(f"{uri} is being removed at this moment; the task will try again.")
    upload_folder(staged, _remote(storage, relative))  # some of its files are gone, its marker is there
    return uri


def settled(storage: Storage, relative: str) -> bool:
    """Whether a folder is published, whole, and nobody is removing it at this moment.

    :param storage: where it lies.
    :param relative: path below the root.
    """
    if storage.is_local or not storage.exists(relative):
        return storage.exists(relative)
    if _is_marked(storage, relative):
        return False
    # Whoever published while objects were being deleted may have lost some of them.
    there = {path.rpartition("/")[2] for path in _objects(_remote(storage, relative))}
    files = storage.read_marker(relative).get("files") or ()
    return there >= {item["name"] if isinstance(item, dict) else item for item in files}


def is_being_removed(storage: Storage, relative: str) -> bool:
    """Whether a removal of a folder in an object store has begun and not ended: it may still be put back.

    :param storage: where it lies.
    :param relative: path below the root.
    """
    return bool(_mark(storage, relative).exists())


def _remove_local(root: Path, relative: str, is_gone: Callable[[], bool]) -> bool:
    target, hidden = root / relative, root / REMOVED / _token(relative)
    if target.exists():
        hidden.parent.mkdir(parents=True, exist_ok=True)
        _hide(target, hidden)
    if is_gone():
        _delete(hidden)
        return not target.exists()
    with suppress(FileNotFoundError):
        try:
            hidden.rename(target)
        except OSError as err:
            if err.errno not in _TAKEN:  # published again meanwhile: the same rows
                raise
    return False


def _hide(target: Path, hidden: Path) -> None:
    with suppress(FileNotFoundError):  # another call was faster
        try:
            target.rename(hidden)
        except OSError as err:
            if err.errno not in _TAKEN:
                raise
            _delete(hidden)  # of an earlier call that was killed; the folder was published again since
            target.rename(hidden)


def _delete(hidden: Path) -> None:
    """Delete a hidden folder under a name of its own, so that nobody can put back what is half deleted."""
    mine = hidden.parent / uuid.uuid4().hex
    with suppress(FileNotFoundError):
        hidden.rename(mine)
        shutil.rmtree(mine)
    for leftover in hidden.parent.glob("[0-9a-f]" * 32):
        shutil.rmtree(leftover, ignore_errors=True)


def _remove_remote(storage: Storage, relative: str, is_gone: Callable[[], bool]) -> bool:
    """Without its marker a folder is not read; the mark tells publishers to wait until its objects are deleted."""
    target, mark = _remote(storage, relative), _mark(storage, relative)
    marker = target / MARKER
    if marker.exists():
        mark.write_text(json.dumps({"since": time.time(), "marker": marker.read_text()}))
        marker.unlink(missing_ok=True)
    if is_gone():
        # The marker never comes last: a reader must not find it above half a folder.
        for path in sorted(_objects(target), key=lambda path: not path.endswith(f"/{MARKER}")):
            with suppress(FileNotFoundError):
                target.fs.rm_file(path)
        target.fs.invalidate_cache()
        mark.unlink(missing_ok=True)
        return True
    if mark.exists() and not marker.exists():
        marker.write_text(json.loads(mark.read_text())["marker"])
    mark.unlink(missing_ok=True)
    return False


def _objects(folder: ObjectStoragePath) -> list[str]:
    try:
        return list(folder.fs.find(folder.path))
    except FileNotFoundError:
        return []


def _age(mark: ObjectStoragePath) -> float:
    try:
        return time.time() - float(json.loads(mark.read_text())["since"])
    except FileNotFoundError:
        return STALE_SECONDS


def _is_marked(storage: Storage, relative: str) -> bool:
    """Whether somebody who is alive is removing a folder."""
    mark = _mark(storage, relative)
    return bool(mark.exists()) and _age(mark) < STALE_SECONDS


def _mark(storage: Storage, relative: str) -> ObjectStoragePath:
    return _remote(storage, f"{REMOVING}/{_token(relative)}")


def _remote(storage: Storage, relative: str) -> ObjectStoragePath:
    from airflow.sdk import ObjectStoragePath

    path = ObjectStoragePath(storage.root) / relative
    path.fs.invalidate_cache()
    return path


def _token(relative: str) -> str:
    return relative.replace("/", "+")


def files_below(storage: Storage, relative: str) -> list[str]:
    """List every file below a folder, published or not.

    :param storage: where to look.
    :param relative: path below the root.
    :return: their paths below the root, sorted.
    """
    plain_path(relative)
    if storage.is_local:
        root = Path(storage.root)
        return sorted(path.relative_to(root).as_posix() for path in (root / relative).rglob("*") if path.is_file())
    top = _remote(storage, relative)
    below = (path.removeprefix(top.path).strip("/") for path in _objects(top))
    return sorted(f"{relative}/{path}" for path in below)


def has_files(storage: Storage, relative: str) -> bool:
    """Whether there is any file below a folder, published or not.

    :param storage: where to look.
    :param relative: path below the root.
    """
    return bool(files_below(storage, relative))
