"""Files of the bundle that a training function reads beside its rows: on record by hash, and compared by replays."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.lab import Lab

TRAINING = """\
import json
from pathlib import Path
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).parent


def weighed(features, labels, *, seed, strength=1.0):
    weight = json.loads((HERE / "weight.json").read_text()) * strength
    for more in sorted(HERE.glob("more-*.txt")):
        more.read_text()
    return LogisticRegression(C=weight, random_state=seed).fit(features, labels)


def warm(features, labels, *, seed, base=None):
    return weighed(features, labels, seed=seed)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a bundle, with a file beside its module."""
    folder = tmp_path / "bundle" / f"weights_{os.urandom(4).hex()}"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "training.py").write_text(TRAINING)
    (folder / "weight.json").write_text("0.1")
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return folder


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab with accepted snapshots."""
    return make_lab("accepted")


def train(lab: Lab, package: Path, **words: Any) -> Record:
    """Train, and return the newest record."""
    asked = {"partition_key": "2020-03", "train_function": f"{package.name}.training:weighed", **words}
    lab.run("train", **asked)
    return lab.records("training")[-1]


def causes(lab: Lab, run_id: str, **words: Any) -> tuple[str, list[tuple[str, str]]]:
    """Replay, and return the level, and cause and detail of what differs."""
    lab.run("replay", run_type="manual", run_id=run_id, on_difference="record", **words)
    body = lab.records("certificate")[-1].body
    return body["level"], [(item["cause"], item["detail"]) for item in body["differences"]]


def sha256(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_was_read_is_on_record_and_compared(lab: Lab, package: Path) -> None:
    """By path and hash; a replay of the same agrees, one of a changed or a further file names it."""
    record = train(lab, package)
    assert record.body["data_files"] == {f"{package.name}/weight.json": sha256("0.1")}
    assert causes(lab, "same") == ("L0", [])

    (package / "more-1.txt").write_text("another")
    level, (further,) = causes(lab, "further")
    assert (level, further) == (
        "L0",
        (
            "data files changed",
            f"the replay has read files that the training had not read: {package.name}/more-1.txt",
        ),
    )
    (package / "more-1.txt").unlink()
    (package / "weight.json").write_text("9")
    level, (changed,) = causes(lab, "changed")
    assert (level, changed[0]) == ("none", "data files changed")
    assert changed[1].endswith(f"{package.name}/weight.json (changed)")
    (package / "weight.json").unlink()
    level, (missing, stopped) = causes(lab, "missing")
    assert (level, missing[0]) == ("none", "data files changed")
    assert missing[1].endswith(f"{package.name}/weight.json (missing)")
    assert (stopped[0], "weight.json" in stopped[1]) == ("data files changed", True)


def test_an_audit_names_it_first(lab: Lab, package: Path) -> None:
    """The task that fails says it, and so does the certificate of the month."""
    train(lab, package)
    words = {"run_type": "backfill", "partition_key": "2020-03", "train_function": f"{package.name}.training:weighed"}
    assert lab.run("train", run_id="same", **words)["replay"] == {"level": "L0", "differences": []}
    (package / "weight.json").write_text("9")

    with pytest.raises(AirflowFailException, match=r"recorded model: files that the training has read differ"):
        lab.run("train", run_id="changed", **words)
    assert [c.body["differences"][0]["cause"] for c in lab.records("certificate")] == ["data files changed"]
    (package / "weight.json").unlink()
    with pytest.raises(AirflowFailException, match=r"weight\.json"):
        lab.run("train", run_id="missing", **words)
    assert [c.body["differences"][0]["cause"] for c in lab.records("certificate")] == ["data files changed"] * 2


def test_another_file_makes_another_training(lab: Lab, package: Path) -> None:
    """The same rows, code and parameters with another file are trained anew, once; the old file finds the old one."""
    first = train(lab, package)
    (package / "weight.json").write_text("9")
    second, again = train(lab, package), train(lab, package)
    (package / "weight.json").write_text("0.1")
    lab.run("train", partition_key="2020-03", train_function=f"{package.name}.training:weighed")

    assert first.body["model_digest"] != second.body["model_digest"]
    assert second.body["manifest"]["data_files"] == {f"{package.name}/weight.json": sha256("9")}
    assert "data_files" not in first.body["manifest"]
    assert again.hash == second.hash
    assert len(lab.records("training")) == 2
    (package / "weight.json").write_text("9")
    level, differences = causes(lab, "second", partition_key="2020-03")
    newest, oldest = lab.records("certificate")[-1], lab.records("certificate")[-2]
    assert (level, differences, newest.body["manifest_hash"]) == ("L0", [], second.body["manifest_hash"])
    assert oldest.body["differences"][0]["cause"] == "data files changed"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"python": sys.executable}, id="in another interpreter"),
        pytest.param(
            {"search": {"method": "grid", "space": {"strength": [0.1, 1.0]}, "metric": "roc_auc", "folds": {"n": 1}}},
            id="in a search",
        ),
        pytest.param({"determinism": "verify"}, id="trained twice"),
        pytest.param({"operating_threshold": {"metric": "f1"}}, id="with a threshold"),
    ],
)
def test_however_it_is_trained(lab: Lab, package: Path, more: dict[str, Any]) -> None:
    """What was read stands in the record, and a replay compares it."""
    record = train(lab, package, **more)
    assert record.body["data_files"] == {f"{package.name}/weight.json": sha256("0.1")}
    assert causes(lab, "same") == ("L0", [])
    (package / "weight.json").write_text("9")
    level, ((cause, _), *_) = causes(lab, "changed")

    assert (level, cause) == ("none", "data files changed")


def test_a_base_has_its_files_too(lab: Lab, package: Path) -> None:
    """Trained from the root, the base names what is not as it was; fetched by its hash it needs no file."""
    lab.promote("2020-02", train_function=f"{package.name}.training:weighed")
    train(lab, package, train_function=f"{package.name}.training:warm", fit="warm")
    (package / "weight.json").write_text("9")
    _, found = causes(lab, "root", partition_key="2020-03", from_root=True)

    told = [detail for cause, detail in found if cause == "data files changed"]
    assert any(detail.startswith("the base, version 1: files that the training has read") for detail in told)
