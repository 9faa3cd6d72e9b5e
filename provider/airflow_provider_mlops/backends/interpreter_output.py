"""A process that trains: what it writes is told within bounds, and its end is waited for, not that of what it left."""

from __future__ import annotations

import codecs
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from typing import Any

LONGEST_LINE, MOST = 2_000, 200_000
"""Characters of a line, and of all lines, that are told as they come."""
LAST_LINES = 30
GRACE = 10.0
"""Seconds that a process gets to end once it has answered, and what it has left once it has ended."""
_PAUSE, _PIECE = 0.2, 1 << 16


class Output:
    """Tells what a process writes, line by line; of what is too much the end, where an error stands.

    :param log: where it is told.
    :param who: the beginning of each line.
    """

    def __init__(self, log: Any, who: str) -> None:
        self.log = log
        self.who = who
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._line = ""
        self._told = self._held = 0
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def add(self, data: bytes) -> None:
        """Tell what came.

        :param data: bytes as they came; a line may end in a later piece.
        """
        text = self._decode(data).replace("\r", "\n")  # a progress bar writes its line again and again
        first, *others = text.split("\n")
        self._extend(first)
        for part in others:
            self._end_line()
            self._extend(part)

    def close(self) -> None:
        """Tell the last line, and how much was held back."""
        self._end_line()
        if self._held:
            self.log.warning("[%s] wrote %s more characters; the last lines are:", self.who, f"{self._held:,}")
            for line in self._last:
                self.log.info("[%s] %s", self.who, line)

    def _extend(self, part: str) -> None:
        room = LONGEST_LINE - len(self._line)
        self._line += part[:room]
        self._held += max(0, len(part) - room)

    def _end_line(self) -> None:
        line, self._line = self._line.rstrip(), ""
        if not line:
            return
        if self._told + len(line) <= MOST and not self._last:
            self._told += len(line)
            self.log.info("[%s] %s", self.who, line)
        else:
            self._held += len(line)
            self._last.append(line)


def follow(process: subprocess.Popen[bytes], output: Output) -> int:
    """Tell what a process writes to its standard error until it has ended.

    What it has started and left may hold that open: it is not waited for long, and ended with it.

    :param process: leader of a session of its own.
    :param output: where it is told.
    :return: its exit code, negative where a signal ended it.
    """
    assert process.stderr is not None  # noqa: S101 - it was started with a pipe
    ended: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while True:
            if selector.select(_PAUSE):
                data = os.read(process.stderr.fileno(), _PIECE)
                if not data:
                    break
                output.add(data)
            if ended is None and _has_ended(process):
                ended = time.monotonic()
            if ended is not None and time.monotonic() - ended > GRACE:
                output.close()
                output.log.warning("[%s] has left processes that went on; they are ended.", output.who)
                # Not reaped yet: the number of its group cannot be another's.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                return process.wait()
    output.close()
    return process.wait()


def signal_of(code: int) -> signal.Signals | None:
    """Return the signal that ended a process, also where a shell around it says so.

    :param code: the exit code.
    :return: the signal; None where none did.
    """
    number = -code if code < 0 else code - 128
    try:
        return signal.Signals(number) if number > 0 else None
    except ValueError:
        return None


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if not hasattr(os, "waitid"):
        return False
    found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None
