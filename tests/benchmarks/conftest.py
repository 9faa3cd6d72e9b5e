"""How figures are kept: one JSON line each in build/bench.jsonl, and a table at the end.

A figure is a ratio or difference against a peer measured in the same run, in turns (A B A B), median of the pairs.
Nothing is asserted about time: the goal stands beside the figure.
"""

import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "bench.jsonl"


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    :param name: fixed name, so that it can be followed over time.
    :param value: the median over the pairs.
    :param unit: ``ratio``, ``s``, ``MiB``, ...
    :param goal: what it should be, e.g. ``<= 1.3``.
    :param peer: what it was measured against.
    :param runs: the figure of each pair.
    :param machine: cores and processor.
    """

    name: str
    value: float
    unit: str
    goal: str
    peer: str
    runs: list[float]
    machine: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a benchmark and may take long."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.bench)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def figures() -> Iterator[list[Figure]]:
    """Collect figures, then write and show them."""
    found: list[Figure] = []
    yield found
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.writelines(json.dumps(asdict(figure)) + "\n" for figure in found)
    table = Table("figure", "value", "goal", "peer", "pairs")
    for figure in found:
        pairs = ", ".join(f"{run:.2f}" for run in figure.runs)
        table.add_row(figure.name, f"{figure.value:.3f} {figure.unit}", figure.goal, figure.peer, pairs)
    Console().print(table)


@pytest.fixture
def keep(figures: list[Figure]) -> Callable[..., None]:
    """Return the function that keeps a figure."""

    def keep_figure(name: str, runs: list[float], *, unit: str, goal: str, peer: str) -> None:
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        middle = sorted(runs)[len(runs) // 2]
        figures.append(Figure(name, round(middle, 4), unit, goal, peer, [round(r, 4) for r in runs], machine))

    return keep_figure
