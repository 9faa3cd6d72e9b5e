"""What a Dag file costs the Dag processor."""

import os
import subprocess
import sys
from collections.abc import Callable

from tests.benchmarks.conftest import ROOT

PAIRS = 5
BARE = "import airflow.sdk"


def cpu_seconds(code: str) -> float:
    """Return the processor time of a fresh interpreter that runs a piece of code."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_parse_over_sdk_s(keep: Callable[..., None]) -> None:
    """The slowest shipped Dag against a bare import of the SDK, in processor seconds of fresh interpreters."""
    slowest: list[float] = []
    for path in sorted((ROOT / "dags").glob("*.py")):
        parse = f"{BARE}, runpy; runpy.run_path({str(path)!r})"
        over = [-cpu_seconds(BARE) + cpu_seconds(parse) for _ in range(PAIRS)]
        slowest = max(slowest, over, key=lambda runs: sorted(runs)[len(runs) // 2] if runs else 0.0)
    keep("parse_over_sdk_s", slowest, unit="s", goal="<= 0.15", peer="import airflow.sdk")
