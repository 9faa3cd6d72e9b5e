"""Who wrote the code of a training."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    del sys.modules["changed_by_ann"]


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
