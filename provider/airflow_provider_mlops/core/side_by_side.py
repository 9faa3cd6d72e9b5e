"""The same work for two samples at once: NumPy and Arrow let go of Python while they count, decode and sort."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

_LARGE = 1 << 21
"""From so many rows a side; below, a second thread costs memory and time of processors, and saves next to nothing."""


def both(work: Callable[[S], T], first: S, second: S, *, rows: int) -> tuple[T, T]:
    """Do the same for two things, the second one in a thread of its own where that is worth it.

    :param work: what to do; safe to do twice at once.
    :param first: one thing.
    :param second: the other one.
    :param rows: how many rows the smaller one has.
    :return: both results.
    """
    if rows < _LARGE:
        return work(first), work(second)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="second") as pool:
        other = pool.submit(work, second)
        return work(first), other.result()
