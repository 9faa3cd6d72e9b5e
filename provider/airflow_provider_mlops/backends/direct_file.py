"""A new file for many bytes, written past the page cache where the file system can do that.

Copying gigabytes into the page cache takes the processor longer than hashing them, and pushes out of memory what other
tasks read.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from pathlib import Path
from types import TracebackType
from typing import Self

PIECE_BYTES = 1 << 22
LARGE_BYTES = 1 << 28
"""From so many bytes on; a smaller file stays in memory for whoever reads it next."""
_BLOCK = 4096
_DIRECT = getattr(os, "O_DIRECT", 0)


class NewFile:
    """A file that does not exist yet, open for writing.

    :param path: its path.
    :param size: bytes that are expected.
    :raises FileExistsError: when there is one.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._direct = _DIRECT if size >= LARGE_BYTES else 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags | self._direct, 0o666)
        except OSError as err:
            if not self._direct or err.errno != errno.EINVAL:
                raise
            # Some file systems, as those in memory, refuse after they have made the file.
            self._direct = 0
            self._descriptor = os.open(path, flags & ~os.O_EXCL, 0o666)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def write(self, piece: memoryview) -> None:
        """Write all of a piece.

        :param piece: bytes in memory as `memory` gives it, from its beginning; only the last one may be of any length.
        """
        while piece:
            if self._direct and len(piece) % _BLOCK:
                self._past_cache_no_more()
            try:
                piece = piece[os.write(self._descriptor, piece) :]
            except OSError as err:
                if not self._direct or err.errno != errno.EINVAL:
                    raise
                self._past_cache_no_more()

    def _past_cache_no_more(self) -> None:
        self._direct = 0
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & ~_DIRECT)


def memory() -> memoryview:
    """Return memory for a piece, which lies as such a file needs it: on whole pages."""
    return memoryview(mmap.mmap(-1, PIECE_BYTES))
