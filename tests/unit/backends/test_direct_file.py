"""Files written past the page cache: the same bytes, whatever their number and the file system."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_mlops.backends import direct_file
from airflow_provider_mlops.backends.direct_file import PIECE_BYTES, NewFile, memory

SIZES = (0, 1, 4095, 4096, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES + 4097)


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a disk, and one of a file system in memory; every file counts as large."""
    monkeypatch.setattr(direct_file, "LARGE_BYTES", 0)
    if request.param == "disk":
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def poured(content: bytes, path: Path, piece: int = PIECE_BYTES) -> None:
    """Write bytes piece by piece."""
    buffer = memory()
    with NewFile(path, len(content)) as file:
        for start in range(0, len(content), piece):
            part = content[start : start + piece]
            buffer[: len(part)] = part
            file.write(buffer[: len(part)])


@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_are_kept(folder: Path, size: int) -> None:
    """The last piece may be of any length."""
    content = os.urandom(size)
    poured(content, folder / "file")
    assert (folder / "file").read_bytes() == content


def test_pieces_of_any_length(folder: Path) -> None:
    """An object store gives what it has: from the first odd piece on the cache is used."""
    content = os.urandom(1 << 20)
    poured(content, folder / "file", 100_003)
    assert (folder / "file").read_bytes() == content


def test_a_file_that_exists_is_left_alone(folder: Path) -> None:
    """It belongs to somebody else."""
    (folder / "file").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        NewFile(folder / "file", 4096)
    assert (folder / "file").read_bytes() == b"theirs"


def test_others_may_read_it_as_any_file(folder: Path) -> None:
    """Its permissions are those that Python gives."""
    poured(b"ours", folder / "file")
    (folder / "plain").write_bytes(b"theirs")
    assert (folder / "file").stat().st_mode == (folder / "plain").stat().st_mode


@pytest.mark.parametrize("fails", ["open", "write"])
def test_a_file_system_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """Whether it says so at once or with the first piece, the cache is used then."""
    monkeypatch.setattr(direct_file, "LARGE_BYTES", 0)
    called = getattr(os, fails)
    refused: list[object] = []

    def refusing(first: object, second: object, *rest: object) -> object:
        direct = fails == "write" or int(second) & direct_file._DIRECT  # type: ignore[call-overload]
        if direct and not refused:
            refused.append(first)
            raise OSError(errno.EINVAL, "Invalid argument")
        return called(first, second, *rest)

    monkeypatch.setattr(os, fails, refusing)
    content = os.urandom(3 * 4096)
    poured(content, tmp_path / "file")
    monkeypatch.undo()

    assert refused
    assert (tmp_path / "file").read_bytes() == content


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but a refusal of the way of writing is tried again."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        poured(b"some", tmp_path / "file")
