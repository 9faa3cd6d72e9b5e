"""Reading a source file once, and noticing when somebody writes to it meanwhile."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_mlops.core.errors import BadInput

COPY_BYTES = 8 << 20
_STATE = ("size", "mtime", "ino", "ETag", "etag", "VersionId", "version_id", "LastModified", "md5", "generation")


class SourceFile(Protocol):
    """What is read of a file: a `pathlib.Path` has it, and Airflow's ``ObjectStoragePath`` too."""

    @property
    def name(self) -> str:
        """Last part of the path."""

    def open(self, mode: str) -> Any:
        """Open the file."""

    def stat(self) -> Any:
        """Return size, time of the last change, and what else the store knows of the file's state."""


class SteadyFile:
    """A file that must stay as it is from the first look to the last.

    :param file: local path or path of an object store.
    :raises BadInput: when it is missing or no file.
    """

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.size, self._state = _look(file)

    def check(self) -> None:
        """Check that the file is still what it was at first.

        :raises BadInput: when it was changed meanwhile.
        """
        size, state = _look(self.file)
        if state != self._state:
            raise BadInput(
                f"{self.file} was changed while it was read ({self.size:,} bytes before, {size:,} after); read what "
                "nobody writes to any more, or a copy of it."
            )

    def chunks(self) -> Iterator[bytes]:
        """Read the file from its start to its end, in pieces of 8 MiB.

        :return: the pieces.
        :raises BadInput: when the file was changed meanwhile.
        """
        read = 0
        with self.file.open("rb") as opened:
            while piece := opened.read(COPY_BYTES):
                read += len(piece)
                yield piece
        self.check()
        if read != self.size:
            raise BadInput(f"{self.file} gave {read:,} bytes instead of {self.size:,}; it was changed, or is cut off.")


def copy_hashed(source: SteadyFile, target: Path) -> str:
    """Copy a file and hash it in the same pass.

    :param source: the file.
    :param target: path that does not exist yet.
    :return: hexadecimal SHA-256 of the bytes.
    :raises BadInput: when the file was changed meanwhile.
    """
    digest = hashlib.sha256()
    with target.open("xb") as file:
        for piece in source.chunks():
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _look(file: SourceFile) -> tuple[int, dict[str, Any]]:
    try:
        found = file.stat()
    except FileNotFoundError:
        raise BadInput(f"{file} does not exist (any more).") from None
    if isinstance(found, os.stat_result):
        return found.st_size, {"size": found.st_size, "mtime": found.st_mtime_ns, "ino": found.st_ino}
    state = {name: str(found[name]) for name in _STATE if name in found}
    return int(found.st_size), {**state, "st_size": found.st_size}
