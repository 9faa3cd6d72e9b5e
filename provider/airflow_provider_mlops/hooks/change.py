"""Who wrote the code of a training, where Git knows it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SECONDS = 20


def last_change(modules: Iterable[str]) -> dict[str, str] | None:
    """Find the newest commit to the sources of modules, and who wrote it.

    :param modules: names of loaded modules.
    :return: ``commit``, ``author`` and ``email``; None where there is no Git, no commit, or an uncommitted change,
        whose author nobody knows.
    """
    files = [
        str(Path(path).resolve()) for name in modules if (path := getattr(sys.modules.get(name), "__file__", None))
    ]
    if not files:
        return None
    try:
        folder = str(Path(files[0]).parent)
        if _git(folder, "status", "--porcelain", "--", *files):
            return None
        commit, author, email = _git(folder, "log", "-1", "--format=%H%n%an%n%ae", "--", *files).split("\n")
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "author": author, "email": email}


def git_state(modules: Iterable[str]) -> dict[str, Any] | None:
    """Return the commit that the sources of modules were checked out at, and whether it tells all.

    :param modules: names of loaded modules.
    :return: ``commit``, and ``dirty``: whether the checkout differs from it; None where there is no Git.
    """
    files = [Path(path).resolve() for name in modules if (path := getattr(sys.modules.get(name), "__file__", None))]
    try:
        folder = str(files[0].parent)
        # Python's own folder may lie in somebody's checkout, too.
        _git(folder, "ls-files", "--error-unmatch", "--", *map(str, files))
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}
    except (IndexError, OSError, subprocess.SubprocessError):
        return None


def _git(folder: str, *arguments: str) -> str:
    # A worker's user need not own the bundle's folder, whose code it runs anyway.
    command = ["git", "-c", "safe.directory=*", "-C", folder, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)  # noqa: S603 - Git, with our own arguments
    return done.stdout.strip("\n")
