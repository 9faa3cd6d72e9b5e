"""A commit of a local Git repository as a folder of files."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

from airflow_provider_mlops.backends.git import GitSaidNo, git, git_text
from airflow_provider_mlops.core.errors import BadInput

_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SUBMODULE = "160000"


def repositories_of(folder: Path) -> list[tuple[Path, Path]]:
    """Find the repository that a folder was checked out from, and where that is a submodule, those around it.

    :param folder: a folder of a checkout, or of a bundle that Airflow's ``GitDagBundle`` keeps, which may have no
        ``.git`` of its own and a bare clone beside it.
    :return: folder to run Git in, and the root of the checkout, of each, the innermost first; empty where there is no
        Git.
    :raises BadInput: when Git is not installed.
    :raises TransientError: when it does not answer.
    """
    found: list[tuple[Path, Path]] = []
    place = _top(folder, "--show-toplevel")
    while place is not None:
        found.append((place, place))  # not the folder: an archive would hold nothing beside it
        place = _top(place, "--show-superproject-working-tree")
    if found:
        return found
    # <bundle>/bare is the clone; <bundle>/versions/<commit> and <bundle>/tracking_repo are what it was copied to.
    for parent in folder.parents:
        if (parent / "bare" / "HEAD").is_file():
            depth = 2 if folder.relative_to(parent).parts[0] == "versions" else 1
            return [(parent / "bare", parent.joinpath(*folder.relative_to(parent).parts[:depth]))]
    return []


def has_commit(repository: Path, commit: str) -> bool:
    """Whether a repository has a commit.

    :param repository: a folder inside the repository.
    :param commit: full hash of the commit.
    :raises BadInput: when it is no hash of a commit.
    :raises TransientError: when Git does not answer.
    """
    if not _COMMIT.fullmatch(commit):
        raise BadInput(f"{commit!r} is no hash of a commit.")
    try:
        git(repository, "cat-file", "-e", f"{commit}^{{commit}}")
    except GitSaidNo:
        return False
    return True


def is_shallow(repository: Path) -> bool:
    """Whether a clone holds the newest commits only.

    :param repository: a folder inside the repository.
    """
    return git_text(repository, "rev-parse", "--is-shallow-repository") == "true"


def export_commit(repository: Path, commit: str, target: Path) -> None:
    """Write the files of a commit into a folder, those of submodules that are checked out here too.

    :param repository: root of the checkout, or a bare repository.
    :param commit: full hash of the commit.
    :param target: an empty folder.
    :raises BadInput: when the repository does not have the commit, or Git is not installed.
    :raises TransientError: when Git does not answer, or the disk is full.
    """
    if not has_commit(repository, commit):
        raise BadInput(
            f"Commit {commit[:12]} is not in the repository at {repository}: fetch it there, or replay with "
            "code='today'."
        )
    archive = git(repository, *_no_filters(repository), "archive", "--format=tar", commit)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(target, filter="data")
    except tarfile.TarError as err:
        raise BadInput(f"Commit {commit[:12]} holds a file that must not be written: {err}") from err
    for path, own in _submodules(repository, commit):
        inner = repository / path
        # Where it is not there, what it holds fails the proof by hashes.
        if (inner / ".git").exists() and has_commit(inner, own):
            export_commit(inner, own, target / path)


def _top(folder: Path, option: str) -> Path | None:
    try:
        found = git_text(folder, "rev-parse", option)
    except GitSaidNo:
        return None
    return Path(found) if found else None


def _submodules(repository: Path, commit: str) -> list[tuple[str, str]]:
    """List the folder and the commit of each submodule that a commit names."""
    listed = git_text(repository, "ls-tree", "-r", "-z", "--full-tree", commit).rstrip("\0").split("\0")
    entries = [entry.partition("\t") for entry in listed if entry.startswith(_SUBMODULE)]
    return [(path, facts.split()[2]) for facts, _, path in entries]


def _no_filters(repository: Path) -> list[str]:
    """Return options that silence the configured filters: an archive would run the command that a file is smudged by.

    What a filter alone can bring then fails the proof by hashes.
    """
    try:
        found = git_text(repository, "config", "--null", "--name-only", "--get-regexp", r"^filter\.")
    except GitSaidNo:  # none is configured
        return []
    names = found.rstrip("\0").split("\0")
    if odd := [name for name in names if "=" in name]:
        raise BadInput(f"The repository at {repository} configures {odd[0]!r}, which cannot be silenced: rename it.")
    return [word for name in names for word in ("-c", f"{name}={'false' if name.endswith('.required') else ''}")]
