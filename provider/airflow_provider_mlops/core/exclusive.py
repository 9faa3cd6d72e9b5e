"""Files that are created once, whole, by one writer only: what makes appending compare-and-set."""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput, MLOpsError, TransientError

TEMPORARY = ".new-"
LEFTOVER_AGE_S = 3600.0
# Nothing but a person can change these; a full disk or a flaky mount may recover.
_FINAL = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EOPNOTSUPP,
}


def create_exclusive(path: Path, data: bytes) -> bool:
    """Create a file with its whole content, unless its name is taken.

    Readers see all of it or nothing, also after a kill or a crash: a temporary file is written and synced first,
    then linked to its name, which fails where the name exists.

    :param path: the file to create; its folder exists.
    :param data: its content.
    :return: True when this call created it, False when the name was taken.
    :raises BadInput: when the folder cannot be written, or its file system has no hard links.
    :raises TransientError: when the disk is full or failing.
    """
    temporary = path.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}"
    with clear_errors(path.parent):
        try:
            _write_synced(temporary, data)
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    return True


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, so that they survive a crash.

    :param folder: the folder to create; one that exists is fine.
    :raises BadInput: when it cannot be created.
    :raises TransientError: when the disk is full or failing.
    """
    with clear_errors(folder):
        missing = [part for part in (folder, *folder.parents) if not part.is_dir()]
        folder.mkdir(parents=True, exist_ok=True)
        for part in missing:
            _sync_folder(part.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of writers that were killed, once they are an hour old.

    :param folder: the folder to clean.
    """
    oldest = time.time() - LEFTOVER_AGE_S
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY) and entry.stat().st_mtime < oldest:
                Path(entry.path).unlink()


@contextmanager
def clear_errors(place: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours.

    :param place: the folder or file at work, for the message.
    :raises BadInput: when only a person can help: rights, a read-only or unsuitable file system, a wrong path.
    :raises TransientError: for everything else, e.g. a full disk.
    """
    try:
        yield
    except OSError as err:
        raise _translate(err, place) from err


def _translate(err: OSError, place: Path) -> MLOpsError:
    what = f"The ledger cannot use {str(place)!r}: {err.strerror or err}."
    if err.errno in _FINAL:
        return BadInput(
            f"{what} It needs a folder that this user may write, on a file system with hard links; "
            "set [mlops] ledger_root to one."
        )
    if err.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TransientError(f"{what} Free some space there; nothing was recorded.")
    return TransientError(what)


def _write_synced(path: Path, data: bytes) -> None:
    # Read-only from birth: a record is never written again.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
