"""A commit of a local Git repository as a folder of files; nothing is fetched, no checkout is touched."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput

_SECONDS = 120
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
        archive = _git(repository, "archive", "--format=tar", commit)
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


def _git(folder: Path, *arguments: str) -> bytes:
    # A worker's user need not own the bundle's folder, whose code it runs anyway. No filter or hook of it is run.
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS).stdout  # noqa: S603
