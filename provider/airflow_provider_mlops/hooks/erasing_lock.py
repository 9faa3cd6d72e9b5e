"""One erasure of a dataset at a time, where the file system can say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from airflow_provider_mlops.hooks.storage import Storage

LOCKS = ".locks"


@contextmanager
def one_at_a_time(storage: Storage, dataset: str) -> Iterator[None]:
    """Wait for other erasures of a dataset on a local or mounted storage.

    It only spares work: the order of the ledger decides between two that run at once, on an object store or on a
    file system without locks too. The lock ends with the process.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :return: context manager.
    """
    with ExitStack() as stack:
        if storage.is_local:
            with suppress(OSError):  # no rights, or no locks here: see above
                stack.callback(os.close, _locked(Path(storage.root) / LOCKS / f"{dataset}.erasure"))
        yield


def _locked(path: Path) -> int:
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
