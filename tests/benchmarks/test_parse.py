"""What a Dag file costs the Dag processor."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.conftest import ROOT

RUNS = 5
PARSE = """
import sys, time, runpy
import airflow.sdk
before = time.process_time()
runpy.run_path(sys.argv[1])
sys.stdout.write(f"parsed {time.process_time() - before}")
"""


def parse_seconds(path: Path) -> float:
    """Return the processor time that a Dag file takes in a fresh interpreter that has imported the SDK."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(path)], check=True, cwd=ROOT, env=env, capture_output=True, text=True
    )
    return float(done.stdout.rpartition("parsed ")[2])


def test_parse_over_sdk_s(keep: Callable[..., None]) -> None:
    """The slowest shipped Dag, beyond a bare import of the SDK, in processor seconds."""
    parsed = [sorted(parse_seconds(path) for _ in range(RUNS)) for path in sorted((ROOT / "dags").glob("*.py"))]
    slowest = max(parsed, key=lambda runs: runs[RUNS // 2])
    keep("parse_over_sdk_s", slowest, unit="s", goal="<= 0.15", peer="import airflow.sdk")
