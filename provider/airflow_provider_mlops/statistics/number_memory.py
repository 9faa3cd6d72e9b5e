"""Memory for columns of numbers: gathered batch after batch, and used again for the next column."""

import math
from threading import Lock
from weakref import ReferenceType, ref

import numpy as np

from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import Numbers


class NumberMemory:
    """Memory that is taken again once nothing refers to it.

    The kernel clears each page that is new to a process, which for a column takes as long as decoding half of it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: list[tuple[memoryview, ReferenceType[FloatArray]]] = []

    def take(self, rows: int) -> FloatArray:
        """Return memory for numbers, of any content.

        :param rows: how many numbers.
        :return: an array; its memory is not given to others while it, or a view of it, is referred to.
        """
        with self._lock:
            free = (place for place, (memory, user) in enumerate(self._taken) if len(memory) == rows and user() is None)
            place = next(free, len(self._taken))
            memory = self._taken[place][0] if place < len(self._taken) else np.empty(rows).data
            # Every view of this array refers to it, and none to the memory behind it.
            array = np.asarray(memory)
            self._taken[place : place + 1] = [(memory, ref(array))]
            return array


class Gathered:
    """Numbers of one column, put into memory one batch after the other.

    :param memory: memory for all of them.
    """

    def __init__(self, memory: FloatArray) -> None:
        self._memory, self._filled = memory, 0
        self._smallest, self._largest = math.inf, -math.inf

    def add(self, batch: FloatArray) -> None:
        """Add numbers; their ends are looked for while the processor has them at hand.

        :param batch: the numbers, NaN for null.
        """
        if len(batch):
            self._memory[self._filled : self._filled + len(batch)] = batch
            self._filled += len(batch)
            # These hand a NaN on, as the built-in ones do not.
            self._smallest = float(np.minimum(self._smallest, np.min(batch)))
            self._largest = float(np.maximum(self._largest, np.max(batch)))

    def numbers(self, nulls: int) -> Numbers:
        """Sum the numbers up.

        :param nulls: nulls that were not added.
        :return: the summary, in the same memory.
        """
        return Numbers.owning(self._memory[: self._filled], nulls, (self._smallest, self._largest))
