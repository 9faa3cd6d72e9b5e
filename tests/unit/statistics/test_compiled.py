"""Compiled loops: what NumPy gives, bit for bit where it is counted."""

import importlib
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.statistics import compiled, counted_samples
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.cells import CELLS, Cells
from airflow_provider_mlops.statistics.columns import ColumnSample, Numbers
from airflow_provider_mlops.statistics.compiled import Loops, loops_for
from airflow_provider_mlops.statistics.edge_counts import EdgeCounter
from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.number_comparison import compare_numbers

pytest.importorskip("numba")

ROWS = 300_000
SHAPES = ("normal", "whole numbers", "long tail", "infinite", "tiny", "one value")


@pytest.fixture
def loops() -> Loops:
    """The loops."""
    found = loops_for(1 << 30)
    assert found is not None
    return found


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let Numba be looked for again, here and afterwards."""
    compiled._compiled.cache_clear()
    yield
    compiled._compiled.cache_clear()


def sample(shape: str, seed: int = 1) -> FloatArray:
    """Draw values."""
    random = np.random.default_rng(seed)
    values = random.normal(size=ROWS)
    if shape == "whole numbers":
        return np.round(values * 5)
    if shape == "long tail":
        return random.standard_cauchy(size=ROWS)
    if shape == "infinite":
        values[::1_000], values[1::1_000] = np.inf, -np.inf
    if shape == "tiny":
        values *= 1e-280
    return np.full(ROWS, 3.5) if shape == "one value" else values


def ends_of(values: FloatArray) -> tuple[float, float]:
    """Return the smallest and the largest value."""
    return float(values.min()), float(values.max())


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "one value"])
def test_a_sample_in_cells(loops: Loops, monkeypatch: pytest.MonkeyPatch, shape: str, held: bool) -> None:
    """Values by cell, the sums within the cells and the values of some cells are the same to the last bit."""
    values = sample(shape)
    finite = values[np.isfinite(values)]
    low, high = ends_of(finite) if held else np.quantile(finite, [0.05, 0.95])
    cells = Cells.between(low, high)
    assert cells is not None
    wanted = np.random.default_rng(2).random(CELLS) < 0.1

    found = []
    for chosen in (None, loops):
        monkeypatch.setattr(counted_samples, "loops_for", lambda _, chosen=chosen: chosen)
        tally = counted_samples._Tally(values, ends_of(values), cells)
        found.append((tally.counts, tally.parts, tally._values_of(wanted)))
    for plain, fast in zip(*found, strict=True):
        assert plain.dtype == fast.dtype
        assert plain.tobytes() == fast.tobytes()
    assert found[1][0].sum() == ROWS


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "infinite"])
def test_values_beside_edges(loops: Loops, shape: str, writable: bool) -> None:
    """Values by edge are the same, of values that may not be written to as well, and of edges that share a cell."""
    values = sample(shape)
    edges = np.unique(np.concatenate([np.quantile(values, np.linspace(0.01, 0.99, 99)), values[:5], values[:5] + 1e-9]))
    middle = (float(edges[len(edges) // 10]), float(edges[-1 - len(edges) // 10]))
    values.flags.writeable = writable

    found = []
    for chosen in (None, loops):
        counter = EdgeCounter(edges, middle, chosen)
        for start in range(0, ROWS, 100_000):
            counter.add(values[start : start + 100_000], ends_of(values))
        found.append(counter.counts())
    for plain, fast in zip(*found, strict=True):
        assert np.array_equal(plain, fast)
    assert np.array_equal(found[1][0], [np.count_nonzero(values <= edge) for edge in edges])


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "infinite"])
def test_moments(loops: Loops, shape: str) -> None:
    """They differ by rounding: less than a 1e-12th of the sum of absolute powers."""
    values = sample(shape)
    plain, fast = Moments.of(values), Moments.of(values, loops)

    assert (fast.n, fast.mean) == (plain.n, plain.mean)
    for name, power in (("m2", 2), ("m3", 3), ("m4", 4)):
        scale = float(np.sum(np.abs(values - plain.mean) ** power))
        assert abs(getattr(fast, name) - getattr(plain, name)) <= 1e-12 * scale


def test_powers_that_are_too_large(loops: Loops) -> None:
    """They are not finite, as those of NumPy are not."""
    values = np.array([1e200, -1e200, 0.0])
    plain, fast = Moments.of(values), Moments.of(values, loops)
    assert not math.isfinite(plain.m4)
    assert not math.isfinite(fast.m4)


def test_a_comparison_is_the_same(monkeypatch: pytest.MonkeyPatch, loops: Loops) -> None:
    """All figures of two columns, to the last bit."""
    found = []
    for chosen in (None, loops):
        monkeypatch.setattr(counted_samples, "loops_for", lambda _, chosen=chosen: chosen)
        columns = [Numbers.of(ColumnSample("numeric", sample("normal", seed) + 0.01 * seed)) for seed in (1, 2)]
        found.append(compare_numbers(*columns))
    plain, fast = found
    assert (plain.ks, plain.moved, plain.method) == (fast.ks, fast.moved, fast.method)
    assert np.array_equal(plain.old, fast.old)
    assert np.array_equal(plain.new, fast.new)


def test_what_is_no_number_stays_within_the_cells(loops: Loops) -> None:
    """A promise that was not kept must not write elsewhere."""
    values = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.5])
    counts, parts = np.zeros(4, dtype=np.int64), np.zeros(4)
    loops.tally(values, 0.0, 3.0, 3.0, 8, counts, parts)
    assert counts.tolist() == [3, 1, 0, 2]

    found = np.empty(2)
    assert loops.taken(values, 0.0, 3.0, 3.0, np.array([True, False, False, False]), found) == 3


def test_few_values_are_not_worth_it() -> None:
    """NumPy counts them before Numba is imported."""
    assert loops_for(100_000) is None


@pytest.mark.usefixtures("fresh")
def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy does it."""
    monkeypatch.setitem(sys.modules, "numba", None)
    assert loops_for(1 << 30) is None


@pytest.mark.usefixtures("fresh")
def test_with_numba_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """``NUMBA_DISABLE_JIT`` would have Python go through the values."""
    numba = importlib.import_module("numba")
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert loops_for(1 << 30) is None


@pytest.mark.usefixtures("fresh")
def test_without_a_place_for_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy does it: compiling anew in each task would take longer."""
    numba = importlib.import_module("numba")

    def njit(*_: Any, **__: Any) -> Any:
        raise RuntimeError("cannot cache function 'tally': no locator available for file 'compiled.py'")

    monkeypatch.setattr(numba, "njit", njit)
    assert loops_for(1 << 30) is None
