"""The triggers that watch a registry, against one that answers as a test wants."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk._shared.module_loading import import_string

from airflow_provider_mlops.triggers.mlflow import AliasReachedTrigger, ModelAliasTrigger, VersionReachedTrigger
from tests.support.server import HttpServer

TRIGGERS = [
    ModelAliasTrigger(model_name="m", alias="golden", mlflow_conn_id="c", poll_interval=5),
    AliasReachedTrigger(model_name="m", alias="golden", version="2", other_than="1", mlflow_conn_id="c"),
    VersionReachedTrigger(model_name="m", tags={"a": "b"}, after_version="3", mlflow_conn_id="c"),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_serialized_form_makes_the_same_trigger(trigger: Any) -> None:
    """The triggerer makes it again from path and arguments, all of which are there."""
    path, arguments = trigger.serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert arguments.keys() == {name for name in vars(trigger) if name in arguments}
    assert {"model_name": "m", "mlflow_conn_id": "c"}.items() <= arguments.items()


class Registry:
    """A registry whose aliases and versions a test sets; None is an outage."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] | None = {}
        self.versions: list[dict[str, Any]] = []

    def answer(self, path: str) -> tuple[int, bytes]:
        """Answer like MLflow."""
        if self.aliases is None:
            return 503, b"later"
        if "model-versions/search" in path:
            return 200, json.dumps({"model_versions": self.versions}).encode()
        aliases = [{"alias": alias, "version": version} for alias, version in self.aliases.items()]
        return 200, json.dumps({"registered_model": {"aliases": aliases}}).encode()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry behind the connection `mlflow_default`."""
    found = Registry()
    with HttpServer(found.answer) as server:
        found.requests = server.requests  # type: ignore[attr-defined]

        async def aget(conn_id: str) -> Connection:
            assert conn_id == "mlflow_default"
            return Connection(conn_id=conn_id, conn_type="mlflow", host=server.uri)

        monkeypatch.setattr("airflow.sdk.BaseHook.aget_connection", staticmethod(aget))
        yield found


async def payloads(trigger: Any, number: int, *, then: Any = lambda: None) -> list[dict[str, Any]]:
    """Return what the first events say, and do something after the first one."""
    seen: list[dict[str, Any]] = []
    async with contextlib.aclosing(trigger.run()) as events:
        async for event in events:
            seen.append(event.payload)
            if len(seen) == number:
                break
            then()
    return seen


def test_watcher_tells_each_version_once(registry: Registry) -> None:
    """The first look is told, then each move; an outage in between and a missing alias are not."""
    registry.aliases = {"champion": "1"}
    script = [None, None, {}, {"champion": "2"}]

    async def watch() -> list[dict[str, Any]]:
        async def play() -> None:
            for aliases in script:
                await asyncio.sleep(0.12)
                registry.aliases = aliases

        tasks: list[Any] = []
        trigger = ModelAliasTrigger(model_name="m", poll_interval=0.05)
        return await payloads(trigger, 2, then=lambda: tasks.append(asyncio.create_task(play())))

    expected = {"schema": 1, "model_name": "m", "alias": "champion"}
    assert asyncio.run(watch()) == [{**expected, "version": "1"}, {**expected, "version": "2"}]


def test_alias_wait_ends_with_the_version(registry: Registry) -> None:
    """What it waits for is not there at the first look."""
    registry.aliases = {"champion": "1"}

    async def wait() -> list[dict[str, Any]]:
        asyncio.get_running_loop().call_later(0.12, lambda: setattr(registry, "aliases", {"champion": "2"}))
        trigger = AliasReachedTrigger(model_name="m", alias="champion", other_than="1", poll_interval=0.05)
        return await payloads(trigger, 9)

    assert asyncio.run(wait()) == [{"schema": 1, "model_name": "m", "alias": "champion", "version": "2"}]


def test_version_wait_ends_with_the_version(registry: Registry) -> None:
    """Tags decide which."""
    tags = [{"key": "mlops.verdict", "value": "PASS"}]
    registry.versions = [{"version": "3", "status": "READY"}, {"version": "2", "status": "READY", "tags": tags}]

    async def wait() -> list[dict[str, Any]]:
        return await payloads(VersionReachedTrigger(model_name="m", tags={"mlops.verdict": "PASS"}), 9)

    assert asyncio.run(wait()) == [{"schema": 1, "model_name": "m", "version": "2"}]


def test_all_who_wait_for_a_model_share_the_requests(registry: Registry) -> None:
    """Watchers and sensors, of different aliases: one request serves them all."""
    registry.aliases = {"champion": "1", "golden": "1"}

    async def wait() -> None:
        watchers = [ModelAliasTrigger(model_name="m", alias=alias) for alias in ("champion", "golden")]
        sensors = [AliasReachedTrigger(model_name="m", alias="champion", version="1") for _ in range(100)]
        await asyncio.gather(*(payloads(trigger, 1) for trigger in [*watchers, *sensors]))

    asyncio.run(wait())
    assert len(registry.requests) == 1  # type: ignore[attr-defined]
