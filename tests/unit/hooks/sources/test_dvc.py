"""DVC-tracked files: the pointer's MD5 decides, whatever lies in workspace, cache or remote storage."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError
from airflow_provider_mlops.hooks.sources import dvc
from tests.support.sources import opened, read, rows_of

TEXT = "id,name\n1,a\n2,b\n"
MD5 = hashlib.md5(TEXT.encode()).hexdigest()
SOURCE = sources.dvc("data/x.csv.dvc")


def run(folder: Path, *command: str) -> str:
    """Run a program in a folder."""
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with a file that real DVC tracks and has pushed to a remote storage."""
    home = tmp_path_factory.mktemp("dvc")
    root, remote = home / "repository", home / "remote"
    (root / "data").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patches:
        patches.setenv("DVC_NO_ANALYTICS", "1")
        tool = (sys.executable, "-m", "dvc")
        run(root, "git", "init", "-q")
        run(root, *tool, "init", "-q")
        (root / "data" / "x.csv").write_text(TEXT)
        run(root, *tool, "add", "-q", "data/x.csv")
        run(root, *tool, "remote", "add", "-q", "-d", "store", str(remote))
        run(root, *tool, "push", "-q")
        run(root, "git", "add", "-A")
        run(root, "git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "data")
    return root


@pytest.fixture
def repository(tracked: Path, tmp_path: Path) -> Path:
    """A copy of it for one test; the remote storage is shared."""
    return Path(shutil.copytree(tracked, tmp_path / "repository"))


def test_the_pointer_is_in_the_facts(repository: Path) -> None:
    """MD5, revision, and whether the pointer was changed since."""
    with opened(SOURCE, repository) as reading:
        assert rows_of(reading)["id"].to_pylist() == [1, 2]
        facts = reading.facts["dvc"]
    revision = run(repository, "git", "rev-parse", "HEAD")
    assert facts == {"path": "data/x.csv.dvc", "md5": MD5, "revision": revision, "modified": False}

    with (repository / "data" / "x.csv.dvc").open("a") as pointer:
        pointer.write("# changed\n")
    with opened(SOURCE, repository) as reading:
        assert reading.facts["dvc"]["modified"] is True


def test_outside_git_there_is_no_revision(repository: Path) -> None:
    """As where a bundle is a plain folder."""
    shutil.rmtree(repository / ".git")
    with opened(SOURCE, repository) as reading:
        assert (reading.facts["dvc"]["revision"], reading.facts["dvc"]["modified"]) == (None, None)


def test_a_changed_file_is_refused(repository: Path) -> None:
    """Both hashes are named, and what to do."""
    (repository / "data" / "x.csv").write_text(TEXT + "3,c\n")
    with pytest.raises(EvidenceBroken, match=rf"x\.csv has the MD5 \w+, x\.csv\.dvc names {MD5}; run dvc checkout"):
        read(SOURCE, repository)


def test_the_cache_is_read_where_the_workspace_is_empty(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC itself is not needed for that."""
    (repository / "data" / "x.csv").unlink()
    monkeypatch.setattr(dvc.importlib.util, "find_spec", lambda name: None)

    assert read(SOURCE, repository).num_rows == 2


def test_the_remote_storage_is_read_where_the_cache_is_empty(repository: Path) -> None:
    """Through DVC, and the workspace stays as it is."""
    (repository / "data" / "x.csv").unlink()
    shutil.rmtree(repository / ".dvc" / "cache")

    assert read(SOURCE, repository).num_rows == 2
    assert not (repository / "data" / "x.csv").exists()


def test_bytes_that_are_nowhere(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DVC the way out is told; with it, what it cannot fetch is tried again."""
    (repository / "data" / "x.csv").unlink()
    shutil.rmtree(repository / ".dvc" / "cache")
    config = repository / ".dvc" / "config"
    config.write_text(config.read_text().replace("/remote", "/no-remote"))
    with pytest.raises(TransientError, match=r"DVC cannot fetch data/x\.csv"):
        read(SOURCE, repository)
    monkeypatch.setattr(dvc.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="run dvc pull before the task, or install dvc"):
        read(SOURCE, repository)


def test_parquet_is_offered_for_copying(tmp_path: Path) -> None:
    """The copy, which nobody can change any more."""
    (tmp_path / "x.parquet").write_text(TEXT)
    (tmp_path / "x.parquet.dvc").write_text(f"outs:\n- md5: {MD5}\n  path: x.parquet\n")
    with opened(sources.dvc("x.parquet.dvc"), tmp_path) as reading:
        (path,) = reading.parquet
        assert path != tmp_path / "x.parquet"
        assert path.read_text() == TEXT
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"There is no .*x\.csv\.dvc; is the \.dvc file part of the Dag bundle"),
        ("outs: [", "is not valid YAML"),
        ("[]", "does not track one file"),
        ("outs: []", "does not track one file"),
        (f"outs:\n- md5: {MD5}.dir\n  path: x.csv", "tracks a folder; track its files one by one"),
        ("outs:\n- path: x.csv", "states no MD5"),
        (f"outs:\n- md5: {MD5}\n  hash: sha256\n  path: x.csv", "states no MD5"),
        (f"outs:\n- md5: {MD5}\n  path: ../../etc/passwd", "is not below its own folder"),
        (f"outs:\n- md5: {MD5}\n  path: /etc/passwd", "is not below its own folder"),
        (f"outs:\n- md5: {MD5}\n  path: x.bin", "The format of 'x.bin' cannot be told by its name"),
    ],
)
def test_pointers_that_are_refused(text: str | None, words: str, tmp_path: Path) -> None:
    """Missing, malformed, of folders, or climbing out of their place."""
    if text is not None:
        (tmp_path / "x.csv.dvc").write_text(text)
    with pytest.raises(BadInput, match=words):
        read(sources.dvc("x.csv.dvc"), tmp_path)


def test_what_is_installed_as_dvc() -> Any:
    """The tests above would prove little without the real one."""
    import dvc as real

    assert real.__version__
