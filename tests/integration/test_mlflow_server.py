"""The lifecycle against a real `mlflow server` on HTTP, with served artifacts: models, links, watcher."""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.sensors.mlflow import ModelAliasSensor, ModelVersionSensor
from airflow_provider_mlops.triggers.mlflow import ModelAliasTrigger
from tests.support.lab import Lab
from tests.support.server import free_port


def test_lifecycle_over_http(served_lab: Lab) -> None:
    """Two candidates go the whole way over HTTP; what they leave is there once, with links and tags both ways."""
    lab = served_lab
    for key, champion in (("2020-02", None), ("2020-03", "1")):
        found = lab.judge(key, run_id=f"scheduled__{key}")
        assert found["gate"]["champion_version"] == champion
        assert lab.run("promote", gate_record=found["gate"]["record"])["moved"] is True
        assert lab.xcoms["mlops_links"] == {
            "version": f"{lab.host}/#/models/{lab.model}/versions/{found['register']['version']}"
        }
        lab.judge(key)

    census = lab.census()
    assert (census["runs"], census["models"], census["versions"]) == ({"FINISHED": 2}, 2, 2)
    assert census["aliases"] == {"candidate": "2", "champion": "2"}
    run = lab.client.get_run(found["train"]["mlflow_run_id"])
    assert run.data.tags["airflow.dag_id"] == "lifecycle"
    assert run.data.tags["airflow.task_id"] == "train"
    assert run.data.tags["airflow.url"] == "http://airflow.example/log"
    version = lab.client.get_model_version(lab.model, "2")
    assert version.tags["mlops.manifest_hash"] == found["train"]["manifest_hash"]
    assert version.tags["airflow.run_id"] == run.data.tags["airflow.run_id"]


def test_run_and_experiment_links(served_lab: Lab) -> None:
    """The training pushes the addresses of its run and experiment."""
    trained = served_lab.run("train", partition_key="2020-02")
    experiment = served_lab.records("training")[-1].body["mlflow_experiment_id"]

    runs, view = f"{served_lab.host}/#/experiments/{experiment}/runs", "?workflowType=machine_learning"
    assert served_lab.xcoms["mlops_links"] == {
        "run": f"{runs}/{trained['mlflow_run_id']}{view}",
        "experiment": f"{runs}{view}",
    }


