"""Which files below a folder a piece of code reads, told by Python's audit events, and hashed when it has ended.

This file imports nothing of this project: another interpreter, which does not have it, runs the same file. What is not
read by Python's ``open`` is not seen: by a library in C (Arrow, DuckDB), or in a process that the code starts.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST = 1_000
_CODE = (".py", ".pyc", ".pyo", ".so", ".pyd", ".pth")
_INSTALLED = ("site-packages", "dist-packages", "__pycache__")
_WRITES = os.O_WRONLY | os.O_RDWR
_PIECE = 1 << 20
_watching: list[FilesRead] = []
_hooked: list[bool] = []


class FilesRead:
    """The files that were opened for reading while it watched.

    :param root: the folder below which files count.
    :param leave_out: folders below it that do not.
    """

    def __init__(self, root: str | Path, leave_out: Iterable[str | Path] = ()) -> None:
        self.root = Path(root).resolve()
        self._leave_out = [Path(one).resolve() for one in leave_out]
        self._states: dict[str, tuple[int, ...]] = {}
        self._written: set[str] = set()

    def opened(self, path: Path, *, writes: bool) -> None:
        """Take note of a file that is about to be opened.

        :param path: as it was given.
        :param writes: whether it may be written.
        """
        # The folder is resolved, the name is not: what a link in the bundle leads to counts as that link's content.
        place = path.absolute().parent.resolve() / path.name
        if not self._counts(place):
            return
        name = place.relative_to(self.root).as_posix()
        if writes:
            self._written.add(name)
        elif name not in self._states and place.is_file():
            self._states[name] = _state(place)

    def hashes(self) -> dict[str, str] | None:
        """Hash what was read; what the code has written itself is left out.

        :return: SHA-256, 64 digits, by path below the root; None where there are too many files to keep.
        :raises OSError: when a file is not any more what it was when it was read.
        """
        read = sorted(self._states.keys() - self._written)
        if len(read) > MOST:
            return None
        found = {}
        for name in read:
            digest = sha256_of_file(self.root / name)
            if digest is None or _state(self.root / name) != self._states[name]:
                raise OSError(f"{self.root / name} was changed or removed while the training ran.")
            found[name] = digest
        return found

    def _counts(self, place: Path) -> bool:
        if not place.is_relative_to(self.root) or any(place.is_relative_to(one) for one in self._leave_out):
            return False
        parts = place.relative_to(self.root).parts
        return place.suffix not in _CODE and not any(part[0] == "." or part in _INSTALLED for part in parts)


@contextmanager
def files_read(root: str | Path | None, leave_out: Iterable[str | Path] = ()) -> Iterator[FilesRead | None]:
    """Watch which files below a folder this process reads, in whatever thread.

    :param root: the folder; None to watch nothing.
    :param leave_out: folders below it that do not count.
    :return: context manager that gives what was read.
    """
    if root is None:
        yield None
        return
    if not _hooked:  # a hook stays as long as the process
        sys.addaudithook(_on_event)
        _hooked.append(True)
    watched = FilesRead(root, leave_out)
    _watching.append(watched)
    try:
        yield watched
    finally:
        _watching.remove(watched)


def hash_files(root: str | Path, names: Collection[str]) -> dict[str, str | None]:
    """Hash files by their names.

    :param root: the folder that they lie below.
    :param names: paths below it.
    :return: SHA-256 by name, None for one that is not there, or leads elsewhere.
    """
    inside = (name for name in names if ".." not in Path(name).parts and not Path(name).is_absolute())
    return {**dict.fromkeys(names), **{name: sha256_of_file(Path(root) / name) for name in inside}}


def sha256_of_file(path: Path) -> str | None:
    """Hash a file.

    :param path: the file.
    :return: 64 digits; None where there is no such file.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    return digest.hexdigest()


def merged(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> dict[str, str] | None:
    """Put what two pieces of code have read together.

    :param one: as `FilesRead.hashes` returns it.
    :param other: the same.
    :return: both; None where one is not known.
    """
    return None if one is None or other is None else {**one, **other}


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    """Hear what Python is about to do. An error here would become one of the code that is watched."""
    if event != "open" or not _watching:
        return
    path, _, flags = arguments
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or not isinstance(flags, int):
        return
    for one in tuple(_watching):
        try:
            one.opened(Path(path), writes=bool(flags & _WRITES))
        except (OSError, ValueError):
            continue


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
