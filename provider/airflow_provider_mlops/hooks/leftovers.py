"""Folders that killed tasks left behind: staged rows that nobody published, and temporary copies."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

STALE_SECONDS = 24 * 3600
TEMPORARY = "mlops-"
"""How the names of our temporary folders begin."""


def remove_stale(home: Path, prefix: str = "", *, seconds: float = STALE_SECONDS) -> int:
    """Remove the folders right below a folder in which nothing was written for a while.

    :param home: the folder; it may be missing.
    :param prefix: how their names begin.
    :param seconds: how long nothing was written.
    :return: how many were removed.
    """
    removed = 0
    for folder in home.iterdir() if home.is_dir() else ():
        try:
            ours = folder.name.startswith(prefix) and folder.is_dir() and not folder.is_symlink()
            if not ours or folder.stat().st_uid != os.getuid() or time.time() - _newest(folder) <= seconds:
                continue
        except FileNotFoundError:  # its task removed it meanwhile
            continue
        shutil.rmtree(folder, ignore_errors=True)
        removed += 1
    return removed


def remove_temporary() -> int:
    """Remove this user's temporary folders of ours on this machine in which nothing was written for a day.

    :return: how many were removed.
    """
    return remove_stale(Path(tempfile.gettempdir()), TEMPORARY)


def _newest(folder: Path) -> float:
    """When something was written: a long task adds to a file, which does not show in the folder."""
    return max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))
