"""Two at once: both results, in order, and errors of either come out."""

import threading

import pytest

from airflow_provider_mlops.core.side_by_side import both

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
