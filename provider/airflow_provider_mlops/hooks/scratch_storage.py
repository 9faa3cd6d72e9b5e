"""A storage with a scratch folder over it: what is published there is read like the rest, and is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_mlops.hooks.storage import Storage


class ScratchStorage(Storage):
    """The real storage for reading; what is published lies in a folder of its own.

    :param real: the storage below.
    :param folder: the scratch folder, on this machine.
    """

    def __init__(self, real: Storage, folder: Path) -> None:
        super().__init__(real.root, real.ledger_root)
        self._scratch = Storage(str(folder), real.ledger_root)

    def exists(self, relative: str) -> bool:
        """Whether a folder was published, here or below.

        :param relative: path below the root.
        """
        return self._scratch.exists(relative) or super().exists(relative)

    def marker(self, relative: str) -> str:
        """Read the text of a folder's ``manifest.json``, here or below.

        :param relative: path below the root.
        """
        return self._scratch.marker(relative) if self._scratch.exists(relative) else super().marker(relative)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Open a private folder in the scratch folder.

        :return: context manager that gives the folder.
        """
        with self._scratch.staging() as folder:
            yield folder

    def publish(self, staged: Path, relative: str) -> str:
        """Publish into the scratch folder, never below.

        :param staged: a folder from `staging`.
        :param relative: path below the root.
        :return: the address in the scratch folder.
        """
        return self._scratch.publish(staged, relative)

    @contextmanager
    def open(self, relative: str) -> Iterator[Path]:
        """Open a folder for reading, here or below.

        :param relative: path below the root.
        :return: context manager that gives a local folder.
        """
        with self._scratch.open(relative) if self._scratch.exists(relative) else super().open(relative) as folder:
            yield folder


@contextmanager
def scratch_over(real: Storage) -> Iterator[ScratchStorage]:
    """Lay a scratch folder over a storage, for a while.

    :param real: the storage, which is only read.
    :return: context manager that gives both as one.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-drill-") as folder:
        yield ScratchStorage(real, Path(folder))
