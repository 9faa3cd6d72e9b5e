"""Which commit the code of a training is of, who wrote it, and what differs from it, where Git knows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.git import GitSaidNo, git_text
from airflow_provider_mlops.backends.git_tree import has_commit, is_shallow, repositories_of
from airflow_provider_mlops.core.code_identity import module_file
from airflow_provider_mlops.core.errors import BadInput, TransientError

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record

_log = logging.getLogger(__name__)
_SECONDS = 20
_SHOWN = 10


def last_change(modules: Iterable[str]) -> dict[str, str] | None:
    """Find the newest commit to the sources of modules, and who wrote it.

    :param modules: names of modules.
    :return: ``commit``, ``author`` and ``email``; None where there is no Git, no commit, an uncommitted change, whose
        author nobody knows, or where the history was cut off before the commit.
    """
    files = _files(modules)
    if not files:
        return None
    try:
        folder = files[0].parent
        if _ask(folder, "status", "--porcelain", "--", *map(str, files)):
            return None
        found = _ask(folder, "log", "-1", "--format=%H%n%P%n%an%n%ae", "--", *map(str, files)).split("\n")
        commit, parents, author, email = found
        # A shallow clone takes its oldest commit for the author of everything that is older.
        if not parents and is_shallow(folder):
            return None
    except (GitSaidNo, ValueError):
        return None
    except (BadInput, TransientError) as err:
        _log.warning("Who wrote the code of the training is not recorded: %s", err)
        return None
    return {"commit": commit, "author": author, "email": email}


def git_state(modules: Iterable[str]) -> dict[str, Any] | None:
    """Return the commit that the sources of modules were checked out at, and whether it tells all.

    :param modules: names of modules.
    :return: ``commit``, and ``dirty``: whether the checkout differs from it; None where there is no Git, or a source is
        not in it.
    """
    files = _files(modules)
    try:
        found = repositories_of(files[0].parent) if files else []
        # Of code in a submodule and around it only the outer repository knows all.
        for _, top in found:
            # Python's own folder may lie in somebody's checkout, too.
            if all(file.is_relative_to(top.resolve()) for file in files) and _tracked(top, files):
                commit = _ask(top, "rev-parse", "HEAD")
                return {"commit": commit, "dirty": _is_dirty(top)}
    except GitSaidNo:
        return None
    except (BadInput, TransientError) as err:
        _log.warning("The commit of the training's code is not recorded: %s", err)
    return None


def other_files_since(training: Record) -> str | None:
    """Name the files of a checkout that are not as the recorded commit has them, whatever they are.

    :param training: record of a training.
    :return: a sentence; None where there are none, or Git does not know.
    """
    git, manifest = training.body.get("git"), training.body["manifest"]
    file = module_file(manifest["function"].partition(":")[0])
    if git is None or git["dirty"] or file is None:
        return None
    try:
        for _, top in repositories_of(file.parent):
            if has_commit(top, git["commit"]):
                names = [one for one in _ask(top, "diff", "--name-only", "-z", git["commit"]).split("\0") if one]
                shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
                return f"files of the checkout differ from commit {git['commit'][:12]}: {shown}" if names else None
    except (BadInput, TransientError) as err:
        _log.warning("What else changed since the commit is not known: %s", err)
    return None


def _files(modules: Iterable[str]) -> list[Path]:
    return [file.resolve() for name in modules if (file := module_file(name)) is not None]


def _tracked(top: Path, files: list[Path]) -> bool:
    """Whether Git has all the files, those of submodules too."""
    listed = _ask(top, "ls-files", "--recurse-submodules", "-z", "--", *map(str, files))
    return len({name for name in listed.split("\0") if name}) == len(set(files))


def _is_dirty(top: Path) -> bool:
    """Whether a checkout differs from its commit in more than what Python compiles beside the sources it imports."""
    listed = [entry for entry in _ask(top, "status", "--porcelain", "-z").split("\0") if entry]
    return any(not (entry.startswith("?? ") and Path(entry[3:]).name == "__pycache__") for entry in listed)


def _ask(folder: Path, *arguments: str) -> str:
    return git_text(folder, *arguments, seconds=_SECONDS)
