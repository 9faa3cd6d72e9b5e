"""Asking a local Git repository: nothing is fetched, no checkout is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput, TransientError

SECONDS = 120
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")


class GitSaidNo(BadInput):
    """Git does not find what was asked for, in its own words."""


def git(folder: Path, *arguments: str, seconds: float = SECONDS) -> bytes:
    """Run Git in a folder.

    :param folder: the folder; it says which repository it is, no variable does.
    :param arguments: the command.
    :param seconds: how long it may take.
    :return: what it writes to its standard output.
    :raises GitSaidNo: when it ends with an error.
    :raises BadInput: when it is not installed, or the folder is not there.
    :raises TransientError: when it does not answer in time, or cannot be started just now.
    """
    # A worker's user need not own the bundle's folder, whose code it runs anyway.
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    # A clone that lacks a file does not fetch it; messages are those that are looked for, in any locale.
    env = {**kept, "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=seconds, env=env).stdout  # noqa: S603 - Git, with our own arguments
    except subprocess.CalledProcessError as err:
        said = err.stderr.decode(errors="replace").strip() or f"exit code {err.returncode}"
        raise GitSaidNo(f"git {_named(arguments)} at {folder}: {said[:300]}") from err
    except subprocess.TimeoutExpired as err:
        raise TransientError(
            f"git {_named(arguments)} at {folder} did not end within {seconds:g} seconds: the repository is large, or "
            "its disk slow; the task will try again."
        ) from err
    except FileNotFoundError as err:
        raise BadInput("Git is not installed where this task runs, or not on its PATH.") from err
    except OSError as err:
        raise TransientError(f"git {_named(arguments)} at {folder} could not be run: {err}") from err


def git_text(folder: Path, *arguments: str, seconds: float = SECONDS) -> str:
    """Run Git in a folder, and return what it writes as text, without the end of the last line.

    :param folder: as of `git`.
    :param arguments: as of `git`.
    :param seconds: as of `git`.
    :return: the text; bytes that are none come back when they are encoded for the file system.
    """
    return os.fsdecode(git(folder, *arguments, seconds=seconds)).rstrip("\n")


def _named(arguments: tuple[str, ...]) -> str:
    """Return the name of a command, which stands after options and their values."""
    words = list(arguments)
    while words and words[0] == "-c":
        words = words[2:]
    return words[0] if words else ""
