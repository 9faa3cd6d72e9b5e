"""A task killed before or after any of its side effects, then Airflow's retry: everything is there exactly once.

What must be there is what a task leaves that nobody killed.
"""

import functools
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import MakeLab
from tests.support.faults import Kill, TaskProcesses, effects_of
from tests.support.lab import Lab, Stages

TRAIN = [
    "create_experiment",
    "create_run",
    "log_batch",
    "log_dict",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "set_terminated",
    "record",
]
# The stage before each step, and the step's side effects in order.
STEPS = {
    "snapshot": ("empty", ["publish", "record"]),
    "validate": ("accepted", ["publish", "record"]),
    "train": ("accepted", TRAIN),
    "register": (
        "trained",
        ["create_registered_model", "create_model_version", "set_registered_model_alias", "record"],
    ),
    "evaluate": ("registered", ["publish", "record"]),
    "gate": ("evaluated", ["record"]),
    "promote": ("judged", ["record", "set_registered_model_alias"]),
    "drift": ("drifted", ["record"]),
    "claim": ("alarmed", ["record"]),
}
CASES = [
    pytest.param(step, Kill(index, after), id=f"{step}-{'after' if after else 'before'}-{index}-{name}")
    for step, (_, effects) in STEPS.items()
    for index, name in enumerate(effects)
    for after in (False, True)
]


def arguments_of(step: str, lab: Lab) -> dict[str, Any]:
    """Return what the step works on at its stage."""
    facts = lab.facts
    match step:
        case "snapshot":
            return {"partition_key": "2020-05"}
        case "validate":
            # Another suite, so that the verdicts of the stage do not count.
            (lab.root / "suite.yaml").write_text((lab.root / "suite.yaml").read_text().replace("-9", "-99"))
            return {"partition_key": "2020-02", "snapshot_id": facts["snapshots"]["2020-02"]}
        case "train":
            return {"partition_key": "2020-02"}
        case "register" | "evaluate":
            return {"manifest_hash": facts["train"]["manifest_hash"]}
        case "gate":
            return {"evaluation_id": facts["evaluate"]["evaluation_id"]}
        case "promote":
            return {"gate_record": facts["gate"]["record"]}
    return {"partition_key": "2020-04"}


@pytest.mark.parametrize("step", STEPS)
def test_side_effects_are_known(make_lab: MakeLab, step: str) -> None:
    """The kill tests below cover every side effect that a step has."""
    stage, expected = STEPS[step]
    lab = make_lab(stage)
    arguments = arguments_of(step, lab)

    assert effects_of(lambda: lab.run(step, **arguments)) == expected


@pytest.fixture(scope="module")
def unharmed(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Return a function that says what is there after a step that nobody killed."""

    @functools.cache
    def census(step: str) -> dict[str, Any]:
        lab = stages.copy(STEPS[step][0], tmp_path_factory.mktemp("unharmed") / "lab")
        with pytest.MonkeyPatch.context() as monkeypatch:
            lab.enter(monkeypatch)
            lab.run(step, **arguments_of(step, lab))
            return lab.census()

    return census


@pytest.mark.parametrize(("step", "kill"), CASES)
def test_retry_after_a_kill(
    make_lab: MakeLab,
    task_processes: TaskProcesses,
    unharmed: Callable[[str], dict[str, Any]],
    step: str,
    kill: Kill,
) -> None:
    """The retry finishes what the killed try began, and nothing is there twice."""
    lab = make_lab(STEPS[step][0])
    arguments = arguments_of(step, lab)
    assert task_processes.run(lab, step, arguments, kill) == -signal.SIGKILL

    lab.run(step, **arguments)

    assert lab.census() == unharmed(step)
