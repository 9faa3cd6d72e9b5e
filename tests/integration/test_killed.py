"""A task killed before or after any of its side effects, then Airflow's retry: everything is there exactly once.

What must be there is what a task leaves that nobody killed. The one exception is promised (ADR 0013): a message
is claimed before it is sent, so that a kill between the two loses it; nothing is ever sent twice.
"""

import functools
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import MakeLab
from tests.support.faults import Kill, TaskProcesses, effects_of
from tests.support.lab import Stages
from tests.support.steps import MORE, TELLING, arguments_of
from tests.support.steps import STEPS as WORKING

STEPS = {**WORKING, **MORE, **TELLING}
CASES = [
    pytest.param(step, Kill(index, after), id=f"{step}-{'after' if after else 'before'}-{index}-{name}")
    for step, facts in STEPS.items()
    for index, name in facts.points
    for after in (False, True)
]


@pytest.mark.parametrize("step", STEPS)
def test_side_effects_are_known(make_lab: MakeLab, step: str) -> None:
    """The kill tests below cover every side effect that a step has."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)

    assert effects_of(lambda: lab.run(step, **arguments)) == list(STEPS[step].effects)


@pytest.fixture(scope="module")
def unharmed(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Return a function that says what is there after a step that nobody killed."""

    @functools.cache
    def census(step: str) -> dict[str, Any]:
        lab = stages.copy(STEPS[step].stage, tmp_path_factory.mktemp("unharmed") / "lab")
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
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    assert task_processes.run(lab, step, arguments, kill) == -signal.SIGKILL

    if step == "replay":  # its certificate names what the process has imported: a retry is another one of its kind
        assert task_processes.run(lab, step, arguments) == 0
    else:
        lab.run(step, **arguments)

    expected, found = dict(unharmed(step)), lab.census()
    told, heard = Counter(expected.pop("messages")), Counter(found.pop("messages"))
    assert found == expected
    assert heard <= told
    assert (told - heard).total() == _lost(STEPS[step].effects, kill)


def _lost(effects: tuple[str, ...], kill: Kill) -> int:
    """Count the messages that a kill comes between: after the claim, and before it is sent."""
    sent = kill.index if effects[kill.index] == "send" else kill.index + 1
    claimed = effects[sent - 1] == "record" and effects[sent : sent + 1] == ("send",)
    return int(claimed and kill.after != (effects[kill.index] == "send"))
