"""A commit as a folder of files, from a checkout and from what Airflow's Git bundle keeps."""

import subprocess
from pathlib import Path

import pytest

from airflow_provider_mlops.backends.git_tree import export_commit, repository_of
from airflow_provider_mlops.core.errors import BadInput


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
    found = repository_of(checkout / "dags")
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

    found = repository_of(top / "dags")
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
    """None, not somebody's."""
    assert repository_of(tmp_path) is None


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
    found = repository_of(checkout / "dags")

    assert found is not None
    assert found[1].resolve() == checkout.resolve()
