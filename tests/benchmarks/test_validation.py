"""What judging a suite of 15 expectations costs, against Great Expectations on pandas and against reading the columns.

Wall time of fresh processes, imports and reading too, as a task pays them.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.conftest import ROOT
from tests.benchmarks.wide_rows import wide_file

PAIRS = 3
WORK = ROOT / "tests" / "benchmarks" / "validate_work.py"


def seconds(name: str, file: Path) -> float:
    """Do a piece of work in a fresh process and return its wall time."""
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'provider'}", "GX_ANALYTICS_ENABLED": "false"}
    began = time.perf_counter()
    subprocess.run([sys.executable, str(WORK), name, str(file)], check=True, cwd=ROOT, env=env, capture_output=True)
    return time.perf_counter() - began


def ratios(first: str, second: str, file: Path, pairs: int = PAIRS) -> list[float]:
    """Return how many times longer the first takes, in turns."""
    seconds(second, file)  # the file is in the page cache for both
    return [seconds(first, file) / seconds(second, file) for _ in range(pairs)]


@pytest.mark.parametrize(("rows", "name"), [(1_000_000, "validate_1m_vs_gx"), (10_000_000, "validate_10m_vs_gx")])
def test_validate_vs_gx(keep: Callable[..., None], rows: int, name: str) -> None:
    """One DuckDB scan instead of Great Expectations on pandas."""
    runs = ratios("theirs", "ours", wide_file(rows))
    keep(name, runs, unit="ratio", goal=">= 10", peer="Great Expectations on pandas, all 40 columns read")


def test_validate_vs_scan(keep: Callable[..., None]) -> None:
    """10 million rows: judging 15 expectations against DuckDB reading the same columns."""
    runs = ratios("ours", "scan", wide_file(10_000_000))
    keep("validate_vs_scan", runs, unit="ratio", goal="<= 2", peer="DuckDB: sum or longest text of each of the columns")
