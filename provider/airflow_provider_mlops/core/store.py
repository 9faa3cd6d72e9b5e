"""Where a ledger's records lie: objects that are created once, whole, and never written again."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.exclusive import clear_errors, create_exclusive, make_folder, remove_leftovers

_BLOCK = 65_536


class Store(Protocol):
    """Objects under one root. A name is a path below it, such as ``model/flight_delays/00000001.json``."""

    @property
    def root(self) -> str:
        """The folder or address of the root, for people."""
        ...

    def prepare(self, folder: str) -> None:
        """Make ready for the first object of a folder.

        :param folder: path below the root.
        :raises BadInput: when nothing can be kept there safely.
        """
        ...

    def tidy(self, folder: str) -> None:
        """Remove what dead writers left behind, where there can be such.

        :param folder: path below the root.
        """
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Create an object with its whole content, unless its name is taken.

        :param name: path below the root.
        :param data: its content.
        :return: True when this call created it, False when the name was taken.
        :raises BadInput: when only a person can help: rights, a wrong place.
        :raises TransientError: when it may work later; the object is there, or it is not, never half.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """Read an object.

        :param name: path below the root.
        :return: its content, None when there is none.
        :raises BadInput: when it may not be read.
        :raises TransientError: when it may work later.
        """
        ...

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Read several objects.

        :param names: paths below the root.
        :return: the content of each, in their order, None where there is none.
        """
        ...

    def names(self, folder: str) -> list[str]:
        """List a folder.

        :param folder: path below the root; one that does not exist is empty.
        :return: names of the objects directly in it; those of folders end with ``/``. What starts with a dot is
            passed over.
        """
        ...

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """List every folder below the root.

        :return: path below the root, and what `names` gives for it.
        """
        ...


class LocalStore:
    """Files in a folder of a local or mounted file system with hard links.

    :param path: the folder; created with the first object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = str(path)

    def prepare(self, folder: str) -> None:
        """Create the folder, so that it survives a crash."""
        make_folder(self.path / folder)

    def tidy(self, folder: str) -> None:
        """Remove temporary files that are an hour old."""
        remove_leftovers(self.path / folder)

    def create(self, name: str, data: bytes) -> bool:
        """Create a file; see `create_exclusive`."""
        return create_exclusive(self.path / name, data)

    def read(self, name: str) -> bytes | None:
        """Read a file."""
        path = f"{self.root}/{name}"
        try:
            return _read_file(path)
        except FileNotFoundError:
            return None
        except OSError:
            with clear_errors(Path(path)):
                raise

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Read files one after the other."""
        return map(self.read, names)

    def names(self, folder: str) -> list[str]:
        """List a folder."""
        place = self.path / folder
        with clear_errors(place):
            try:
                with os.scandir(place) as entries:
                    return sorted(
                        f"{entry.name}/" if entry.is_dir() else entry.name
                        for entry in entries
                        if not entry.name.startswith(".")
                    )
            except FileNotFoundError:
                return []

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """List every folder."""
        for place, below, _ in os.walk(self.path):
            below[:] = sorted(name for name in below if not name.startswith("."))
            if Path(place) != self.path:
                folder = Path(place).relative_to(self.path).as_posix()
                yield folder, self.names(folder)


def open_store(root: Path | str | Store) -> Store:
    """Open the store of a local folder.

    :param root: the folder; a store is returned as it is.
    :return: the store.
    :raises BadInput: when the root is an address: what S3 needs, `hooks.ledger` knows.
    """
    if not isinstance(root, str | Path):
        return root
    if "://" in str(root):
        raise BadInput(f"The address {str(root)!r} is no local folder; open it by airflow_provider_mlops.hooks.ledger.")
    return LocalStore(Path(root))


def _read_file(path: str) -> bytes:
    # Half the time of open().read(): a chain is thousands of small files.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(descriptor, _BLOCK)]
        while len(parts[-1]) == _BLOCK:
            parts.append(os.read(descriptor, _BLOCK))
    finally:
        os.close(descriptor)
    return parts[0] if len(parts) == 1 else b"".join(parts)
