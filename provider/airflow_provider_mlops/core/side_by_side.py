"""Work done at once: NumPy and Arrow let go of Python while they count, decode and sort."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

LARGE = 1 << 21
"""From so many rows a side on a second thread, compiled loops and memory that is kept are worth what they cost."""


def both(work: Callable[[S], T], first: S, second: S, *, rows: int) -> tuple[T, T]:
    """Do the same for two things, the second one in a thread of its own where that is worth it.

    :param work: what to do; safe to do twice at once.
    :param first: one thing.
    :param second: the other one.
    :param rows: how many rows the smaller one has.
    :return: both results.
    """
    if rows < LARGE:
        return work(first), work(second)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="second") as pool:
        other = pool.submit(work, second)
        return work(first), other.result()


def ahead(items: Iterator[T], *, rows: int | None = None) -> Iterator[T]:
    """Make the next thing in a thread of its own while the one at hand is used; two of them are in memory then.

    :param items: what makes them; it may be used from a thread of its own.
    :param rows: how many rows each has at least; None where that is worth it whatever their number.
    :return: the things, in order.
    """
    if rows is not None and rows < LARGE:
        yield from items
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(_next, items)
        while found := coming.result():
            coming = pool.submit(_next, items)
            yield found.pop()


def _next(items: Iterator[T]) -> list[T]:
    """Return the next thing in a list, which is left empty where there is none, and by who takes it out."""
    for item in items:
        return [item]
    return []
