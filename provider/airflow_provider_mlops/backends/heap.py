"""Memory of a process that goes through large samples: what was freed is used again."""

import contextlib
import ctypes
import functools
import os

from airflow_provider_mlops.backends.optional import load

# As malloc.h of glibc names them.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT_BYTES, _OWN_PAGES_BYTES, _ARENAS = 32 << 20, 4 << 20, 1
_ARROW_POOL = "ARROW_DEFAULT_MEMORY_POOL"


@functools.cache
def reuse_memory() -> None:
    """Let this process use memory again that it has freed, instead of asking the kernel for other.

    The kernel clears each page that it gives, and none of them is in the processor's caches: a fifth of the time that
    two large samples take. glibc keeps up to 32 MiB from now on; Arrow takes jemalloc, which hands out first what was
    freed last, unless the environment variable ``ARROW_DEFAULT_MEMORY_POOL`` says otherwise. It holds for the whole
    process until its end; a task ends soon.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
    pa = load("pyarrow", "parquet")
    if _ARROW_POOL not in os.environ and "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
