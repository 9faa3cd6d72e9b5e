"""The sensors of the registry, against one that answers as a test wants."""

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_mlops.sensors.mlflow import ModelAliasSensor, ModelVersionSensor
from tests.support.server import HttpServer, free_port


def served(monkeypatch: pytest.MonkeyPatch, host: str, **more: Any) -> None:
    """Point the default connection at an address."""
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps({"conn_type": "mlflow", "host": host, **more}))


def answer(path: str) -> tuple[int, bytes]:
    """Answer like MLflow: two versions, one alias."""
    if "model-versions/search" in path:
        return 200, json.dumps({"model_versions": [{"version": "2", "status": "READY"}]}).encode()
    return 200, json.dumps({"registered_model": {"aliases": [{"alias": "champion", "version": "2"}]}}).encode()


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize(
    ("sensor", "result"),
    [
        (ModelAliasSensor, {"model_name": "m", "alias": "champion", "version": "2"}),
        (ModelVersionSensor, {"model_name": "m", "version": "2"}),
    ],
)
def test_what_is_there_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, sensor: type[Any], result: dict[str, str], deferrable: bool
) -> None:
    """One request, no deferral."""
    with HttpServer(answer) as server:
        served(monkeypatch, server.uri)
        assert sensor(task_id="wait", model_name="m", deferrable=deferrable).execute({}) == result
        assert len(server.requests) == 1


def test_what_is_not_there_is_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trigger gets all that the sensor waits for, its interval, and the sensor's timeout."""
    sensor = ModelAliasSensor(
        task_id="wait", model_name="m", version="3", other_than="2", deferrable=True, poke_interval=7, timeout=99
    )
    with HttpServer(answer) as server:
        served(monkeypatch, server.uri)
        with pytest.raises(TaskDeferred) as deferred:
            sensor.execute({})
    path, arguments = deferred.value.trigger.serialize()
    assert path.endswith("triggers.mlflow.AliasReachedTrigger")
    assert arguments == {
        "model_name": "m",
        "alias": "champion",
        "version": "3",
        "other_than": "2",
        "mlflow_conn_id": "mlflow_default",
        "poll_interval": 7,
    }
    assert deferred.value.timeout == timedelta(seconds=99)
    event = {"schema": 1, "model_name": "m", "alias": "champion", "version": "3"}
    found = getattr(sensor, deferred.value.method_name)({}, event=event)
    assert found == {"model_name": "m", "alias": "champion", "version": "3"}


@pytest.mark.parametrize(("wanted", "found"), [({"version": 2}, True), ({"other_than": 2}, False)])
def test_a_version_may_be_a_number(monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any], found: bool) -> None:
    """The registry names versions by text; a number that was given would never be met, or never be left."""
    with HttpServer(answer) as server:
        served(monkeypatch, server.uri)
        sensor = ModelAliasSensor(task_id="wait", model_name="m", deferrable=False, **wanted)
        assert sensor.poke({}).is_done is found


def test_the_value_of_a_tag_may_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags of the registry are texts."""
    with HttpServer(answer) as server:
        served(monkeypatch, server.uri)
        sensor = ModelVersionSensor(task_id="wait", model_name="m", tags={"try": 1}, deferrable=True)
        with pytest.raises(TaskDeferred) as deferred:
            sensor.execute({})
    assert deferred.value.trigger.serialize()[1]["tags"] == {"try": "1"}


def test_version_sensor_defers_with_its_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags and the known version travel; an empty text, of a template that found nothing, is none."""
    sensor = ModelVersionSensor(task_id="wait", model_name="m", tags={"a": "b"}, after_version="", deferrable=True)
    with HttpServer(answer) as server:
        served(monkeypatch, server.uri)
        with pytest.raises(TaskDeferred) as deferred:
            sensor.execute({})
    arguments = deferred.value.trigger.serialize()[1]
    assert (arguments["tags"], arguments["after_version"]) == ({"a": "b"}, None)


def test_outage_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that is down before the wait begins does not end it."""
    served(monkeypatch, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TaskDeferred):
        ModelAliasSensor(task_id="wait", model_name="m", deferrable=True).execute({})


def test_without_deferring_it_pokes_until_its_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual life of a sensor."""
    with HttpServer(answer) as server:
        served(monkeypatch, server.uri)
        sensor = ModelAliasSensor(
            task_id="wait", model_name="m", version="9", deferrable=False, poke_interval=0.01, timeout=0.1
        )
        with pytest.raises(AirflowSensorTimeout):
            sensor.execute({})
        assert len(server.requests) > 1


def test_refused_credentials_end_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting cannot help, and a retry neither."""
    with HttpServer(lambda path: (401, b"no")) as server:
        served(monkeypatch, server.uri)
        with pytest.raises(AirflowFailException, match="refused the credentials"):
            ModelAliasSensor(task_id="wait", model_name="m", deferrable=True).execute({})


def test_malformed_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value and the way out."""
    served(monkeypatch, "http://127.0.0.1:1")
    with pytest.raises(AirflowFailException, match="after_version='v2' must be the number of a version"):
        ModelVersionSensor(task_id="wait", model_name="m", after_version="v2").execute({})
