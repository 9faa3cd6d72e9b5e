"""A training function that stands in a Dag file: trained by its task, replayed by the form that knows records alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.dag_files import forget, load
from tests.support.lab import Lab

TOP = """\
from airflow.sdk import DAG, task
from tests.support.elsewhere import fit_strength

with DAG("of_a_file", schedule=None) as dag:

    @task.mlops_train(
        model_name="late_events", dataset="events", features=["signal", "noise"], label_column="late",
        partition_key="2020-03",
    )
    def train(features, labels, *, seed, strength):
        return fit_strength(features, labels, seed=seed, strength=strength)

    train(strength=2.0)
"""
INSIDE = """\
from airflow.sdk import dag as make_dag, task
from tests.support.elsewhere import fit_plain


@make_dag(schedule=None)
def of_a_file():
    @task.mlops_train(
        model_name="late_events", dataset="events", features=["signal", "noise"], label_column="late",
        partition_key="2020-03",
    )
    def train(features, labels, *, seed):
        return fit_plain(features, labels, seed=seed)

    train()


dag = of_a_file()
"""


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab whose three months are accepted."""
    return make_lab("accepted")


@pytest.fixture
def file(lab: Lab) -> Iterator[Path]:
    """Return where the Dag file lies."""
    path = lab.root / "dags" / "of_a_file.py"
    path.parent.mkdir()
    yield path
    forget(path)


def train(lab: Lab, file: Path, text: str) -> Record:
    """Run the training task of a Dag file, and forget the file."""
    file.write_text(text)
    task = load(file).dag.get_task("train")
    task.execute(fake_context(task, lab.root))
    forget(file)
    return lab.records("training")[-1]


def replay(lab: Lab, run_id: str, **more: Any) -> Record:
    """Replay it, and return the record of the certificate."""
    words: dict[str, Any] = {"run_type": "manual", "run_id": run_id, "on_difference": "record", **more}
    lab.run("replay", **words)
    return lab.records("certificate")[-1]


def test_it_is_replayed_from_its_dag_file(lab: Lab, file: Path) -> None:
    """The record names the file; the same model comes out, and a change of the file is named."""
    record = train(lab, file, TOP)
    found = replay(lab, "same")

    assert record.body["dag_file"] == "dags/of_a_file.py"
    assert record.body["manifest"]["params"] == {"strength": 2.0}
    assert (found.body["level"], found.outcome, found.body["differences"]) == ("L0", "PASS", [])
    forget(file)
    file.write_text(f"{TOP}# changed\n")
    (difference,) = replay(lab, "changed").body["differences"]
    assert (difference["cause"], "of_a_file" in difference["detail"]) == ("code changed", True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "is not in the bundle at .*: replay it by a Dag of the same bundle"),
        ("raise OSError('no disk')", "cannot be loaded: OSError: no disk"),
        ("train = 1", "has no function 'train' at its top level"),
    ],
)
def test_a_file_that_does_not_hold_it_any_more(lab: Lab, file: Path, change: str | None, words: str) -> None:
    """The cause is missing code, with the way out."""
    train(lab, file, TOP)
    file.unlink()
    if change:
        file.write_text(change)

    with pytest.raises(AirflowFailException, match=words):
        replay(lab, "gone", on_difference="fail")
    (difference,) = lab.records("certificate")[-1].body["differences"]
    assert difference["cause"] == "code missing"


def test_a_function_without_a_name_is_refused(lab: Lab, file: Path) -> None:
    """Its own Dag has it at hand: an audit of it agrees, and the refusal says so."""
    train(lab, file, INSIDE)
    for code in ("today", "recorded"):
        (difference,) = replay(lab, code, code=code).body["differences"]
        assert difference["cause"] == "code missing"
        assert "airflow mlops audit backfill" in difference["detail"]
    task = load(file).dag.get_task("train")
    audit = task.execute(fake_context(task, lab.root, run_type="backfill", run_id="audit"))

    assert audit["replay"] == {"level": "L0", "differences": []}


def test_of_a_commit_only_modules_are_run(lab: Lab, file: Path) -> None:
    """That is said, with the way out."""
    train(lab, file, TOP)
    (difference,) = replay(lab, "then", code="recorded").body["differences"]

    assert difference["cause"] == "code missing"
    assert "stands in the Dag file dags/of_a_file.py, which has no import path" in difference["detail"]
    assert "code='today'" in difference["detail"]


def test_a_decorated_function_of_a_module_is_the_one_behind_the_decorator() -> None:
    """Calling what the name leads to would make a task."""
    from airflow_provider_mlops.hooks.dag_file import behind_task
    from tests.support.elsewhere import fit_plain
    from tests.unit.decorators.test_train import train as decorated

    assert behind_task(decorated).__name__ == "train"
    assert behind_task(decorated)(1, 2, seed=3, depth=4)["depth"] == 4
    assert behind_task(fit_plain) is fit_plain
