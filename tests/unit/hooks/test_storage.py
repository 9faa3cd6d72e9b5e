"""The storage of rows on a local folder."""

import os
import tempfile
from pathlib import Path

import pytest

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError
from airflow_provider_mlops.hooks.leftovers import STALE_SECONDS
from airflow_provider_mlops.hooks.storage import MARKER, STAGING, Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder that does not exist yet."""
    return Storage(str(tmp_path / "root"))


def publish(storage: Storage, relative: str = "a/b", text: str = "rows") -> str:
    """Publish a folder with one file."""
    with storage.staging() as folder:
        (folder / "rows").write_text(text)
        (folder / MARKER).write_text("{}")
        return storage.publish(folder, relative)


def test_published_folder_is_opened(storage: Storage) -> None:
    """What was published is there under its address, whole."""
    assert publish(storage) == f"{storage.root}/a/b" == storage.uri("a/b")
    assert storage.exists("a/b")
    with storage.open("a/b") as folder:
        assert sorted(path.name for path in folder.iterdir()) == [MARKER, "rows"]


def test_first_one_stays(storage: Storage) -> None:
    """A second publish under the same name changes nothing and is no error."""
    assert publish(storage, text="first") == publish(storage, text="second")
    with storage.open("a/b") as folder:
        assert (folder / "rows").read_text() == "first"
    assert list((Path(storage.root) / STAGING).iterdir()) == []


@pytest.mark.parametrize("there", [False, True])
def test_what_was_not_published_is_not_read(storage: Storage, there: bool) -> None:
    """A folder that is missing, or has no marker, is broken evidence."""
    if there:
        (Path(storage.root) / "a/b").mkdir(parents=True)
    assert not storage.exists("a/b")
    with (
        pytest.raises(EvidenceBroken, match=f"Nothing is stored at {storage.root}/a/b; was it erased"),
        storage.open("a/b"),
    ):
        pass


@pytest.mark.parametrize("error", [EvidenceBroken("rows is missing"), FileNotFoundError("rows")])
def test_what_is_removed_while_it_is_read_is_asked_for_again(storage: Storage, error: Exception) -> None:
    """An erasure came in between: a retry finds what the ledger says of it. What is still there is broken for good."""
    publish(storage)

    def read(*removed: str) -> None:
        with storage.open("a/b") as folder:
            for name in removed:
                (folder / name).unlink()
            raise error

    with pytest.raises(type(error), match="rows"):
        read("rows")
    with pytest.raises(TransientError, match=f"{storage.root}/a/b was removed while it was read: .*rows"):
        read(MARKER)


def test_staging_is_removed(storage: Storage) -> None:
    """What was staged and not published is gone, also after an error."""
    with storage.staging() as folder:
        (folder / "rows").write_text("half")
    assert not folder.exists()
    with pytest.raises(FileNotFoundError), storage.staging() as folder:
        (folder / "missing").read_text()
    assert not folder.exists()


def test_leftovers_of_killed_tasks_are_removed(storage: Storage) -> None:
    """Staging folders of a day ago go, those of tasks that still run stay."""
    home = Path(storage.root) / STAGING
    for name, age in (("old", STALE_SECONDS + 60), ("new", 60), ("long", STALE_SECONDS + 60)):
        leave(home / name, age)
    (home / "long" / "part").write_text("its task writes for a day and more")
    with storage.staging():
        pass
    assert sorted(path.name for path in home.iterdir()) == ["long", "new"]


def test_leftovers_are_removed_on_demand(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the temporary folder of the machine, where nothing but ours is touched."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    leave(Path(storage.root) / STAGING / "old", STALE_SECONDS + 60)
    for name in ("mlops-old", "others-old"):
        leave(tmp_path / "temporary" / name, STALE_SECONDS + 60)
    leave(tmp_path / "temporary" / "mlops-new", 60)
    assert storage.remove_leftovers() == 2
    assert storage.remove_leftovers() == 0
    assert sorted(path.name for path in (tmp_path / "temporary").iterdir()) == ["mlops-new", "others-old"]


def leave(folder: Path, age: float) -> None:
    """Leave a folder with a file that nobody wrote to for so many seconds."""
    folder.mkdir(parents=True)
    (folder / "part").write_text("1 2 3")
    moment = folder.stat().st_mtime - age
    for path in (folder / "part", folder):
        os.utime(path, (moment, moment))


@pytest.mark.parametrize("relative", ["../x", "a/../b", "/a", "a//b", "", ".", "a/.hidden", "a/"])
def test_paths_stay_below_the_root(storage: Storage, relative: str) -> None:
    """A path that leads elsewhere is refused."""
    for act in (storage.exists, lambda path: publish(storage, path)):
        with pytest.raises(BadInput, match="is not a plain path below the storage root"):
            act(relative)


def test_root_below_a_file(tmp_path: Path) -> None:
    """A root that cannot be made is final and names the option."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"cannot be written \(Not a directory\); set the option \[mlops\] storage_root"):
        publish(Storage(str(tmp_path / "file" / "root")))


def test_full_disk(storage: Storage) -> None:
    """A full disk is worth another try."""
    with (
        pytest.raises(TransientError, match="No space is left at"),
        storage.staging(),
        Path("/dev/full").open("wb") as full,
    ):
        full.write(b"x" * 100_000)


def test_other_errors_are_passed_on(storage: Storage) -> None:
    """What the source raises is not turned into an error of the storage."""
    with pytest.raises(FileNotFoundError), storage.staging():
        Path("/no/such/file").read_text()


@pytest.mark.parametrize(
    ("root", "expected", "local"),
    [
        ("/data/mlops/", "/data/mlops", True),
        ("file:///data/mlops", "/data/mlops", True),
        ("s3://conn@bucket/x/", "s3://conn@bucket/x", False),
    ],
)
def test_forms_of_the_root(root: str, expected: str, local: bool) -> None:
    """A local folder may be written as one or as a file URL; other addresses are object stores."""
    storage = Storage(root)
    assert (storage.root, storage.is_local) == (expected, local)


def test_root_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a root the option counts."""
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", "/from/the/option")
    assert Storage().root == "/from/the/option"
