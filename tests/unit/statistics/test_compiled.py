"""Compiled loops: what NumPy gives, bit for bit where it is counted."""

import importlib
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.statistics import compiled, counted_samples, profiling
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.cells import CELLS, Cells
from airflow_provider_mlops.statistics.columns import ColumnSample, Numbers
from airflow_provider_mlops.statistics.compiled import Loops, loops_for
from airflow_provider_mlops.statistics.edge_counts import EdgeCounter
from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.number_comparison import compare_numbers
from airflow_provider_mlops.statistics.profile_spec import NumberSpec, freeze
from airflow_provider_mlops.statistics.profiling import NumberTally

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
@pytest.mark.parametrize("shape", SHAPES)
def test_values_beside_edges(loops: Loops, shape: str, writable: bool) -> None:
    """Values by edge are the same, of values that may not be written to as well, and of edges that share a cell."""
    values = sample(shape)
    finite = values[np.isfinite(values)]
    edges = np.unique(np.concatenate([np.quantile(finite, np.linspace(0.01, 0.99, 99)), finite[:5], finite[:5] + 1e-9]))
    middle = (float(edges[len(edges) // 10]), float(edges[-1 - len(edges) // 10]))
    values.flags.writeable = writable

    plain, fast = EdgeCounter(edges, middle), EdgeCounter(edges, middle, loops)
    for start in range(0, ROWS, 100_000):
        batch = values[start : start + 100_000]
        present = batch[np.isfinite(batch)]
        plain.add(present, ends_of(present))
        if (seen := fast.look_over(batch)) is None:
            fast.add(present, ends_of(present))
        else:
            assert (seen.finite, seen.ends) == (len(present), ends_of(present))
    for ours, theirs in zip(plain.counts(), fast.counts(), strict=True):
        assert np.array_equal(ours, theirs)
    assert np.array_equal(fast.counts()[0], [np.count_nonzero(finite <= edge) for edge in edges])


@pytest.mark.parametrize("place", [0.0, 1e3])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_profile_of_numbers(monkeypatch: pytest.MonkeyPatch, loops: Loops, shape: str, place: float) -> None:
    """Whatever is no finite number is counted apart; moments differ by rounding: a 1e-12th of the absolute powers."""
    values = sample(shape) + place
    values[5::5_000] = np.nan
    finite = values[np.isfinite(values)]
    spec = freeze([("x", Numbers.of(ColumnSample("numeric", finite)))]).columns["x"]
    assert isinstance(spec, NumberSpec)

    found = []
    for chosen in (None, loops):
        monkeypatch.setattr(profiling, "loops_for", lambda _, chosen=chosen: chosen)
        tally = NumberTally(spec, ROWS)
        for start in range(0, ROWS, 100_000):
            tally.add(values[start : start + 100_000], 7)
        found.append(tally.result())
    plain, fast = found
    assert np.array_equal(plain.bins, fast.bins)
    assert np.array_equal(plain.at_edges, fast.at_edges)
    for name in ("nulls", "below", "above", "smallest", "largest"):
        assert getattr(plain, name) == getattr(fast, name)
    assert fast.nulls == np.count_nonzero(np.isnan(values)) + 21
    assert fast.moments.mean == pytest.approx(plain.moments.mean, rel=1e-13, abs=1e-13 * np.abs(finite).mean())
    for name, power in (("m2", 2), ("m3", 3), ("m4", 4)):
        scale = float(np.sum(np.abs(finite - finite.mean()) ** power))
        assert abs(getattr(fast.moments, name) - getattr(plain.moments, name)) <= 1e-11 * scale


def test_powers_that_are_too_large() -> None:
    """They are not finite, as those of NumPy are not; no value has no moments."""
    assert not math.isfinite(Moments.about(3, 0.0, 1e200, 1e400, 0.0, 1e400).m4)
    assert Moments.about(0, 1.0, 0.0, 0.0, 0.0, 0.0) == Moments()


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
