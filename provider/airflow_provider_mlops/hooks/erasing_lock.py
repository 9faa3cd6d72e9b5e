"""One erasure of a dataset at a time, where the file system can say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    if not storage.is_local:
        yield
        return
    import fcntl

    folder = Path(storage.root) / LOCKS
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{dataset}.erasure").open("a") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
