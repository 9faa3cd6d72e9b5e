"""Reading a source file once, and noticing when somebody writes to it meanwhile."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_mlops.backends.direct_file import NewFile, memory
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.side_by_side import ahead

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

    def __str__(self) -> str:
        return str(self.file)

    @property
    def name(self) -> str:
        """Last part of the file's path."""
        return self.file.name

    @property
    def local(self) -> Path | None:
        """The file's path on this machine, None where it lies elsewhere."""
        return self.file if isinstance(self.file, Path) else None

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

    def copy(self, target: Path) -> str:
        """Copy the file, piece by piece, and hash it on the way.

        :param target: path that does not exist yet.
        :return: hexadecimal SHA-256 of the bytes.
        :raises BadInput: when the file was changed meanwhile.
        """
        # Without a buffer of its own a local file is read straight into ours.
        opened = self.local.open("rb", buffering=0) if self.local is not None else self.file.open("rb")
        with opened, NewFile(target, self.size) as file:
            sha256, size = poured(opened, file)
        self.check()
        if size != self.size:
            raise BadInput(f"{self.file} gave {size:,} bytes instead of {self.size:,}; it was changed, or is cut off.")
        return sha256


def poured(source: Any, target: NewFile) -> tuple[str, int]:
    """Copy what is left of an open file to another one.

    :param source: open for reading bytes.
    :param target: the other one.
    :return: hexadecimal SHA-256 and number of the bytes.
    """
    digest, size = hashlib.sha256(), 0
    # A piece is read and hashed while the one before it is written.
    for piece in ahead(_pieces(source, digest)):
        target.write(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _pieces(source: Any, digest: Any) -> Iterator[memoryview]:
    """Read an open file into two memories in turn: one may be looked at until the next but one piece is asked for."""
    for buffer in itertools.cycle((memory(), memory())):
        if not (count := source.readinto(buffer)):
            return
        digest.update(buffer[:count])
        yield buffer[:count]


def _look(file: SourceFile) -> tuple[int, dict[str, Any]]:
    if (store := getattr(file, "fs", None)) is not None:
        store.invalidate_cache()  # what it knew before may have changed
    try:
        found = file.stat()
    except FileNotFoundError:
        raise BadInput(f"{file} does not exist (any more).") from None
    if isinstance(found, os.stat_result):
        return found.st_size, {"size": found.st_size, "mtime": found.st_mtime_ns, "ino": found.st_ino}
    state = {name: str(found[name]) for name in _STATE if name in found}
    return int(found.st_size), {**state, "st_size": found.st_size}
