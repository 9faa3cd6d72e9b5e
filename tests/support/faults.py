"""Killing a task at its side effects, in a process of its own that already has the heavy libraries."""

import multiprocessing
import os
import pathlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.forkserver import ensure_running
from typing import Any
from unittest.mock import patch

import mlflow

from tests.support.approval import Desk
from tests.support.lab import Lab

# Seconds that a task may take where the machine has other work: within the time limit of a test.
PATIENCE = 240
# What changes the world outside the process. The ledger's record is the link, the stored folder the rename.
EFFECTS: dict[str, tuple[Any, str]] = {
    "publish": (pathlib.Path, "rename"),
    "record": (os, "link"),
    "ask": (Desk, "ask"),
    "send": (Desk, "send"),
    **{
        name: (mlflow.MlflowClient, name)
        for name in (
            "create_experiment",
            "create_run",
            "log_batch",
            "log_dict",
            "log_artifacts",
            "create_logged_model",
            "log_model_artifacts",
            "finalize_logged_model",
            "set_terminated",
            "delete_run",
            "delete_logged_model",
            "create_registered_model",
            "create_model_version",
            "delete_model_version",
            "set_registered_model_alias",
            "delete_registered_model_alias",
            "set_model_version_tag",
            "update_model_version",
        )
    },
}
PRELOAD = [
    "tests.support.named_main",
    "pytest",
    "great_expectations",
    "alembic.command",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "airflow_provider_mlops.backends.data_docs",
    "airflow_provider_mlops.backends.great_expectations",
    "airflow_provider_mlops.backends.policy_file",
    "airflow_provider_mlops.statistics.gate",
    "airflow_provider_mlops.statistics.drift",
    "airflow_provider_mlops.backends.scikit_learn",
    "airflow_provider_mlops.hooks.evaluation",
    "airflow_provider_mlops.hooks.scoring",
    "airflow_provider_mlops.hooks.training",
    "airflow_provider_mlops.hooks.dry_load",
    "tests.support.synthetic",
    "tests.support.faults",
    "tests.support.warm",
]


@dataclass(frozen=True)
class Kill:
    """SIGKILL at the n-th side effect of a task, from 0.

    :param index: which of the side effects.
    :param after: whether the effect has happened.
    """

    index: int
    after: bool


@contextmanager
def watched(on_effect: Callable[[int, str, bool], None]) -> Iterator[None]:
    """Call a function before and after each side effect, with its number and name and whether it has happened."""
    count = iter(range(1_000))

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def effect(*args: Any, **kwargs: Any) -> Any:
            number = next(count)
            on_effect(number, name, False)
            result = real(*args, **kwargs)
            on_effect(number, name, True)
            return result

        return effect

    with ExitStack() as stack:
        for name, (owner, attribute) in EFFECTS.items():
            stack.enter_context(patch.object(owner, attribute, wrap(name, getattr(owner, attribute))))
        yield


def effects_of(act: Callable[[], Any]) -> list[str]:
    """Run something and list its side effects."""
    seen: list[str] = []
    with watched(lambda number, name, after: None if after else seen.append(name)):
        act()
    return seen


class TaskProcesses:
    """Processes for tasks, forked from a server that has imported the heavy libraries."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        ensure_running()

    def run(self, lab: Lab, step: str, arguments: dict[str, Any], kill: Kill | None = None) -> int:
        """Run a step to its end, and return the exit code: 0, 1 for an exception, -9 when it was killed."""
        return self.run_together(lab, [(step, arguments)], kill=kill)[0]

    def run_batches(self, lab: Lab, batches: list[list[tuple[str, dict[str, Any]]]]) -> list[int]:
        """Run lists of steps at the same moment, each list in order in a process of its own; a skip is no failure."""
        start = time.time() + 0.5
        processes = [self._context.Process(target=_tasks, args=(lab, batch, start)) for batch in batches]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        return [int(process.exitcode or 0) for process in processes]

    def run_together(self, lab: Lab, steps: list[tuple[str, dict[str, Any]]], kill: Kill | None = None) -> list[int]:
        """Run steps at the same moment, each in its own process, and return their exit codes."""
        start = time.time() + (0.5 if len(steps) > 1 else 0)
        processes = [
            self._context.Process(target=_task, args=(lab, step, arguments, kill, start)) for step, arguments in steps
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(PATIENCE)
        codes = [process.exitcode for process in processes]
        if None in codes:
            for process in processes:
                process.kill()
            raise TimeoutError(f"A task did not end within {PATIENCE} s.")
        return [int(code) for code in codes if code is not None]


def _task(lab: Lab, step: str, arguments: dict[str, Any], kill: Kill | None, start: float) -> None:
    os.environ.update(lab.environment())
    os.chdir(lab.root)

    def die(number: int, name: str, after: bool) -> None:
        if kill is not None and (number, after) == (kill.index, kill.after):
            os.kill(os.getpid(), signal.SIGKILL)

    time.sleep(max(0.0, start - time.time()))
    with watched(die):
        lab.run(step, **arguments)


def _tasks(lab: Lab, batch: list[tuple[str, dict[str, Any]]], start: float) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    for step, arguments in batch:
        with suppress(AirflowSkipException):
            _task(lab, step, arguments, None, start)
