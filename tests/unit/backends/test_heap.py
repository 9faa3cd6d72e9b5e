"""Memory of large samples: it is used again, and the choice of whoever runs the process is kept."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, numpy
from airflow_provider_mlops.backends.heap import reuse_memory
import pyarrow
if {reuse}:
    reuse_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    a, b = numpy.zeros(1 << 18), numpy.ones(1 << 18)
    a += b
work()
before = faults()
for _ in range(200):
    work()
print(faults() - before, pyarrow.default_memory_pool().backend_name)
"""


def said(reuse: bool, **env: str) -> tuple[int, str]:
    """Return how many pages arrays of two megabytes took anew, and which pool Arrow uses."""
    # The C library moves its limits by itself where nothing is set; here they are as at the start of a process.
    fixed = {"MALLOC_MMAP_THRESHOLD_": str(1 << 17), "MALLOC_TRIM_THRESHOLD_": str(1 << 17), **env}
    plain = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(reuse=reuse)],
        env={**plain, **fixed},
        capture_output=True,
        text=True,
        check=True,
    )
    faults, pool = done.stdout.split()
    return int(faults), pool


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are those of glibc")
def test_freed_memory_is_used_again() -> None:
    """Without it each step takes its pages from the kernel."""
    assert said(reuse=False)[0] > 20 * said(reuse=True)[0]


def test_the_pool_that_was_asked_for_is_kept() -> None:
    """A worker that forks its tasks has asked for that of the C library."""
    assert said(reuse=True, ARROW_DEFAULT_MEMORY_POOL="system")[1] == "system"
