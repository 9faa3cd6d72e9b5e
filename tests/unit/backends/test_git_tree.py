"""A commit as a folder of files, from a checkout and from what Airflow's Git bundle keeps."""

import subprocess
from pathlib import Path

import pytest

from airflow_provider_mlops.backends import git as backend
from airflow_provider_mlops.backends.git_tree import export_commit, has_commit, is_shallow, repositories_of
from airflow_provider_mlops.core.errors import BadInput, TransientError


def git(folder: Path, *words: str) -> str:
    """Run Git."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit of one file."""
    folder = tmp_path / "checkout"
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "one.py").write_text("ONE = 1\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "--message", "one")
    return folder


def test_a_checkout_is_its_own_repository(checkout: Path, tmp_path: Path) -> None:
    """The export has the commit's files, whatever lies in the checkout now."""
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "dags" / "one.py").write_text("ONE = 2\n")
    found = repositories_of(checkout / "dags")[0]
    assert found is not None
    (tmp_path / "out").mkdir()
    export_commit(found[0], commit, tmp_path / "out")

    assert found[1].resolve() == checkout.resolve()
    assert (tmp_path / "out" / "dags" / "one.py").read_text() == "ONE = 1\n"


@pytest.mark.parametrize("place", ["versions/{commit}", "tracking_repo"])
def test_a_git_bundle_has_a_bare_clone_beside_it(checkout: Path, tmp_path: Path, place: str) -> None:
    """Its versions may have lost their own .git."""
    commit, bundle = git(checkout, "rev-parse", "HEAD"), tmp_path / "bundles" / "flights"
    top = bundle / place.format(commit=commit)
    (top / "dags").mkdir(parents=True)
    git(bundle, "clone", "--quiet", "--bare", str(checkout), "bare")
    (tmp_path / "out").mkdir()

    found = repositories_of(top / "dags")[0]
    assert found == (bundle / "bare", top)
    export_commit(found[0], commit, tmp_path / "out")
    assert (tmp_path / "out" / "dags" / "one.py").exists()


@pytest.mark.parametrize("commit", ["0" * 40, "HEAD", "--output=/tmp/x", ""])
def test_what_is_no_commit_there_is_refused(checkout: Path, tmp_path: Path, commit: str) -> None:
    """Neither a name that moves nor an option."""
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInput, match=r"(?i)commit"):
        export_commit(checkout, commit, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_outside_git_has_no_repository(tmp_path: Path) -> None:
    """Nothing, not somebody's."""
    assert repositories_of(tmp_path) == []


def test_no_filter_of_the_repository_runs(checkout: Path, tmp_path: Path) -> None:
    """A smudge filter is a command of the repository's owner, who may be somebody else; the files come as committed."""
    (checkout / ".gitattributes").write_text("*.py filter=other\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "--quiet", "--message", "two")
    git(checkout, "config", "filter.other.smudge", f"touch '{tmp_path / 'ran'}'; sed s/1/2/")
    git(checkout, "config", "filter.other.required", "true")
    (tmp_path / "out").mkdir()
    export_commit(checkout, git(checkout, "rev-parse", "HEAD"), tmp_path / "out")

    assert (tmp_path / "out" / "dags" / "one.py").read_text() == "ONE = 1\n"
    assert not (tmp_path / "ran").exists()


def test_a_filter_that_cannot_be_silenced_is_refused(checkout: Path, tmp_path: Path) -> None:
    """An option ends at the first equals sign."""
    git(checkout, "config", "filter.a=b.smudge", "cat")
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInput, match="cannot be silenced"):
        export_commit(checkout, git(checkout, "rev-parse", "HEAD"), tmp_path / "out")


def test_the_folder_says_which_repository(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a variable that a Git hook above has left."""
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    found = repositories_of(checkout / "dags")[0]

    assert found is not None
    assert found[1].resolve() == checkout.resolve()


def test_a_commit_that_a_shallow_clone_lacks(checkout: Path, tmp_path: Path) -> None:
    """It is not there, and the clone says that it is cut off."""
    commit = git(checkout, "rev-parse", "HEAD")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "two")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{checkout}", "clone")

    assert (has_commit(tmp_path / "clone", commit), is_shallow(tmp_path / "clone")) == (False, True)
    assert (has_commit(checkout, commit), is_shallow(checkout)) == (True, False)


def test_a_submodule_is_exported_with_its_commit(checkout: Path, tmp_path: Path) -> None:
    """What the commit names of it, not what is checked out now; the outer repository comes after the inner one."""
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(checkout), "libs/inner")
    git(outer, "commit", "--quiet", "--message", "outer")
    commit = git(outer, "rev-parse", "HEAD")
    (outer / "libs/inner/dags/one.py").write_text("ONE = 2\n")
    git(outer / "libs/inner", "commit", "--quiet", "--all", "--message", "later")
    (tmp_path / "out").mkdir()
    export_commit(outer, commit, tmp_path / "out")

    assert (tmp_path / "out/libs/inner/dags/one.py").read_text() == "ONE = 1\n"
    found = [top.resolve() for _, top in repositories_of(outer / "libs/inner/dags")]
    assert found == [(outer / "libs/inner").resolve(), outer.resolve()]


def test_git_that_does_not_answer_is_no_missing_commit(checkout: Path) -> None:
    """A repository that is slow today is tried again; it does not lack the commit."""
    with pytest.raises(TransientError, match=r"git rev-parse at .* did not end within 1e-09 seconds"):
        backend.git(checkout, "rev-parse", "HEAD", seconds=1e-9)


def test_a_missing_git_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the repository that is missing, nor the commit."""
    commit = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "/nowhere")
    for ask in (lambda: has_commit(checkout, commit), lambda: repositories_of(checkout)):
        with pytest.raises(BadInput, match="Git is not installed where this task runs"):
            ask()
