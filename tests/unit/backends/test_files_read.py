"""What code reads below a folder is told by Python itself, whichever library opens it, and hashed afterwards."""

import gzip
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from airflow_provider_mlops.backends import files_read as module
from airflow_provider_mlops.backends.files_read import files_read, hash_files


def read_by(root: Path, *leave_out: Path) -> tuple[dict[str, str] | None, dict[str, str]]:
    """Read everything below a folder in a thread; return what was noticed, and the hashes of all."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    with files_read(root, leave_out) as watched, ThreadPoolExecutor(1) as pool:
        list(pool.map(Path.read_bytes, files))
    assert watched is not None
    hashes = {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return watched.hashes(), hashes


def test_what_libraries_open_is_seen(tmp_path: Path) -> None:
    """A table, a compressed one, JSON, and a file that is opened by its number."""
    pd.DataFrame({"x": [1]}).to_csv(tmp_path / "a.csv")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / "d.gz").write_bytes(gzip.compress(b"x"))
    (tmp_path / "never").write_text("not read")
    with files_read(tmp_path) as watched:
        pd.read_csv(tmp_path / "a.csv")
        pd.read_parquet(tmp_path / "b.parquet")
        json.loads((tmp_path / "c.json").read_text())
        gzip.open(tmp_path / "d.gz").close()
        os.close(os.open(os.fsencode(tmp_path / "c.json"), os.O_RDONLY))
    (tmp_path / "never").read_text()

    assert watched is not None
    found = watched.hashes()
    assert found is not None
    assert list(found) == ["a.csv", "b.parquet", "c.json", "d.gz"]
    assert found["c.json"] == hashlib.sha256(b"{}").hexdigest()


def test_code_caches_and_what_is_ours_are_left_out(tmp_path: Path) -> None:
    """Modules are hashed by their source; hidden folders, installed libraries and the storage are no files of it."""
    for name in ("a.txt", "a.py", "x/__pycache__/a", ".git/a", "x/.hidden", "lib/site-packages/a", "storage/a", "x/b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found, hashes = read_by(tmp_path, tmp_path / "storage")

    assert found == {name: hashes[name] for name in ("a.txt", "x/b")}


def test_what_the_code_has_written_is_left_out(tmp_path: Path) -> None:
    """A file of its own making is no input; a missing one neither, nor one elsewhere."""
    with files_read(tmp_path / "inside") as watched:
        (tmp_path / "inside").mkdir()
        (tmp_path / "inside/own").write_text("x")
        (tmp_path / "inside/own").read_text()
        (tmp_path / "outside").write_text("x")
        (tmp_path / "outside").read_text()
        assert not (tmp_path / "inside/missing").exists()
        with pytest.raises(FileNotFoundError):
            (tmp_path / "inside/missing").read_text()

    assert watched is not None
    assert watched.hashes() == {}


def test_a_file_that_changes_meanwhile_is_no_evidence(tmp_path: Path) -> None:
    """What was read is not what would be hashed."""
    (tmp_path / "a").write_text("before")
    with files_read(tmp_path) as watched:
        (tmp_path / "a").read_text()
        other = tmp_path / "b"
    assert watched is not None
    other.write_text("afterwards")
    other.replace(tmp_path / "a")

    with pytest.raises(OSError, match="was changed or removed while the training ran"):
        watched.hashes()


def test_too_many_files_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of pictures belongs into a snapshot, not into a record."""
    monkeypatch.setattr(module, "MOST", 2)
    for number in range(3):
        (tmp_path / str(number)).touch()

    assert read_by(tmp_path)[0] is None


def test_hashes_by_name(tmp_path: Path) -> None:
    """What is not there has none, and no name leads out of the folder."""
    (tmp_path / "in").mkdir()
    for name in ("in/a", "secret"):
        (tmp_path / name).write_text(name)
    found = hash_files(tmp_path / "in", ["a", "b", "../secret", str(tmp_path / "secret"), "."])

    assert found.pop("a") == hashlib.sha256(b"in/a").hexdigest()
    assert set(found.values()) == {None}


def test_nothing_is_watched_without_a_folder(tmp_path: Path) -> None:
    """A function that is installed has no bundle."""
    with files_read(None) as watched:
        (tmp_path / "a").write_text("x")

    assert watched is None
