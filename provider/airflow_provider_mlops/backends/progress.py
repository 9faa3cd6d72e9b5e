"""Telling how far a long piece of work is, every few seconds and at its end."""

from __future__ import annotations

import time
from collections.abc import Callable

Report = Callable[[int, int, float], None]
"""Called with rows so far, bytes so far, seconds since the start."""

EVERY_SECONDS = 5.0


class Progress:
    """Counts rows and bytes, and reports now and then.

    :param report: called with rows, bytes and seconds; None to stay silent.
    :param every: seconds between two reports.
    """

    def __init__(self, report: Report | None, every: float = EVERY_SECONDS) -> None:
        self._report = report
        self._every = every
        self._rows = self._bytes = 0
        self._started = self._told = time.monotonic()

    def add(self, rows: int, size: int) -> None:
        """Count a piece of work; report when it is time.

        :param rows: rows of the piece.
        :param size: bytes of the piece.
        """
        self._rows += rows
        self._bytes += size
        if time.monotonic() - self._told >= self._every:
            self.tell()

    def tell(self) -> None:
        """Report now."""
        self._told = time.monotonic()
        if self._report is not None:
            self._report(self._rows, self._bytes, self._told - self._started)
