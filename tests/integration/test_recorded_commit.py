"""Replaying by the code of the recorded commit: what Git kept is run, proved by its hashes; the rest is refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.interpreters import make_interpreter
from tests.support.lab import Lab

TRAINING = """\
from pathlib import Path
from sklearn.linear_model import LogisticRegression, SGDClassifier
from {package}.signs import SIGN


def train(features, labels, *, seed):
    return LogisticRegression(random_state=seed).fit(features * SIGN, labels)


def learn(features, labels, *, seed, alpha=0.001):
    return SGDClassifier(loss="log_loss", alpha=alpha, random_state=seed).fit(features * SIGN, labels)


def warm(features, labels, *, seed, base=None):
    model = SGDClassifier(loss="log_loss", random_state=seed) if base is None else base
    return model.partial_fit(features * SIGN, labels, classes=[0, 1])


def long(features, labels, *, seed, checkpoint):
    assert checkpoint.load() is None
    model = LogisticRegression(random_state=seed).fit(features * SIGN, labels)
    checkpoint.save(model, 1)
    return model


def weighed(features, labels, *, seed):
    weight = float((Path(__file__).parent / "weight.txt").read_text())
    return LogisticRegression(C=weight, random_state=seed).fit(features, labels)
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
        (home / "weight.txt").write_text("0.1")
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


def rule_of(certificate: dict[str, Any], name: str) -> str:
    """Return the reason of a rule."""
    (found,) = (rule["reason"] for rule in certificate["verdict"]["rules"] if rule["rule"] == name)
    return str(found)


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
    assert commit in rule_of(then, "code")
    assert before == (bundle.git("status", "--porcelain"), bundle.git("worktree", "list"), bundle.signs.read_text())
    assert f"{bundle.package}.signs" not in sys.modules or sys.modules[f"{bundle.package}.signs"].SIGN == -1


def test_a_warm_training_is_replayed_by_its_commit(lab: Lab, bundle: Bundle) -> None:
    """The base travels to the process, is proved before, and the commit's function goes on from it."""
    warm = f"{bundle.package}.training:warm"
    lab.promote("2020-02", train_function=warm)
    found = lab.run("train", partition_key="2020-03", fit="warm", train_function=warm)
    lab.run("register", manifest_hash=found["manifest_hash"])
    bundle.change()
    bundle.commit()

    assert replay(lab, "today", version="2")["level"] != "L0"
    then = replay(lab, "then", version="2", code="recorded")
    assert (then["level"], then["verdict"]["outcome"], then["differences"]) == ("L0", "PASS", [])
    assert (then["figures"]["replayed_from"], then["figures"]["bases"][0]["level"]) == ("base", None)


def test_a_chain_is_replayed_from_its_root_by_the_commit_of_each(lab: Lab, bundle: Bundle) -> None:
    """Each base runs the code of its own commit, though they differ; the certificate names the commits."""
    warm, first = f"{bundle.package}.training:warm", bundle.git("rev-parse", "HEAD")
    lab.promote("2020-02", train_function=warm)
    bundle.change()
    second = bundle.commit()
    found = lab.run("train", partition_key="2020-03", fit="warm", train_function=warm)
    lab.run("register", manifest_hash=found["manifest_hash"])
    bundle.signs.write_text("SIGN = 5\n")
    bundle.commit()
    bundle.forget()

    then = replay(lab, "then", version="2", code="recorded", from_root=True)
    assert (then["level"], then["verdict"]["outcome"], then["differences"]) == ("L0", "PASS", [])
    (base,) = then["figures"]["bases"]
    assert (base["level"], base["commit"]) == ("L0", first)
    assert second in rule_of(then, "code")


