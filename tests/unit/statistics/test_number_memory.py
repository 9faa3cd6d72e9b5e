"""Memory for columns of numbers: used again, never while somebody looks at it."""

import math

import numpy as np
import pytest

from airflow_provider_mlops.statistics.columns import Numbers
from airflow_provider_mlops.statistics.number_memory import Gathered, NumberMemory


def test_memory_is_taken_again_once_nothing_refers_to_it() -> None:
    """A view of a part is enough to keep it."""
    memory = NumberMemory()
    first = memory.take(8)
    place, part = first.ctypes.data, first[2:][:3]
    del first
    other = memory.take(8)

    assert other.ctypes.data != place
    del part
    assert memory.take(8).ctypes.data == place


def test_memory_is_of_the_length_that_is_asked_for() -> None:
    """Both sides of a comparison may differ in rows."""
    memory = NumberMemory()
    lengths = [len(memory.take(rows)) for rows in (8, 0, 7, 8, 0)]

    assert lengths == [8, 0, 7, 8, 0]


@pytest.mark.parametrize(
    "values",
    [
        [3.0, -1.0, 2.0, 5.0],
        [3.0, math.nan, 2.0, 5.0],
        [math.nan] * 4,
        [math.inf, 1.0, -math.inf, math.nan],
        [],
    ],
    ids=str,
)
def test_gathered_numbers_are_those_that_are_at_hand_at_once(values: list[float]) -> None:
    """With nulls among them and apart, infinities, and none at all."""
    gathered = Gathered(np.empty(9))
    for batch in (values[:1], values[1:1], values[1:]):
        gathered.add(np.array(batch))
    ours, theirs = gathered.numbers(2), Numbers.owning(np.array(values), 2)

    assert ours.ordered.tolist() == theirs.ordered.tolist()
    assert (ours.nulls, ours.infinite) == (theirs.nulls, theirs.infinite)
    assert [ours.smallest, ours.largest] == pytest.approx([theirs.smallest, theirs.largest], abs=0, nan_ok=True)
