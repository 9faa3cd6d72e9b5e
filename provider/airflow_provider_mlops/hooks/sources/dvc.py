"""Rows of a file that DVC tracks: the pointer says which bytes, and they are proved before they are read.

DVC itself is needed only where the bytes are neither in the workspace nor in the local cache.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.yaml_file import read_yaml
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError
from airflow_provider_mlops.core.near import file_meant
from airflow_provider_mlops.core.source import DvcSource
from airflow_provider_mlops.hooks.sources.reading import Reading, Where
from airflow_provider_mlops.hooks.sources.tabular import RowFile, format_of, tables_of_files

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a ``.dvc`` file says.

    :param path: the ``.dvc`` file.
    :param target: where the tracked file lies in the workspace.
    :param md5: MD5 of its bytes, 32 hexadecimal digits.
    :param size: its size in bytes, None where the pointer does not say.
    """

    path: Path
    target: Path
    md5: str
    size: int | None


@contextmanager
def read_dvc(source: DvcSource, where: Where) -> Iterator[Reading]:
    """Open a tracked file whose bytes are those that its pointer names.

    :param source: the source.
    :param where: whose bundle a relative path starts from.
    :return: context manager that gives the reading.
    :raises BadInput: when the pointer is missing or is none, or the bytes can be found nowhere.
    :raises EvidenceBroken: when the bytes are others than the pointer's.
    :raises TransientError: when DVC cannot fetch them now.
    """
    pointer = read_pointer(where.bundle / source.path)
    kind = source.format or format_of(pointer.target.name)
    facts = {"dvc": {"path": source.path, "md5": pointer.md5, **git_state(pointer.path)}}
    with tempfile.TemporaryDirectory(prefix="mlops-dvc-") as folder:
        data = _proved(pointer, Path(folder), where.log)
        plain = kind == "parquet" and not source.schema
        file = RowFile(pointer.target.name, lambda: data.open("rb"))
        yield Reading(
            rows=tables_of_files([file], kind, source.schema, source.options),
            facts=facts,
            parquet=[data] if plain else [],
        )


def read_pointer(path: Path) -> Pointer:
    """Read a ``.dvc`` file.

    :param path: the file.
    :return: what it says.
    :raises BadInput: when it is missing, tracks a folder or several files, or says no MD5.
    """
    if not path.is_file():
        raise BadInput(f"There is no {path}; is the .dvc file part of the Dag bundle?{file_meant(path)}")
    document = read_yaml(path)
    outs = document.get("outs") if isinstance(document, Mapping) else None
    if not isinstance(outs, list) or len(outs) != 1 or not isinstance(outs[0], Mapping):
        raise BadInput(f"{path} does not track one file: it needs one entry under outs.")
    out = outs[0]
    md5, name, size = str(out.get("md5", "")), str(out.get("path", "")), out.get("size")
    if md5.endswith(".dir"):
        raise BadInput(f"{path} tracks a folder; track its files one by one, or take them with sources.files.")
    if not re.fullmatch(r"[0-9a-f]{32}", md5) or out.get("hash", "md5") != "md5":
        raise BadInput(f"{path} states no MD5 of the file; run dvc add or dvc commit.")
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise BadInput(f"{path} tracks {name!r}, which is not below its own folder.")
    return Pointer(path, path.parent / name, md5, size if isinstance(size, int) else None)


def git_state(path: Path) -> dict[str, Any]:
    """Return the revision of the Git repository that a file lies in.

    :param path: the file.
    :return: ``{"revision", "modified"}``: the commit, and whether the file differs from it; nulls without Git.
    """
    git = shutil.which("git")
    if git is None:
        return {"revision": None, "modified": None}

    def ask(*arguments: str) -> str | None:
        command = [git, "-C", str(path.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - Git, with our own arguments
        return done.stdout.strip() if done.returncode == 0 else None

    revision = ask("rev-parse", "--verify", "HEAD")
    state = ask("status", "--porcelain", "--", path.name) if revision else None
    return {"revision": revision, "modified": None if state is None else bool(state)}


def _proved(pointer: Pointer, folder: Path, log: Any) -> Path:
    """Find the bytes, copy them aside while hashing, and return the copy: nobody can change it any more."""
    copy = folder / pointer.target.name
    root = _repository(pointer.path)
    places = [pointer.target, *_cached(root, pointer.md5)]
    for place in places:
        if place.is_file():
            log.info("Reading the bytes of %s from %s.", pointer.path.name, place)
            with place.open("rb") as file, copy.open("wb") as target:
                digest = _copied(file, target)
            if digest != pointer.md5:
                raise EvidenceBroken(
                    f"{place} has the MD5 {digest}, {pointer.path.name} names {pointer.md5}; "
                    "run dvc checkout to restore the file, or dvc add to track the new one."
                )
            return copy
    if root is None or importlib.util.find_spec("dvc") is None:
        raise BadInput(
            f"The bytes of {pointer.path} are neither at {pointer.target} nor in DVC's cache; "
            "run dvc pull before the task, or install dvc where it runs."
        )
    _fetched(pointer, root, copy, log)
    return copy


def _fetched(pointer: Pointer, root: Path, copy: Path, log: Any) -> None:
    """Fetch the bytes from DVC's remote storage, without touching the workspace."""
    api = importlib.import_module("dvc.api")
    log.info("Fetching the bytes of %s with DVC.", pointer.path.name)
    name = str(pointer.target.resolve().relative_to(root.resolve()))
    try:
        with api.DVCFileSystem(str(root)).open(name, "rb") as file, copy.open("wb") as target:
            digest = _copied(file, target)
    except Exception as err:
        raise TransientError(f"DVC cannot fetch {name}: {type(err).__name__}: {str(err)[:200]}") from err
    if digest != pointer.md5:
        raise EvidenceBroken(f"DVC gave {name} with the MD5 {digest}, {pointer.path.name} names {pointer.md5}.")


def _repository(path: Path) -> Path | None:
    return next((folder for folder in path.absolute().parents if (folder / ".dvc").is_dir()), None)


def _cached(root: Path | None, md5: str) -> list[Path]:
    """Where DVC 3 and DVC 2 keep a file in their local cache."""
    if root is None:
        return []
    cache = root / ".dvc" / "cache"
    return [cache / "files" / "md5" / md5[:2] / md5[2:], cache / md5[:2] / md5[2:]]


def _copied(source: Any, target: Any) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while block := source.read(_CHUNK):
        digest.update(block)
        target.write(block)
    return digest.hexdigest()