def test_an_incremental_training_is_replayed_though_no_code_of_it_runs(lab: Lab, bundle: Bundle) -> None:
    """The base learns on by its own partial_fit: the certificate says that no function of the commit was called."""
    learn = f"{bundle.package}.training:learn"
    lab.promote("2020-02", train_function=learn, train_params={"alpha": 0.01})
    asked = {"train_function": learn, "params_from": "@champion"}
    found = lab.run("train", partition_key="2020-03", fit="incremental", **asked)
    lab.run("register", manifest_hash=found["manifest_hash"])
    bundle.change()
    commit = bundle.commit()

    then = replay(lab, "then", version="2", code="recorded")
    assert (then["level"], then["verdict"]["outcome"], then["differences"]) == ("L0", "PASS", [])
    assert "no training function is called" in rule_of(then, "code")
    assert commit not in rule_of(then, "code")
    root = replay(lab, "root", version="2", code="recorded", from_root=True)
    assert (root["level"], root["figures"]["bases"][0]["level"], root["differences"]) == ("L0", "L0", [])
    # In full, by the parameters of that version: no base at all.
    full = lab.run("train", partition_key="2020-03", run_id="full", **asked)
    lab.run("register", manifest_hash=full["manifest_hash"])
    bundle.signs.write_text("SIGN = 5\n")
    bundle.commit()
    bundle.forget()
    assert replay(lab, "full", version="3", code="recorded")["level"] == "L0"


def test_the_commit_of_a_base_that_is_gone_is_the_cause(lab: Lab, bundle: Bundle) -> None:
    """Trained again from the root, a base needs its own commit: where that is gone the certificate says of which."""
    warm = f"{bundle.package}.training:warm"
    bundle.signs.write_text("SIGN = 3\n")
    bundle.forget()
    lab.promote("2020-02", train_function=warm)
    bundle.commit()
    found = lab.run("train", partition_key="2020-03", fit="warm", train_function=warm)
    lab.run("register", manifest_hash=found["manifest_hash"])

    then = replay(lab, "then", version="2", code="recorded", from_root=True)
    assert (then["level"], then["verdict"]["outcome"]) == ("none", "FAIL")
    (difference,) = then["differences"]
    assert difference["cause"] == "code missing"
    assert "the base, version 1: The training ran in a checkout that differed from commit" in difference["detail"]
    assert replay(lab, "base", version="2", code="recorded")["level"] == "L0"


def test_the_recorded_commit_runs_in_the_recorded_interpreter(lab: Lab, bundle: Bundle, tmp_path: Path) -> None:
    """Its libraries and the commit's code; where it is gone, that is the cause."""
    home = tmp_path / "other"
    python = str(make_interpreter(home))
    lab.run("train", partition_key="2020-02", train_function=f"{bundle.package}.training:train", python=python)
    bundle.change()
    bundle.commit()

    assert replay(lab, "today")["level"] == "none"
    then = replay(lab, "then", code="recorded")
    assert (then["level"], then["verdict"]["outcome"], then["differences"]) == ("L0", "PASS", [])
    shutil.rmtree(home)
    gone = replay(lab, "gone", code="recorded")
    assert (gone["level"], gone["verdict"]["outcome"]) == ("none", "FAIL")
    (difference,) = gone["differences"]
    assert difference["cause"] == "environment changed"
    assert f"{python} does not run" in difference["detail"]


def test_a_function_that_saves_its_state_begins_at_the_beginning(lab: Lab, bundle: Bundle) -> None:
    """As in every replay: it gets a checkpoint that keeps nothing."""
    lab.run("train", partition_key="2020-02", train_function=f"{bundle.package}.training:long")
    bundle.change()
    bundle.commit()

    assert replay(lab, "then", code="recorded")["level"] == "L0"
    assert not list(lab.storage.glob("checkpoints/*/*"))


def test_a_data_file_of_the_commit_is_read(lab: Lab, bundle: Bundle) -> None:
    """What stands beside the modules is the commit's too; today's other file is named as a cause."""
    lab.run("train", partition_key="2020-02", train_function=f"{bundle.package}.training:weighed")
    (bundle.signs.parent / "weight.txt").write_text("9")
    bundle.commit()

    then, today = replay(lab, "then", code="recorded"), replay(lab, "today")
    assert (then["level"], then["differences"]) == ("L0", [])
    (difference,) = today["differences"]
    assert today["level"] == "none"
    assert difference["cause"] == "data files changed"
    assert difference["detail"].endswith(f"differ from the record: {bundle.package}/weight.txt (changed)")


