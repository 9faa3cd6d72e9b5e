"""Trainings asked for with what no record should hold, or by functions in odd places."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.conftest import MakeLab
from tests.support.lab import LEARN, Lab

FUNCTION = """\
from sklearn.linear_model import LogisticRegression


def train(features, labels, *, seed, **_):
    return LogisticRegression(random_state=seed).fit(features, labels)
"""


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab with accepted snapshots."""
    return make_lab("accepted")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"alpha": float("nan")}, r"train_params\.alpha is nan, which JSON cannot hold"),
        ({"grid": [1.0, float("inf")]}, r"train_params\.grid\[1\] is inf"),
        ({"blob": "x" * 200_000}, r"train_params have 200,\d{3} characters; at most 100,000 stand in a record"),
        ({"when": {1, 2}}, r"train_params\.when is a set"),
        ({1: 2}, "keys must be text"),
        ({"half": "\ud800"}, "half a surrogate pair"),
        ([1], "train_params must map names to values, not be a list"),
    ],
)
def test_parameters_that_no_record_holds_are_refused(lab: Lab, params: Any, words: str) -> None:
    """By their name, before anything is trained; nothing is left."""
    before = lab.census()
    with pytest.raises(AirflowFailException, match=words):
        lab.run("train", partition_key="2020-02", train_function=LEARN, train_params=params)
    assert lab.census() == before


def test_unusual_names_of_parameters(lab: Lab) -> None:
    """Other scripts, spaces and signs, empty and long names: recorded as they are, and replayed."""
    params = {
        "größe": 1,
        "学习": 2,
        "weird name!": 3,
        "": 4,
        "x" * 300: 5,
        "long": "y" * 50_000,
        "big": 10**30,
        "../x": 6,
    }
    params |= {f"p{number}": number for number in range(150)}
    lab.run("train", partition_key="2020-02", train_function=LEARN, train_params=params)

    (record,) = lab.records("training")
    shown = lab.client.get_run(record.body["mlflow_run_id"]).data.params
    assert record.body["manifest"]["params"] == params
    assert (shown["größe"], shown["weird name_"], shown["_x"], shown["p149"]) == ("1", "3", "6", "149")
    audit = lab.run("train", run_type="backfill", partition_key="2020-02", train_function=LEARN)
    assert audit["replay"] == {"level": "L0", "differences": []}


@pytest.mark.parametrize("place", ["namespace", "relative", "archive", "lambda", "script"])
def test_functions_in_odd_places(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Trained, recorded with their sources, and replayed; without Git the record names no commit."""
    home = tmp_path / "bundle"
    home.mkdir()
    entry, path, names = home, f"odd_{place}.training:train", [f"odd_{place}.training"]
    files = {f"odd_{place}/training.py": FUNCTION}
    match place:
        case "relative":
            files = {
                "odd_relative/__init__.py": "",
                "odd_relative/training.py": "from .deep.inner import train\n",
                "odd_relative/deep/inner.py": FUNCTION,
            }
            names = ["odd_relative.deep.inner", "odd_relative.training"]
        case "archive":
            entry = home / "code.zip"
            files["odd_archive/__init__.py"] = ""
        case "lambda":
            files = {"odd_lambda/training.py": f"{FUNCTION}\n\nfit, train = train, lambda *a, **k: fit(*a, **k)\n"}
        case "script":
            files = {"odd_script/übung.py": FUNCTION.replace("train(", "trainiere_älteste(")}
            path, names = "odd_script.übung:trainiere_älteste", ["odd_script.übung"]
    for name, text in files.items():
        if entry == home:
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text, encoding="utf-8")
        else:
            with ZipFile(entry, "a") as archive:
                archive.writestr(name, text)
    monkeypatch.syspath_prepend(entry)
    lab.run("train", partition_key="2020-02", train_function=path)

    (record,) = lab.records("training")
    assert sorted(record.body["manifest"]["code_files"]) == names
    assert (record.body["git"], record.body["change"]) == (None, None)
    result = lab.run("replay", run_type="manual")
    assert result["levels"] == {"L0": 1}
    recorded = lab.run("replay", run_type="manual", run_id="then", code="recorded", on_difference="record")
    certificate = json.loads((Path(lab.records("certificate")[-1].body["uri"]) / "certificate.json").read_text())
    assert recorded["outcomes"] == {"FAIL": 1}
    assert [item["cause"] for item in certificate["differences"]] == ["code missing"]
    assert "names no commit" in certificate["differences"][0]["detail"]


def test_a_function_of_no_file_is_refused(lab: Lab) -> None:
    """What was made by C code has no source that a record could name."""
    with pytest.raises(AirflowFailException, match="print has no source to hash"):
        lab.run("train", partition_key="2020-02", train_function="builtins:print")


def test_a_function_that_ends_the_process_is_refused(lab: Lab) -> None:
    """Airflow would take sys.exit(0) for a success."""
    with pytest.raises(AirflowFailException, match=r"called sys\.exit\(0\)"):
        lab.run(
            "train",
            partition_key="2020-02",
            train_function="tests.support.elsewhere:leave",
            train_params={"how": "exit"},
        )
    assert lab.records("training") == []
