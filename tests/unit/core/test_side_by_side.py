"""Work done at once: all results, in order, and errors come out."""

import threading
from collections.abc import Iterator

import pytest

from airflow_provider_mlops.core.side_by_side import ahead, both

MANY = 1 << 22


@pytest.mark.parametrize("rows", [0, MANY])
def test_both_results_come_in_order(rows: int) -> None:
    """Whether they were made at once or not."""
    assert both(len, "a", "bc", rows=rows) == (1, 2)


def test_large_samples_are_worked_on_at_once() -> None:
    """Each waits for the other one, which neither could do alone."""
    met = threading.Barrier(2, timeout=30)

    assert sorted(both(lambda _: met.wait(), "a", "b", rows=MANY)) == [0, 1]


@pytest.mark.parametrize("rows", [0, MANY])
@pytest.mark.parametrize("pair", [("1", "x"), ("x", "1")])
def test_an_error_of_either_comes_out(rows: int, pair: tuple[str, str]) -> None:
    """It is not lost with the thread."""
    with pytest.raises(ValueError, match="'x'"):
        both(int, *pair, rows=rows)


@pytest.mark.parametrize("rows", [0, MANY])
@pytest.mark.parametrize("things", [[], [None], ["a", "b", "c"]], ids=str)
def test_what_is_made_ahead_comes_in_order(rows: int, things: list[str]) -> None:
    """None and nothing at all, too."""
    assert list(ahead(iter(things), rows=rows)) == things


def test_the_next_large_thing_is_made_while_one_is_used() -> None:
    """Whoever uses the first one waits for the second to be made, and the third is not made before it asks again."""
    made = {number: threading.Event() for number in range(4)}

    def make() -> Iterator[int]:
        for number, event in made.items():
            event.set()
            yield number

    things = ahead(make(), rows=MANY)

    assert next(things) == 0
    assert made[1].wait(30)
    assert not made[2].is_set()
    assert list(things) == [1, 2, 3]


@pytest.mark.parametrize("rows", [0, MANY])
def test_an_error_of_what_is_made_ahead_comes_out_in_its_place(rows: int) -> None:
    """Behind what was made before it."""
    things = ahead(map(int, ["1", "x"]), rows=rows)

    assert next(things) == 1
    with pytest.raises(ValueError, match="'x'"):
        next(things)


def test_nobody_waits_for_things_that_are_not_asked_for() -> None:
    """A closed iteration ends its thread."""
    things = ahead(iter(range(9)), rows=MANY)
    next(things)
    things.close()  # type: ignore[attr-defined]  # it is a generator

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
