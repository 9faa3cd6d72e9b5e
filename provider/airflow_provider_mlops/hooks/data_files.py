"""Files of the Dag bundle that a training function reads beside its rows: recorded by hash, compared by a replay."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.files_read import files_read, hash_files, merged
from airflow_provider_mlops.core.certificate import Cause, Difference
from airflow_provider_mlops.core.code_identity import plain_function
from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.core.module_source import find_module, import_root, is_installed
from airflow_provider_mlops.core.replay import data_file_differences, other_reads

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.storage import Storage

KEY = "data_files"


def root_of(function: Callable[..., Any], dag_file: str | None = None) -> Path | None:
    """Return the folder below which what a training function reads is recorded.

    :param function: the training function, here or in another interpreter.
    :param dag_file: the Dag file that it stands in, relative to the root of the bundle; None for one of a module.
    :return: the root of the bundle; of a module where it is imported from. None of what is installed, or in an archive.
    """
    if hasattr(function, "data_root"):
        return Path(function.data_root) if function.data_root else None
    module = plain_function(function).__module__
    if dag_file:
        file = Path(str(getattr(sys.modules.get(module), "__file__", ""))).resolve()
        return file.parents[dag_file.count("/")] if file.as_posix().endswith(f"/{dag_file}") else None
    spec = find_module(module)
    root = import_root(spec) if spec is not None else None
    return root if root is not None and root.is_dir() and not is_installed(root) else None


class Reads:
    """What a training function reads while it is watched.

    :param function: the training function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.found: dict[str, str] | None = {}

    @contextmanager
    def watched(self, root: Path | None, storage: Storage) -> Iterator[None]:
        """Watch what is read; `found` holds it afterwards.

        :param root: as `root_of` returns it.
        :param storage: what lies there is no file of the bundle.
        :return: context manager.
        :raises TransientError: when a file was changed meanwhile.
        """
        elsewhere = hasattr(self._function, "data_root")
        with files_read(None if elsewhere else root, own_folders(storage)) as here:
            yield
        try:
            own = here.hashes() if here is not None else {}
        except OSError as err:
            raise TransientError(f"{err} The task will try again.") from err
        self.found = merged(own, getattr(self._function, KEY, {}))


def own_folders(storage: Storage) -> list[str]:
    """Return the folders of ours that may lie in a bundle.

    :param storage: the storage.
    """
    from airflow_provider_mlops import config

    ledger = storage.ledger_root or config.ledger_root()
    return [root for root in (storage.root, str(ledger)) if "://" not in root]


def now(body: Mapping[str, Any], root: Path | None) -> dict[str, str | None]:
    """Hash the files that a recorded training has read, as they are.

    :param body: body of its record.
    :param root: as `root_of` returns it.
    :return: SHA-256 by path, None for what is not there; empty where nothing is on record.
    """
    names = body.get(KEY) or {}
    return dict.fromkeys(names) if root is None else hash_files(root, names)


def known_file_differences(body: Mapping[str, Any], root: Path | None) -> list[Difference]:
    """Name the files that a recorded training has read, and that are not as they were.

    :param body: body of its record.
    :param root: as `root_of` returns it.
    :return: one difference, or none.
    """
    return [Difference(Cause.FILES, one) for one in data_file_differences(body.get(KEY) or {}, now(body, root))]


def found_file_differences(body: Mapping[str, Any], read: Mapping[str, str] | None) -> list[Difference]:
    """Name the files that a replay has read, and the recorded training has not.

    :param body: body of its record; one of an earlier release names none.
    :param read: what the replay has read.
    :return: one difference, or none.
    """
    recorded = body.get(KEY)
    return [] if recorded is None else [Difference(Cause.FILES, one) for one in other_reads(recorded, read or {})]


def files_are_known(differences: Iterable[Difference]) -> bool:
    """Whether files are among what is not as recorded: then one that is missing explains why nothing could be trained.

    :param differences: what is not as recorded.
    """
    return any(one.cause is Cause.FILES for one in differences)


def as_files_are(manifest: Mapping[str, Any], body: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    """Return the manifest of a training whose files are not those that the training of another manifest has read.

    :param manifest: the manifest by which that training was found.
    :param body: body of its record.
    :param root: as `root_of` returns it.
    :return: the manifest, which names the files as they are where they differ; else the same one.
    """
    found = now(body, root)
    return dict(manifest) if found == (body.get(KEY) or {}) else {**manifest, KEY: found}
