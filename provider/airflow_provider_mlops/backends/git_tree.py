"""A commit of a local Git repository as a folder of files; nothing is fetched, no checkout is touched."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput

_SECONDS = 120
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def repository_of(folder: Path) -> tuple[Path, Path] | None:
    """Find the repository that a folder was checked out from.

    :param folder: a folder of a checkout, or of a bundle that Airflow's ``GitDagBundle`` keeps, which may have no
        ``.git`` of its own and a bare clone beside it.
    :return: folder to run Git in, and the root of the checkout; None where there is no Git.
    """
    try:
        top = Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
        return top, top  # not the folder: an archive would hold nothing beside it
    except (OSError, subprocess.SubprocessError):
        pass
    # <bundle>/bare is the clone; <bundle>/versions/<commit> and <bundle>/tracking_repo are what it was copied to.
    for parent in folder.parents:
        if (parent / "bare" / "HEAD").is_file():
            depth = 2 if folder.relative_to(parent).parts[0] == "versions" else 1
            return parent / "bare", parent.joinpath(*folder.relative_to(parent).parts[:depth])
    return None


def export_commit(repository: Path, commit: str, target: Path) -> None:
    """Write the files of a commit into a folder.

    :param repository: a folder inside the repository.
    :param commit: full hash of the commit.
    :param target: an empty folder.
    :raises BadInput: when the repository does not have the commit, or Git is not installed.
    """
    if not _COMMIT.fullmatch(commit):
        raise BadInput(f"{commit!r} is no hash of a commit.")
    try:
        archive = _git(repository, *_no_filters(repository), "archive", "--format=tar", commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(target, filter="data")
    except (OSError, subprocess.SubprocessError) as err:
        said = getattr(err, "stderr", b"") or str(err).encode()
        raise BadInput(
            f"Commit {commit[:12]} is not in the repository at {repository}: {said.decode(errors='replace')[:200]} "
            "Fetch it there, or replay with code='today'."
        ) from err
    except tarfile.TarError as err:
        raise BadInput(f"Commit {commit[:12]} holds a file that must not be written: {err}") from err


def _no_filters(repository: Path) -> list[str]:
    """Return options that silence the configured filters: an archive would run the command that a file is smudged by.

    What a filter alone can bring then fails the proof by hashes.
    """
    try:
        found = _git(repository, "config", "--null", "--name-only", "--get-regexp", r"^filter\.")
    except subprocess.CalledProcessError as err:
        if err.returncode == 1:  # none is configured
            return []
        raise
    names = found.decode(errors="surrogateescape").rstrip("\0").split("\0")
    if odd := [name for name in names if "=" in name]:
        raise BadInput(f"The repository at {repository} configures {odd[0]!r}, which cannot be silenced: rename it.")
    return [word for name in names for word in ("-c", f"{name}={'false' if name.endswith('.required') else ''}")]


def _git(folder: Path, *arguments: str) -> bytes:
    # A worker's user need not own the bundle's folder, whose code it runs anyway. No filter or hook of it is run.
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    # The folder says which repository it is, and a clone that lacks a file does not fetch it.
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    env = {**kept, "GIT_NO_LAZY_FETCH": "1"}
    return subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS, env=env).stdout  # noqa: S603 - Git, with our own arguments
