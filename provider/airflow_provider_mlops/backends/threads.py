"""One thread for whatever sums: the order of a sum decides its last bits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from airflow_provider_mlops.backends.optional import load

ONE_THREAD: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "BLIS_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS",
            "NUMEXPR_NUM_THREADS",
        ),
        "1",
    )
)


@contextmanager
def one_thread() -> Iterator[None]:
    """Pin the threads of linear algebra and OpenMP to one: of what is loaded, and of what will be loaded meanwhile.

    A library that a training function imports itself reads the environment when it is loaded, and is not among those
    that can be limited before.

    :return: context manager.
    """
    load("sklearn.utils._openmp_helpers", "scikit-learn")
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        with load("threadpoolctl", "scikit-learn").threadpool_limits(1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
