"""Removing published folders of a local storage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks import removal
from airflow_provider_mlops.hooks.storage import MARKER, Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage with one published folder, ``a/b``."""
    found = Storage(str(tmp_path / "root"))
    publish(found)
    return found


def publish(storage: Storage, relative: str = "a/b") -> None:
    """Publish a folder with one file."""
    with storage.staging() as folder:
        (folder / "rows").write_text("1 2 3")
        (folder / MARKER).write_text("{}")
        storage.publish(folder, relative)


def left(storage: Storage) -> list[str]:
    """Every file that is left."""
    return sorted(path.relative_to(storage.root).as_posix() for path in Path(storage.root).rglob("*") if path.is_file())


def test_removed_is_removed(storage: Storage) -> None:
    """Nothing of it is left, and doing it again is no error."""
    assert removal.folders(storage, "a") == ["b"]
    assert removal.remove(storage, "a/b")
    assert removal.remove(storage, "a/b")
    assert removal.folders(storage, "a") == []
    assert left(storage) == []
    assert not removal.settled(storage, "a/b")


def test_what_is_wanted_after_all_is_put_back(storage: Storage) -> None:
    """It is asked about when it is out of sight already."""
    seen = []

    def is_gone() -> bool:
        seen.append(storage.exists("a/b"))
        return False

    assert not removal.remove(storage, "a/b", is_gone)
    assert seen == [False]
    assert left(storage) == ["a/b/manifest.json", "a/b/rows"]
    assert removal.settled(storage, "a/b")


def test_what_was_published_meanwhile_stays(storage: Storage) -> None:
    """A task that found nothing there published the same rows: the old copy gives way."""

    def is_gone() -> bool:
        publish(storage)
        return False

    assert not removal.remove(storage, "a/b", is_gone)
    assert storage.exists("a/b")


@pytest.mark.parametrize("again", [False, True])
def test_a_killed_removal_is_finished_by_the_next(storage: Storage, again: bool) -> None:
    """It was killed while the folder was out of sight; it may have been published again since."""

    def die() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        removal.remove(storage, "a/b", die)
    if again:
        publish(storage)
    assert removal.remove(storage, "a/b")
    assert left(storage) == []


def test_half_deleted_folders_are_deleted(storage: Storage) -> None:
    """What a killed call was deleting under a name of its own goes with the next one."""
    half = Path(storage.root) / removal.REMOVED / ("0" * 32)
    half.mkdir(parents=True)
    (half / "rows").write_text("1")
    removal.remove(storage, "a/b")
    assert left(storage) == []


@pytest.mark.parametrize("act", [removal.folders, removal.remove])
@pytest.mark.parametrize("path", ["../a", "a//b", "/etc", ".staging/x", ""])
def test_a_path_stays_below_the_root(storage: Storage, act: Callable[[Storage, str], object], path: str) -> None:
    """What is not a plain path is refused."""
    with pytest.raises(BadInput, match="not a plain path"):
        act(storage, path)


def test_there_are_no_folders_below_what_is_not_there(storage: Storage) -> None:
    """An unknown dataset has no snapshots."""
    assert removal.folders(storage, "nothing/here") == []
