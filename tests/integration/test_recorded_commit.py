"""Replaying by the code of the recorded commit: what Git kept is run, proved by its hashes; the rest is refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.lab import Lab

TRAINING = """\
from sklearn.linear_model import LogisticRegression
from {package}.signs import SIGN


def train(features, labels, *, seed):
    return LogisticRegression(random_state=seed).fit(features * SIGN, labels)
"""


class Bundle:
    """A Dag bundle in a Git repository, with a training function of two modules."""

    def __init__(self, folder: Path) -> None:
        self.package = f"delays_{os.urandom(4).hex()}"
        self.folder = folder
        home = folder / "bundle" / self.package
        home.mkdir(parents=True)
        (home / "__init__.py").write_text("")
        (home / "training.py").write_text(TRAINING.format(package=self.package))
        self.signs = home / "signs.py"
        self.signs.write_text("SIGN = 1\n")
        self.git("init", "--quiet")
        self.commit()

    def git(self, *words: str) -> str:
        """Run Git in it."""
        who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        done = subprocess.run(["git", *who, *words], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit everything, and return the hash."""
        self.git("add", "-A")
        self.git("commit", "--quiet", "--message", "as it is")
        return self.git("rev-parse", "HEAD")

    def change(self) -> None:
        """Let the code of today be another one."""
        self.signs.write_text("SIGN = -1\n")
        self.forget()

    def forget(self) -> None:
        """Let the modules be imported anew, as in another process."""
        for name in [one for one in sys.modules if one.partition(".")[0] == self.package]:
            del sys.modules[name]


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """The bundle, importable."""
    made = Bundle(tmp_path / "repository")
    monkeypatch.syspath_prepend(made.folder / "bundle")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return made


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab with accepted snapshots."""
    return make_lab("accepted")


def train(lab: Lab, bundle: Bundle) -> Record:
    """Train by the bundle's function."""
    lab.run("train", partition_key="2020-02", train_function=f"{bundle.package}.training:train")
    return lab.records("training")[-1]


def replay(lab: Lab, run_id: str, **words: Any) -> dict[str, Any]:
    """Replay it, and return the certificate."""
    lab.run("replay", run_type="manual", run_id=run_id, on_difference="record", **words)
    return dict(json.loads((Path(lab.records("certificate")[-1].body["uri"]) / "certificate.json").read_text()))


def test_the_recorded_commit_gives_the_recorded_model(lab: Lab, bundle: Bundle) -> None:
    """Today's code gives another model; that of the commit the same, and the certificate names the commit."""
    commit = bundle.git("rev-parse", "HEAD")
    recorded = train(lab, bundle)
    assert recorded.body["git"] == {"commit": commit, "dirty": False}
    bundle.change()
    bundle.commit()
    before = bundle.git("status", "--porcelain"), bundle.git("worktree", "list"), bundle.signs.read_text()

    today = replay(lab, "today")
    assert (today["verdict"]["outcome"], today["differences"][0]["cause"]) == ("FAIL", "code changed")
    then = replay(lab, "then", code="recorded")
    assert (then["level"], then["verdict"]["outcome"], then["differences"]) == ("L0", "PASS", [])
    (rule,) = (rule for rule in then["verdict"]["rules"] if rule["rule"] == "code")
    assert commit in rule["reason"]
    assert before == (bundle.git("status", "--porcelain"), bundle.git("worktree", "list"), bundle.signs.read_text())
    assert f"{bundle.package}.signs" not in sys.modules or sys.modules[f"{bundle.package}.signs"].SIGN == -1


def test_a_dirty_training_is_refused(lab: Lab, bundle: Bundle) -> None:
    """The commit does not hold what ran."""
    bundle.change()
    train(lab, bundle)

    with pytest.raises(AirflowFailException, match="does not hold what ran"):
        lab.run("replay", run_type="manual", code="recorded")
    assert lab.records("certificate") == []


def test_a_commit_that_is_gone_is_named(lab: Lab, bundle: Bundle) -> None:
    """History was rewritten: neither the commit nor a network to fetch it from."""
    train(lab, bundle)
    shutil.rmtree(bundle.folder / ".git")
    bundle.git("init", "--quiet")
    bundle.commit()
    bundle.signs.write_text("SIGN = 1  # another commit\n")
    bundle.commit()
    bundle.git("reset", "--quiet", "--hard", "HEAD")

    with pytest.raises(AirflowFailException, match="is not in the repository"):
        lab.run("replay", run_type="manual", code="recorded", version="", partition_key="2020-02")


def test_a_function_that_was_in_no_repository_is_refused(lab: Lab, bundle: Bundle) -> None:
    """The record names no commit."""
    shutil.rmtree(bundle.folder / ".git")
    train(lab, bundle)

    with pytest.raises(AirflowFailException, match="names no commit"):
        lab.run("replay", run_type="manual", code="recorded")


def test_another_word_is_refused(lab: Lab, bundle: Bundle) -> None:
    """Code is that of today or the recorded one."""
    train(lab, bundle)

    with pytest.raises(AirflowFailException, match="today, recorded"):
        lab.run("replay", run_type="manual", code="yesterday")
