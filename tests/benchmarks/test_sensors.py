"""What a thousand waiting sensors cost the registry: requests in an interval."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk._shared.module_loading import import_string

from airflow_provider_mlops.triggers.mlflow import AliasReachedTrigger
from tests.support.server import HttpServer

SENSORS = 1_000
INTERVAL = 1.0
INTERVALS = 10
NO_MODEL = json.dumps({"registered_model": {"aliases": [{"alias": "champion", "version": "1"}]}}).encode()


async def wait(triggers: list[Any], seconds: float) -> None:
    """Let triggers wait in one event loop, as in a triggerer."""
    tasks = [asyncio.create_task(anext(trigger.run())) for trigger in triggers]
    await asyncio.sleep(seconds)
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_sensors_requests_per_interval(keep: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 sensors wait for one model on one triggerer, ten intervals long; the registry counts."""
    runs = []
    for _ in range(3):
        with HttpServer(lambda path: (200, NO_MODEL)) as server:

            async def aget(conn_id: str, uri: str = server.uri) -> Connection:
                return Connection(conn_id=conn_id, conn_type="mlflow", host=uri)

            monkeypatch.setattr("airflow.sdk.BaseHook.aget_connection", staticmethod(aget))
            wanted = AliasReachedTrigger(model_name="m", alias="champion", version="2", poll_interval=INTERVAL)
            path, arguments = wanted.serialize()
            waiting = [import_string(path)(**arguments) for _ in range(SENSORS)]
            asyncio.run(wait(waiting, (INTERVALS - 0.5) * INTERVAL))
            runs.append(len(server.requests) / INTERVALS)
    keep("sensors_requests_per_interval", runs, unit="requests", goal="<= 1", peer="the registry's count")