def test_credentials_stay_out_of_everything_written(
    served_lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A token reaches MLflow, but no log line, XCom, record, snapshot or artifact, and no environment afterwards."""
    secret, lab = "token-4711-do-not-tell", served_lab
    caplog.set_level("DEBUG")
    lab.connect(monkeypatch, host=lab.host, extra={"token": secret})
    before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW")}
    pushed = []
    found = lab.judge("2020-02")
    pushed.append((found, lab.xcoms))
    pushed.append((lab.run("promote", gate_record=found["gate"]["record"]), lab.xcoms))

    written = [path for path in lab.root.rglob("*") if path.is_file()]
    assert [path for path in written if secret.encode() in path.read_bytes()] == []
    out = capfd.readouterr()
    assert secret not in json.dumps(pushed) + out.out + out.err + caplog.text
    assert {name: value for name, value in os.environ.items() if name.startswith("MLFLOW")} == before
    assert "airflow.url" in json.dumps(lab.client.get_run(found["train"]["mlflow_run_id"]).data.tags)


def test_connection_test(served_lab: Lab) -> None:
    """The connection form is told that MLflow answers."""
    assert MlflowHook().test_connection() == (True, f"MLflow answered at {served_lab.host}.")


# The watcher.


@pytest.fixture
def watched(served_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> ModelAliasTrigger:
    """A watcher of the champion, made again from what it serializes to; its model has two versions."""
    client = served_lab.client
    client.create_registered_model(served_lab.model)
    run = client.create_run("0").info
    for _ in range(2):
        client.create_model_version(served_lab.model, f"{run.artifact_uri}/model", run_id=run.run_id)
    path, arguments = ModelAliasTrigger(model_name=served_lab.model, poll_interval=0.05).serialize()
    assert path == "airflow_provider_mlops.triggers.mlflow.ModelAliasTrigger"

    async def connection(conn_id: str) -> Any:
        return MlflowHook.get_connection(conn_id)

    monkeypatch.setattr("airflow.sdk.BaseHook.aget_connection", staticmethod(connection))
    return ModelAliasTrigger(**arguments)


async def versions(trigger: ModelAliasTrigger, *acts: Callable[[], Any]) -> list[str]:
    """Collect the versions of the events, doing each act after an event; a silence of 2 s ends it."""
    seen: list[str] = []
    events = trigger.run()
    for act in (*acts, None):
        try:
            # What must come may take its time on a busy machine.
            event = await asyncio.wait_for(anext(events), 2 if act is None else 30)
        except TimeoutError:
            break
        seen.append(event.payload["version"])
        if act is not None:
            act()
    await events.aclose()
    return seen


def test_watcher_fires_at_first_look_and_on_change(served_lab: Lab, watched: ModelAliasTrigger) -> None:
    """The version that is there when the watcher starts is told, then each change, and nothing twice."""
    client, model = served_lab.client, served_lab.model
    client.set_registered_model_alias(model, "champion", "1")

    async def watch() -> list[str]:
        return await versions(watched, lambda: client.set_registered_model_alias(model, "champion", "2"), lambda: None)

    assert asyncio.run(watch()) == ["1", "2"]


def test_watcher_event_can_be_told_apart(served_lab: Lab, watched: ModelAliasTrigger) -> None:
    """An event names model, alias and version."""
    served_lab.client.set_registered_model_alias(served_lab.model, "champion", "1")

    async def first() -> Any:
        return (await anext(watched.run())).payload

    expected = {"schema": 1, "model_name": served_lab.model, "alias": "champion", "version": "1"}
    assert asyncio.run(first()) == expected


def test_watcher_of_what_is_not_there(served_lab: Lab, watched: ModelAliasTrigger) -> None:
    """No alias, and no model at all, are no event and no error."""
    assert asyncio.run(versions(watched)) == []
    watched.model_name = "no_such_model"
    assert asyncio.run(versions(watched)) == []


def test_sensors_find_alias_and_version(served_lab: Lab, watched: ModelAliasTrigger) -> None:
    """Against the real registry: by alias, by tag, newest first; what is not there is deferred."""
    client, model = served_lab.client, served_lab.model
    client.set_registered_model_alias(model, "champion", "1")
    client.set_model_version_tag(model, "2", "mlops.verdict", "PASS")
    tags = {"mlops.verdict": "PASS"}

    def alias(**wanted: Any) -> Any:
        return ModelAliasSensor(task_id="wait", model_name=model, deferrable=True, **wanted).execute({})

    def version(**wanted: Any) -> Any:
        return ModelVersionSensor(task_id="wait", model_name=model, deferrable=True, **wanted).execute({})

    assert alias(version="1") == {"model_name": model, "alias": "champion", "version": "1"}
    assert version() == version(tags=tags, after_version="1") == {"model_name": model, "version": "2"}
    for wait, wanted in ((alias, {"other_than": "1"}), (alias, {"alias": "no"}), (version, {"after_version": "2"})):
        with pytest.raises(TaskDeferred):
            wait(**wanted)


def test_sensors_ask_a_registry_without_http(make_lab: Any) -> None:
    """A registry in a database is asked through MLflow; the triggerer cannot, and the error says what to do."""
    client, model = make_lab("accepted").client, "late_events"
    client.create_registered_model(model)
    client.create_model_version(model, "file:///nowhere")
    client.set_registered_model_alias(model, "champion", "1")
    assert ModelAliasSensor(task_id="wait", model_name=model).execute({})["version"] == "1"
    assert ModelVersionSensor(task_id="wait", model_name=model).execute({})["version"] == "1"
    with pytest.raises(AirflowFailException, match="set deferrable=False"):
        ModelAliasSensor(task_id="wait", model_name="none", deferrable=True).execute({})


def test_watcher_outlives_an_outage(
    served_lab: Lab, watched: ModelAliasTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nobody answers the watcher waits; a change that was made meanwhile is told afterwards."""
    client, model = served_lab.client, served_lab.model
    client.set_registered_model_alias(model, "champion", "1")
    dead = Connection(conn_id="mlflow_default", conn_type="mlflow", host=f"http://127.0.0.1:{free_port()}")
    answers = [MlflowHook.get_connection("mlflow_default"), dead, dead, dead]
    looks = len(answers)

    async def connection(conn_id: str) -> Any:
        return answers.pop(0) if answers else MlflowHook.get_connection(conn_id)

    monkeypatch.setattr("airflow.sdk.BaseHook.aget_connection", staticmethod(connection))

    async def watch() -> list[str]:
        return await versions(watched, lambda: client.set_registered_model_alias(model, "champion", "2"))

    assert asyncio.run(watch()) == ["1", "2"]
    assert (looks, answers) == (4, [])
