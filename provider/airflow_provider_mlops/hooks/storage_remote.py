"""Folders in an object store: moved in pieces, never a whole file in memory, and published by one exclusive object.

The files of a folder lie below a name that follows from its marker's bytes, so that two tasks that publish the same
content at once, in other bytes, never mix their files: whoever's marker stands is whole.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

MARKER = "manifest.json"
PIECE_BYTES = 8 << 20
HOME_DIGITS = 32


def upload_folder(staged: Path, target: ObjectStoragePath) -> None:
    """Upload the files of a folder, its marker last; where a marker stands already, that one stays.

    :param staged: the folder, with its marker.
    :param target: where it shall lie.
    :raises BadInput: when it may not be written.
    """
    marker = (staged / MARKER).read_bytes()
    home = target / home_of(marker)
    for path in sorted(staged.iterdir()):
        if path.name != MARKER:
            item = home / path.name
            with _errors(item, "written"), path.open("rb") as local, _open(item, "wb") as remote:
                shutil.copyfileobj(local, remote, PIECE_BYTES)
    with _errors(target / MARKER, "written"):
        _create(target / MARKER, marker)


def download_folder(source: ObjectStoragePath, folder: Path) -> None:
    """Download a published folder.

    :param source: where it lies.
    :param folder: an empty local folder.
    :raises EvidenceBroken: when an object is gone.
    :raises BadInput: when it may not be read.
    :raises TransientError: when an object came in part only.
    """
    _download(source / MARKER, folder)
    home = home_of((folder / MARKER).read_bytes())
    with _errors(source, "listed"):
        # Beside the marker lie the files of the first version's folders, and the homes of tasks that came second.
        found = [item for item in source.iterdir() if item.name not in (MARKER, home) and item.is_file()]
        if (source / home).is_dir():
            found += (source / home).iterdir()
    for item in found:
        _download(item, folder)


def home_of(marker: bytes) -> str:
    """Return the name, below a published folder, under which the files of a marker lie.

    :param marker: the marker's bytes.
    """
    return hashlib.sha256(marker).hexdigest()[:HOME_DIGITS]


def _download(item: ObjectStoragePath, folder: Path) -> None:
    target = folder / item.name
    with _errors(item, "read"):
        expected = int(item.stat().st_size)
        with _open(item, "rb") as remote, target.open("xb") as local:
            shutil.copyfileobj(remote, local, PIECE_BYTES)
    if target.stat().st_size != expected:
        raise TransientError(f"{item} gave {target.stat().st_size:,} of {expected:,} bytes; the task will try again.")


def _create(path: ObjectStoragePath, data: bytes) -> None:
    """Create an object that does not exist yet; the first one stays."""
    try:
        with _open(path, "xb") as remote:
            remote.write(data)
    except FileExistsError:
        return
    except (NotImplementedError, ValueError):  # a store that knows no exclusive creation
        if not path.exists():
            path.write_bytes(data)


def _open(path: ObjectStoragePath, mode: str) -> Any:
    return path.open(mode)  # type: ignore[no-untyped-call]  # Airflow's has no types


@contextmanager
def _errors(path: ObjectStoragePath, act: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as err:
        raise BadInput(f"{path} cannot be {act} ({err}); check the rights of the connection.") from err
    except FileNotFoundError as err:
        raise EvidenceBroken(f"{path} cannot be {act}: it, or its bucket, is not there ({err}).") from err
