"""The files of a snapshot: its manifest, and the proof that the others are those it lists, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.snapshot_manifest import MANIFEST, manifest_text, parse_manifest

READ_BYTES = 1 << 20


def part_name(number: int) -> str:
    """Return the name of a part file.

    :param number: its number, from 0.
    """
    return f"part-{number:05}.parquet"


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest into its snapshot's folder.

    :param folder: the folder.
    :param manifest: the manifest.
    """
    (folder / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a snapshot's manifest and check that it is whole.

    :param folder: the snapshot's folder.
    :return: the manifest.
    :raises EvidenceBroken: when there is none, it cannot be read, or a byte of it was changed.
    """
    path = folder / MANIFEST
    try:
        return parse_manifest(path.read_bytes().decode(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        raise EvidenceBroken(f"There is no snapshot at {folder}: {MANIFEST} is missing.") from None
    except UnicodeDecodeError as err:
        raise EvidenceBroken(f"{path} is not JSON: {err}") from err


def check_listing(folder: Path, files: Sequence[Mapping[str, Any]]) -> None:
    """Check that a folder holds the files of its manifest and no others.

    :param folder: the folder.
    :param files: the manifest's file entries.
    :raises EvidenceBroken: naming the first file that is missing or extra.
    """
    expected = {item["name"] for item in files}
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(present - expected):
        raise EvidenceBroken(f"{folder / name} does not belong to the snapshot: its manifest does not list it.")
    for name in sorted(expected - present):
        raise EvidenceBroken(f"{folder / name} is missing.")


def verify_files(folder: Path, files: Sequence[Mapping[str, Any]]) -> None:
    """Check that a folder holds exactly the files of its manifest, byte for byte.

    :param folder: the folder.
    :param files: the manifest's file entries (name, bytes, sha256).
    :raises EvidenceBroken: naming the first file that is missing, extra or changed.
    """
    check_listing(folder, files)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="sha256") as pool:
        for path, item, found in zip(
            (folder / item["name"] for item in files),
            files,
            pool.map(lambda item: file_facts(folder / item["name"]), files),
            strict=True,
        ):
            check_bytes(path, item, found["sha256"])


def open_verified(folder: Path, files: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], IO[bytes]]]:
    """Open one file after the other, each proved byte for byte before it is given; the next one is proved meanwhile.

    :param folder: the folder.
    :param files: the manifest's file entries.
    :return: entry and open file, at its start; it is closed when the next one is asked for.
    :raises EvidenceBroken: naming the file that is missing, extra or changed.
    """
    check_listing(folder, files)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sha256") as pool:
        waiting = [pool.submit(_opened, folder, item) for item in files[:1]]
        try:
            for position, item in enumerate(files):
                file = waiting.pop().result()
                waiting = [pool.submit(_opened, folder, following) for following in files[position + 1 : position + 2]]
                with file:
                    yield item, file
        finally:
            _close(future.result() for future in waiting if not future.cancel() and future.exception() is None)


def file_facts(path: Path) -> dict[str, Any]:
    """Return name, size in bytes and SHA-256 (hexadecimal) of a file.

    :param path: the file.
    :return: ``{"name", "bytes", "sha256"}``.
    """
    with path.open("rb") as file:
        digest, size = _sha256(file)
    return {"name": path.name, "bytes": size, "sha256": digest}


def check_bytes(path: Path, item: Mapping[str, Any], sha256: str) -> None:
    """Compare a file's hash with that of its manifest.

    :param path: the file, for the error.
    :param item: the manifest's entry.
    :param sha256: hexadecimal SHA-256 that was found.
    :raises EvidenceBroken: when it is another.
    """
    if sha256 != item["sha256"]:
        raise EvidenceBroken(f"{path} was changed: its SHA-256 is not the recorded one.")


def _opened(folder: Path, item: Mapping[str, Any]) -> IO[bytes]:
    path = folder / str(item["name"])
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise EvidenceBroken(f"{path} is missing.") from None
    try:
        check_bytes(path, item, _sha256(file)[0])
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _sha256(file: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(READ_BYTES))
    while count := file.readinto(buffer):  # type: ignore[attr-defined]  # every binary file has it
        digest.update(buffer[:count])
        size += count
    return digest.hexdigest(), size


def _close(files: Iterable[IO[bytes]]) -> None:
    for file in files:
        file.close()
