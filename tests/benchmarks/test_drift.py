"""What comparing 30 numeric and 10 text columns costs, against alibi-detect, evidently and reading the columns.

Fresh processes, imports and reading too, as a task pays them. Processor time and peak memory come from the operating
system.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.conftest import ROOT
from tests.benchmarks.wide_rows import FOLDER, wide_file

PAIRS = 3
WORK = ROOT / "tests" / "benchmarks" / "drift_work.py"
MIB = 1024


@dataclass(frozen=True)
class Cost:
    """What a process took.

    :param wall: seconds from start to end.
    :param cpu: seconds of all processors.
    :param mib: peak of its memory.
    """

    wall: float
    cpu: float
    mib: float


def cost(name: str, *files: Path) -> Cost:
    """Do a piece of work in a fresh process."""
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'provider'}", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-W", "ignore", str(WORK), name, *map(str, files)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{name} failed"
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MIB)


def test_drift_1m_vs_alibi(keep: Callable[..., None]) -> None:
    """One million rows a side: exact KS and chi-squared with effects, against TabularDrift in float32."""
    files = wide_file(1_000_000), wide_file(1_000_000, 1)
    cost("scan", *files)  # the files are in the page cache for both
    pairs = [(cost("alibi", *files), cost("ours", *files)) for _ in range(PAIRS)]
    peer = "alibi-detect TabularDrift, 30 KS and 10 chi-squared, frames read by pandas"
    keep("drift_1m_cpu_vs_alibi", [a.cpu / b.cpu for a, b in pairs], unit="ratio", goal=">= 6", peer=peer)
    keep("drift_1m_rss_vs_alibi", [a.mib / b.mib for a, b in pairs], unit="ratio", goal=">= 10", peer=peer)


def test_drift_1m_vs_evidently(keep: Callable[..., None]) -> None:
    """The same against evidently's DataDriftPreset."""
    files = wide_file(1_000_000), wide_file(1_000_000, 1)
    cost("scan", *files)
    pairs = [(cost("evidently", *files), cost("ours", *files)) for _ in range(PAIRS)]
    peer = "evidently DataDriftPreset, KS and chi-squared, frames read by pandas"
    keep("drift_1m_cpu_vs_evidently", [a.cpu / b.cpu for a, b in pairs], unit="ratio", goal=">= 40", peer=peer)


def test_drift_10m_vs_scan(keep: Callable[..., None]) -> None:
    """Ten million rows a side, against DuckDB reading the same columns of both files."""
    files = wide_file(10_000_000), wide_file(10_000_000, 1)
    cost("scan", *files)
    pairs = [(cost("ours", *files), cost("scan", *files)) for _ in range(PAIRS)]
    peer = "DuckDB, 2 threads: sum or longest text of each column, both files"
    keep("drift_10m_vs_scan", [a.wall / b.wall for a, b in pairs], unit="ratio", goal="<= 2", peer=peer)
    keep("drift_10m_rss_mib", [a.mib for a, _ in pairs], unit="MiB", goal="<= 700", peer="none")


def test_profile_vs_scan(keep: Callable[..., None]) -> None:
    """Ten million rows profiled and compared with a stored reference, against DuckDB reading them."""
    reference, current, frozen = wide_file(10_000_000), wide_file(10_000_000, 1), FOLDER / "frozen.json"
    cost("freeze", reference, frozen)
    cost("scan", current)
    pairs = [(cost("profile", frozen, current), cost("scan", current)) for _ in range(PAIRS)]
    peer = "DuckDB, 2 threads: sum or longest text of each column"
    keep("profile_vs_scan", [a.wall / b.wall for a, b in pairs], unit="ratio", goal="<= 1.5", peer=peer)
