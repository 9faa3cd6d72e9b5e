"""A training that lost a race and was killed before it could tidy up: its retry leaves one run and one model."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import mlflow
import pytest

from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.faults import PATIENCE, watched
from tests.support.lab import Lab
from tests.support.steps import STEPS, arguments_of

EFFECTS = STEPS["train"].effects
CASES = [
    pytest.param(overtaken, left, id=f"{name}-{left}")
    for overtaken, name in enumerate(EFFECTS)
    for left in range(min(2, len(EFFECTS) - overtaken))
]


def left_in_mlflow(lab: Lab, record: Record) -> tuple[dict[str, str], list[str]]:
    """Return the active runs, id to status, and the logged models, unfinished ones too, of a training."""
    where, key = [record.body["mlflow_experiment_id"]], f"tags.`mlops.key` = '{record.key}'"
    runs = lab.client.search_runs(where, key)
    models = lab.client.search_logged_models(where, filter_string=key)
    return {run.info.run_id: run.info.status for run in runs}, [model.model_id for model in models]


def only_the_recorded(lab: Lab) -> None:
    """Check that one training is recorded, and that MLflow holds its run and its model and no other."""
    (record,) = lab.records("training")
    runs, models = left_in_mlflow(lab, record)
    assert runs == {record.body["mlflow_run_id"]: "FINISHED"}
    assert models == [record.body["logged_model_id"]]


def overtaken_and_killed(lab: Lab, overtaken: int, left: int) -> None:
    """Train; be overtaken by the same task just before a side effect, and be killed some effects later."""
    os.environ.update(lab.environment())
    os.chdir(lab.root)
    after: list[str] = []
    state = {"overtaken": False, "busy": False}

    def on_effect(number: int, name: str, done: bool) -> None:
        if state["busy"]:
            return
        if (number, done) == (overtaken, False):
            state["busy"] = True
            lab.run("train", **arguments_of("train", lab))
            state.update(overtaken=True, busy=False)
        if state["overtaken"] and not done:
            if len(after) == left:
                os.kill(os.getpid(), signal.SIGKILL)
            after.append(name)

    with watched(on_effect):
        lab.run("train", **arguments_of("train", lab))


@pytest.mark.parametrize(("overtaken", "left"), CASES)
@pytest.mark.usefixtures("task_processes")
def test_killed_after_it_was_overtaken(make_lab: MakeLab, overtaken: int, left: int) -> None:
    """Wherever it was overtaken and killed, its retry finds the record and deletes what the killed try left."""
    lab = make_lab(STEPS["train"].stage)
    process = multiprocessing.get_context("forkserver").Process(
        target=overtaken_and_killed, args=(lab, overtaken, left)
    )
    process.start()
    process.join(PATIENCE)
    assert process.exitcode in (-signal.SIGKILL, 0)  # 0: it ended within fewer side effects

    lab.run("train", **arguments_of("train", lab))

    only_the_recorded(lab)


class Killed(BaseException):
    """What stands for SIGKILL in a test that replaces the client's functions."""


def two_runs(lab: Lab, monkeypatch: pytest.MonkeyPatch, between: Callable[[], Any] = lambda: None) -> dict[str, Any]:
    """Train twice at once, each with an MLflow run of its own, since the later one's clock is behind."""
    create = mlflow.MlflowClient.create_run
    found: list[dict[str, Any]] = []

    def overtaken(client: Any, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(mlflow.MlflowClient, "create_run", create)
        found.append(lab.run("train", partition_key="2020-02"))
        between()
        return create(client, *args, **{**kwargs, "start_time": 1})

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", overtaken)
    result = lab.run("train", partition_key="2020-02")
    assert result == found[0]
    return result


@pytest.mark.parametrize("effect", ["delete_logged_model", "delete_run", "set_terminated"])
def test_killed_with_a_run_of_its_own(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, effect: str) -> None:
    """A loser with a run of its own that is killed as it tidies up, or before: the retry deletes run and model."""
    lab = make_lab("accepted")

    def kill(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        two_runs(lab, patched, lambda: patched.setattr(mlflow.MlflowClient, effect, kill))
    (record,) = lab.records("training")
    assert len(left_in_mlflow(lab, record)[0]) == 2

    lab.run("train", partition_key="2020-02")

    only_the_recorded(lab)


def test_winner_tidies_up_too(make_lab: MakeLab) -> None:
    """A try that was killed before its record leaves an unfinished model; the try that records deletes it."""
    lab = make_lab("accepted")
    finalize = mlflow.MlflowClient.finalize_logged_model

    def kill(number: int, name: str, done: bool) -> None:
        if name == "finalize_logged_model" and not done:
            raise Killed

    with watched(kill), pytest.raises(Killed):
        lab.run("train", partition_key="2020-02")
    assert mlflow.MlflowClient.finalize_logged_model is finalize

    lab.run("train", partition_key="2020-02")

    only_the_recorded(lab)


def test_failed_try_does_not_seem_to_run(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A try that fails half-way ends its MLflow run as failed; the retry finishes the same run."""
    lab = make_lab("accepted")

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.MlflowClient, "log_model_artifacts", full)
        with pytest.raises(OSError, match="No space left"):
            lab.run("train", partition_key="2020-02")
    assert lab.census()["runs"] == {"FAILED": 1}

    lab.run("train", partition_key="2020-02")

    only_the_recorded(lab)


def test_dry_run_leaves_the_live_training_alone(make_lab: MakeLab) -> None:
    """A dry run that finds the live record deletes nothing."""
    lab = make_lab("trained")
    (record,) = lab.records("training")
    stray = lab.client.create_run(record.body["mlflow_experiment_id"], tags={"mlops.key": record.key})

    lab.run("train", partition_key="2020-02", conf={"mode": "dry_run"})
    assert stray.info.run_id in left_in_mlflow(lab, record)[0]

    lab.run("train", partition_key="2020-02")
    only_the_recorded(lab)
    assert lab.client.get_run(stray.info.run_id).info.status == "KILLED"


def test_what_a_version_points_at_stays(make_lab: MakeLab) -> None:
    """A run whose model is registered is not deleted: a ledger elsewhere may name it."""
    lab = make_lab("trained")
    (record,) = lab.records("training")
    experiment, tags = record.body["mlflow_experiment_id"], {"mlops.key": record.key}
    run = lab.client.create_run(experiment, tags=tags)
    model = lab.client.create_logged_model(experiment, "other", run.info.run_id, tags=tags)
    lab.client.finalize_logged_model(model.model_id, "READY")
    lab.client.create_registered_model("elsewhere")
    lab.client.create_model_version(
        "elsewhere", f"models:/{model.model_id}", run_id=run.info.run_id, model_id=model.model_id
    )

    lab.run("train", partition_key="2020-02")

    runs, models = left_in_mlflow(lab, record)
    assert run.info.run_id in runs
    assert model.model_id in models
