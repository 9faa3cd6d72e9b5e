"""A long training that is killed goes on where it was, and gives the model of one that nobody killed, to the bit."""

import importlib
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.faults import TaskProcesses
from tests.support.lab import DATASET, Lab

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
LEARNING = "tests.support.learning"


def states(lab: Lab) -> list[Path]:
    """Return the saved states."""
    return sorted(lab.storage.glob("checkpoints/*/*"))


def killed(lab: Lab, processes: TaskProcesses, step: int, arguments: dict[str, Any]) -> None:
    """Train in a process that kills itself once it has saved a step."""
    (lab.root / "die_at.txt").write_text(str(step))
    assert processes.run(lab, "train", arguments) == -signal.SIGKILL
    (state,) = states(lab)
    assert state.name.endswith(f"{step:012d}")
    assert lab.records("training") == []


@pytest.mark.parametrize("function", ["long", "long_arrays"])
def test_goes_on_after_a_kill(make_lab: MakeLab, task_processes: TaskProcesses, function: str) -> None:
    """The retry begins at the saved step, says so in its record, and leaves no state behind."""
    lab = make_lab("accepted")
    arguments = {"partition_key": "2020-02", "train_function": f"{LEARNING}:{function}"}
    killed(lab, task_processes, 5, arguments)
    assert task_processes.run(lab, "train", arguments) == 0

    (record,) = lab.records("training")
    assert record.body["resumed"] == {"step": 5, "refused": []}
    assert states(lab) == []
    # An audit begins at the beginning.
    audit = lab.run("train", run_type="backfill", run_id="audit", **arguments)
    assert audit["replay"] == {"level": "L0", "differences": []}


def test_begins_again_after_a_changed_state(make_lab: MakeLab, task_processes: TaskProcesses) -> None:
    """What was changed is not loaded; the record names it, and the model is the same."""
    lab = make_lab("accepted")
    arguments = {"partition_key": "2020-02", "train_function": f"{LEARNING}:long"}
    killed(lab, task_processes, 5, arguments)
    file = states(lab)[0] / "state.skops"
    file.write_bytes(file.read_bytes()[:-1])
    lab.run("train", **arguments)

    (record,) = lab.records("training")
    assert record.body["resumed"]["step"] is None
    assert "state.skops was changed" in record.body["resumed"]["refused"][0]
    assert states(lab) == []
    assert lab.run("train", run_type="backfill", run_id="audit", **arguments)["replay"]["level"] == "L0"


def test_a_state_of_rows_that_were_erased_since_is_not_used(make_lab: MakeLab, task_processes: TaskProcesses) -> None:
    """The training begins again on the rows that are left: nothing of the erased ones stays in the model."""
    lab = make_lab("accepted")
    arguments = {"partition_key": "2020-02", "train_function": f"{LEARNING}:long"}
    killed(lab, task_processes, 5, arguments)
    keys = lab.root / "keys.txt"
    keys.write_text("2020-01/1\n")
    lab.run("erase", run_type="manual", key_column="row_id", keys_file=str(keys), reason="DSR-1")
    lab.run("train", **arguments)

    (record,) = lab.records("training")
    assert "resumed" not in record.body  # another snapshot, hence another manifest
    assert record.body["rows"] < 800


def test_an_incremental_fit_goes_on_between_batches(
    make_lab: MakeLab, task_processes: TaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state is saved by itself; killed at the second batch, it learns the third, and the model is the same."""
    from airflow_provider_mlops.hooks.training_checkpoint import TrainingCheckpoint

    lab = make_lab("learned")
    save = TrainingCheckpoint.save

    class Killed(BaseException):
        pass

    def die(self: Any, state: Any, step: int) -> None:
        save(self, state, step)
        if step == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(TrainingCheckpoint, "save", die)
        with pytest.raises(Killed):
            lab.run("learn_on", partition_key="2020-03")
    assert len(states(lab)) == 1
    lab.run("learn_on", partition_key="2020-03")

    record = lab.records("training")[-1]
    assert record.body["resumed"] == {"step": 2, "refused": []}
    audit = lab.run("learn_on", run_type="backfill", run_id="audit", partition_key="2020-03")
    assert audit["replay"]["level"] == "L0"


def test_the_long_training_of_the_page(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It trains, and leaves no state behind."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    lab = make_lab("accepted")
    lab.run("train", partition_key="2020-02", train_function="long_training:train")
    assert len(lab.records("training")) == 1
    assert states(lab) == []


def test_the_incremental_operator_of_the_page(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first version is fitted in full, the second goes on from it."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    lab = make_lab("accepted")
    task = importlib.import_module("incremental").dag.get_task("train")
    task.model_name, task.dataset, task.train_function = lab.model, DATASET, "incremental:train"
    for key in ("2020-02", "2020-03"):
        task.partition_key = key
        trained = task.execute(fake_context(task, lab.root, run_id=key))
        lab.run("register", manifest_hash=trained["manifest_hash"], run_id=key)
        lab.client.set_registered_model_alias(lab.model, "champion", "1")

    first, second = (record.body["manifest"] for record in lab.records("training"))
    assert "fit" not in first
    assert (second["fit"]["kind"], second["fit"]["base"]["version"]) == ("incremental", "1")
    assert [item["partition_key"] for item in second["train"]["snapshots"]] == ["2020-02"]
