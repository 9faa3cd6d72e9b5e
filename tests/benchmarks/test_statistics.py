"""What the statistics of a gate cost, against a loop of scikit-learn over resamples, and how much memory they take.

Processor seconds of the work alone, one thread, each run in a fresh process; imports count for neither side.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.benchmarks.conftest import ROOT

PAIRS = 3
ROWS = 100_000
GATE_ROWS = 28_000
MANY_ROWS = 1_000_000
WORK = ROOT / "tests" / "benchmarks" / "statistics_work.py"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def work(name: str, rows: int) -> dict[str, Any]:
    """Do a piece of work in a fresh process and return what it measured."""
    env = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(WORK), name, str(rows)]
    done = subprocess.run(command, check=True, cwd=ROOT, env=env, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def ratios(peer: str, name: str, rows: int = ROWS) -> list[float]:
    """Return how many times longer the peer took, in turns; both must have found the same differences."""
    runs = []
    for _ in range(PAIRS):
        theirs, ours = work(peer, rows), work(name, rows)
        assert ours["values"] == pytest.approx(theirs["values"], abs=1e-12)
        runs.append(theirs["seconds"] / ours["seconds"])
    return runs


def test_bootstrap_vs_sklearn(keep: Callable[..., None]) -> None:
    """2,000 paired resamples of ROC-AUC, F1 and accuracy, 100,000 rows."""
    peer = "scikit-learn in a loop, 20 resamples scaled to 2,000"
    keep("bootstrap_vs_sklearn", ratios("naive", "ours"), unit="ratio", goal=">= 40", peer=peer)


def test_delong_vs_bootstrap(keep: Callable[..., None]) -> None:
    """The interval of a difference of ROC-AUC, 100,000 rows, by formula instead of by 2,000 resamples."""
    peer = "scikit-learn in a loop, 20 resamples scaled to 2,000"
    keep("delong_vs_bootstrap", ratios("naive_auc", "delong"), unit="ratio", goal=">= 1000", peer=peer)


def test_clustered_gate_vs_rows(keep: Callable[..., None]) -> None:
    """2,000 resamples of 30 days of 28,000 rows, differences of ROC-AUC and Brier score, by day instead of by row."""
    runs = ratios("clustered_rows", "clustered", GATE_ROWS)
    keep("clustered_gate_vs_rows", runs, unit="ratio", goal=">= 10", peer="the same resamples as weights of rows")


def test_delong_1m_rss_mib(keep: Callable[..., None]) -> None:
    """The peak memory of comparing ROC-AUC on a million rows and on each of 16 slices of them, imports and data too."""
    runs = [work("sliced", MANY_ROWS)["mib"] for _ in range(PAIRS)]
    keep("delong_1m_rss_mib", runs, unit="MiB", goal="<= 512", peer="the operating system's peak (VmHWM)")
