"""Who wrote the code of a training."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_mlops.hooks import change
from airflow_provider_mlops.hooks.change import git_state, last_change


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module in a Git checkout, committed by ann."""
    file = tmp_path / "changed_by_ann.py"
    file.write_text("x = 1\n")
    git = ("git", "-C", str(tmp_path), "-c", "user.name=Ann Lee", "-c", "user.email=ann@example.com")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("changed_by_ann")
    yield file
    sys.modules.pop("changed_by_ann", None)


def test_the_newest_commit_names_its_author(module: Path) -> None:
    """Name and address, by which four eyes tell who may not approve."""
    found = last_change(["changed_by_ann"])

    assert found is not None
    assert (found["author"], found["email"], len(found["commit"])) == ("Ann Lee", "ann@example.com", 40)


def test_what_is_not_committed_has_no_author(module: Path) -> None:
    """The newest commit is not who wrote it."""
    module.write_text("x = 2\n")

    assert last_change(["changed_by_ann"]) is None


@pytest.mark.parametrize("name", ["json", "sys", "no_such_module"])
def test_code_outside_git_has_no_author(name: str) -> None:
    """Nobody is refused for what is not known."""
    assert last_change([name]) is None


def test_without_git_nobody_is_known(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker need not have it."""
    monkeypatch.setenv("PATH", "/nowhere")

    assert last_change(["changed_by_ann"]) is None


def test_the_state_of_the_checkout(module: Path) -> None:
    """The commit, and whether it tells all that ran."""
    clean = git_state(["changed_by_ann"])
    module.write_text("x = 3\n")
    dirty = git_state(["changed_by_ann"])

    assert clean is not None
    assert dirty == {"commit": clean["commit"], "dirty": True}
    assert len(clean["commit"]) == 40
    assert git_state(["json"]) is None
    assert git_state([]) is None


def git(folder: Path, *words: str) -> str:
    """Run Git."""
    who = ("-c", "user.name=Bob Roe", "-c", "user.email=bob@example.com", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_python_compiles_makes_no_checkout_dirty(module: Path) -> None:
    """Importing a bundle writes beside its sources; anything else that is not committed counts."""
    folder = module.parent / "package"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    git(module.parent, "add", "-A")
    git(module.parent, "commit", "-qm", "second")
    for home in (folder, module.parent):
        (home / "__pycache__").mkdir(exist_ok=True)
        (home / "__pycache__" / "one.pyc").write_text("")
    clean = git_state(["changed_by_ann"])
    (folder / "data.json").write_text("{}")
    dirty = git_state(["changed_by_ann"])

    assert (clean, dirty) == ({**dirty, "dirty": False}, {**dirty, "dirty": True})


def test_a_module_that_nobody_has_imported_is_known(module: Path) -> None:
    """A function that trains in another interpreter is never imported here."""
    del sys.modules["changed_by_ann"]
    assert git_state(["changed_by_ann"]) == {"commit": git(module.parent, "rev-parse", "HEAD"), "dirty": False}
    assert last_change(["changed_by_ann"]) is not None
    assert "changed_by_ann" not in sys.modules
    importlib.import_module("changed_by_ann")


def test_a_detached_head_is_a_commit(module: Path) -> None:
    """As a bundle's version is checked out."""
    git(module.parent, "checkout", "-q", "--detach")

    assert git_state(["changed_by_ann"]) == {"commit": git(module.parent, "rev-parse", "HEAD"), "dirty": False}


@pytest.fixture
def elsewhere(
    module: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Let the module be found in another folder, which the test fills."""
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.syspath_prepend(str(folder))
    # Not by monkeypatch, which would bring the module back once this test is over.
    del sys.modules["changed_by_ann"]
    yield folder
    importlib.invalidate_caches()


def test_a_shallow_clone_names_no_wrong_author(module: Path, elsewhere: Path) -> None:
    """Its oldest commit seems to have written all that is older: four eyes would look for the wrong person."""
    (module.parent / "other.txt").write_text("")
    git(module.parent, "add", "-A")
    git(module.parent, "commit", "-qm", "by Bob")
    git(elsewhere, "clone", "-q", "--depth", "1", f"file://{module.parent}", ".")
    importlib.invalidate_caches()

    assert last_change(["changed_by_ann"]) is None
    assert git_state(["changed_by_ann"]) == {"commit": git(module.parent, "rev-parse", "HEAD"), "dirty": False}
    git(elsewhere, "fetch", "-q", "--unshallow")
    found = last_change(["changed_by_ann"])
    assert found is not None
    assert found["author"] == "Ann Lee"


def test_code_in_a_submodule_and_around_it_is_of_the_outer_commit(module: Path, elsewhere: Path) -> None:
    """The outer commit names that of the submodule; code in the submodule alone is of the submodule's."""
    git(elsewhere, "init", "-q")
    git(elsewhere, "submodule", "--quiet", "add", str(module.parent), "inner")
    (elsewhere / "outer_of_ann.py").write_text("y = 1\n")
    git(elsewhere, "add", "-A")
    git(elsewhere, "commit", "-qm", "outer")
    importlib.invalidate_caches()
    names = ["inner.changed_by_ann", "outer_of_ann"]

    assert git_state(names) == {"commit": git(elsewhere, "rev-parse", "HEAD"), "dirty": False}
    assert git_state(names[:1]) == {"commit": git(module.parent, "rev-parse", "HEAD"), "dirty": False}
    (elsewhere / "inner" / "changed_by_ann.py").write_text("x = 9\n")
    assert git_state(names) == {"commit": git(elsewhere, "rev-parse", "HEAD"), "dirty": True}


def test_git_that_does_not_answer_is_named(
    module: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The training is not lost for it; the log says what is not recorded, and why."""
    monkeypatch.setattr(change, "_SECONDS", 1e-9)

    assert (git_state(["changed_by_ann"]), last_change(["changed_by_ann"])) == (None, None)
    assert "The commit of the training's code is not recorded: git ls-files" in caplog.text
    assert "Who wrote the code of the training is not recorded: git status" in caplog.text
    assert "did not end within" in caplog.text