def test_a_function_that_is_not_there_any_more_is_the_cause(lab: Lab, bundle: Bundle) -> None:
    """By the code of today too: the certificate says that it is missing, and of what."""
    train(lab, bundle)
    training = bundle.signs.parent / "training.py"
    training.write_text(training.read_text().replace("def train(", "def gone("))
    bundle.commit()
    bundle.forget()

    today = replay(lab, "today")
    assert (today["level"], today["verdict"]["outcome"]) == ("none", "FAIL")
    assert [item["cause"] for item in today["differences"]] == ["code missing"]
    assert "has no function 'train'" in today["differences"][0]["detail"]
    assert replay(lab, "then", code="recorded")["level"] == "L0"


def refused(lab: Lab, words: str) -> None:
    """Replay by the recorded code, which is refused: the task fails, and the certificate says why."""
    with pytest.raises(AirflowFailException, match=words):
        lab.run("replay", run_type="manual", code="recorded")
    (record,) = lab.records("certificate")
    assert (record.outcome, record.body["level"]) == ("FAIL", "none")
    (difference,) = record.body["differences"]
    assert difference["cause"] == "code missing"
    assert re.search(words, difference["detail"])


def test_a_dirty_training_is_refused(lab: Lab, bundle: Bundle) -> None:
    """The commit does not hold what ran."""
    bundle.change()
    train(lab, bundle)

    refused(lab, "does not hold what ran")


def test_a_commit_that_is_gone_is_named(lab: Lab, bundle: Bundle) -> None:
    """History was rewritten: neither the commit nor a network to fetch it from."""
    train(lab, bundle)
    shutil.rmtree(bundle.folder / ".git")
    bundle.signs.write_text("SIGN = 1  # another history: the same files in the same second were the same commit\n")
    bundle.git("init", "--quiet")
    bundle.commit()

    refused(lab, "is not in the repository")


def test_a_shallow_clone_that_lacks_the_commit(lab: Lab, bundle: Bundle) -> None:
    """The certificate says how to bring it; then it is replayed."""
    train(lab, bundle)
    bundle.change()
    bundle.commit()
    whole = bundle.folder.rename(bundle.folder.parent / "whole")
    bundle.folder.mkdir()
    bundle.git("clone", "--quiet", "--depth", "1", f"file://{whole}", ".")

    refused(lab, r"is not in the repository at .* bring it there \(git fetch --unshallow\)")
    bundle.git("fetch", "--quiet", "--unshallow")
    assert replay(lab, "then", code="recorded")["level"] == "L0"


def test_code_in_a_submodule_is_replayed_too(lab: Lab, bundle: Bundle, tmp_path: Path) -> None:
    """The outer commit names that of the submodule; both are exported as they were."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "signs.py").write_text("SIGN = 1\n")
    bundle.git("-C", str(inner), "init", "--quiet")
    bundle.git("-C", str(inner), "add", "-A")
    bundle.git("-C", str(inner), "commit", "--quiet", "--message", "one")
    place = bundle.signs.parent / "inner"
    relative = str(place.relative_to(bundle.folder))
    bundle.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), relative)
    source = bundle.signs.parent / "training.py"
    source.write_text(source.read_text().replace(".signs import", ".inner.signs import"))
    commit = bundle.commit()
    bundle.forget()
    recorded = train(lab, bundle)
    assert recorded.body["git"] == {"commit": commit, "dirty": False}
    assert f"{bundle.package}.inner.signs" in recorded.body["manifest"]["code_files"]
    (place / "signs.py").write_text("SIGN = -1\n")
    bundle.git("-C", str(place), "commit", "--quiet", "--all", "--message", "two")
    bundle.commit()
    bundle.forget()

    assert replay(lab, "today")["level"] != "L0"
    then = replay(lab, "then", code="recorded")
    assert (then["level"], then["verdict"]["outcome"], then["differences"]) == ("L0", "PASS", [])


def test_a_function_that_was_in_no_repository_is_refused(lab: Lab, bundle: Bundle) -> None:
    """The record names no commit."""
    shutil.rmtree(bundle.folder / ".git")
    train(lab, bundle)

    refused(lab, "names no commit")


def test_another_word_is_refused(lab: Lab, bundle: Bundle) -> None:
    """Code is that of today or the recorded one."""
    train(lab, bundle)

    with pytest.raises(AirflowFailException, match="today, recorded"):
        lab.run("replay", run_type="manual", code="yesterday")
