"""A thousand sensors in Airflow's own trigger runner: they share their requests, outlive its restart and an outage."""

import asyncio
import json
from typing import Any

import pytest
from airflow.executors.workloads import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.models.trigger import Trigger
from airflow.sdk import Connection

from airflow_provider_mlops.triggers.mlflow import AliasReachedTrigger
from tests.support.server import HttpServer

SENSORS = 1_000
INTERVAL = 0.5


class Registry:
    """A registry with one model."""

    def __init__(self) -> None:
        self.down = False
        self.version = "1"

    def answer(self, path: str) -> tuple[int, bytes]:
        """Answer like MLflow."""
        aliases = [{"alias": "champion", "version": self.version}]
        return (503, b"later") if self.down else (200, json.dumps({"registered_model": {"aliases": aliases}}).encode())


def workloads() -> list[RunTrigger]:
    """What Airflow's database holds of the deferred sensors, which a new triggerer gets once more."""
    trigger = AliasReachedTrigger(model_name="m", alias="champion", version="2", poll_interval=INTERVAL)
    path, arguments = trigger.serialize()
    kwargs = Trigger.encrypt_kwargs(arguments)
    return [RunTrigger(id=number, classpath=path, encrypted_kwargs=kwargs, ti=None) for number in range(SENSORS)]


async def a_triggerers_life(runner: Any, until: Any) -> None:
    """Run a triggerer until something holds, then let it die with all its triggers."""
    runner.to_create.extend(workloads())
    await runner.create_triggers()
    while not until():
        await asyncio.sleep(INTERVAL / 10)
    for facts in runner.triggers.values():
        facts["task"].cancel()
    await asyncio.gather(*(facts["task"] for facts in runner.triggers.values()), return_exceptions=True)


def test_a_thousand_sensors_share_requests_and_outlive_restart_and_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triggerer and registry die; the next triggerer finds the move that was made meanwhile, for each sensor once."""
    monkeypatch.setenv("AIRFLOW_DISABLE_GREENBACK_PORTAL", "true")
    registry = Registry()
    with HttpServer(registry.answer) as server:

        async def aget(conn_id: str) -> Connection:
            return Connection(conn_id=conn_id, conn_type="mlflow", host=server.uri)

        monkeypatch.setattr("airflow.sdk.BaseHook.aget_connection", staticmethod(aget))
        first = TriggerRunner()
        asyncio.run(a_triggerers_life(first, lambda: len(server.requests) >= 4))
        # Each look is one request, however many wait; those few that start while the runner makes the others too.
        assert len(first.triggers) == SENSORS
        assert len(server.requests) <= 5
        assert not first.events
        assert not first.failed_triggers

        registry.down, asked = True, len(server.requests)
        second = TriggerRunner()

        async def outage() -> None:
            life = asyncio.create_task(a_triggerers_life(second, lambda: len(second.events) >= SENSORS))
            while len(server.requests) < asked + 3:
                await asyncio.sleep(INTERVAL / 10)
            assert not second.events
            registry.version, registry.down = "2", False
            await life

        asyncio.run(outage())

    told = {(entry[0] if isinstance(entry, tuple) else entry.trigger_id) for entry in second.events}
    assert len(second.events) == len(told) == SENSORS
    assert not second.failed_triggers
