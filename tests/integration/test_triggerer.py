"""A thousand sensors in Airflow's own trigger runner: they share their requests, outlive its restart and an outage."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.executors.workloads import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.models.trigger import Trigger
from airflow.sdk import Connection
from airflow.triggers.base import BaseTrigger

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.store import LocalStore
from airflow_provider_mlops.triggers.drift import DriftVerdictTrigger
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


def workloads(triggers: Sequence[BaseTrigger]) -> list[RunTrigger]:
    """What Airflow's database holds of the deferred sensors, which a new triggerer gets once more."""
    found = []
    for number, trigger in enumerate(triggers):
        path, arguments = trigger.serialize()
        kwargs = Trigger.encrypt_kwargs(arguments)
        found.append(RunTrigger(id=number, classpath=path, encrypted_kwargs=kwargs, ti=None))
    return found


def alias_waits() -> list[BaseTrigger]:
    """A thousand sensors that wait for one move of an alias."""
    return [AliasReachedTrigger(model_name="m", alias="champion", version="2", poll_interval=INTERVAL)] * SENSORS


async def a_triggerers_life(runner: Any, triggers: Sequence[BaseTrigger], until: Any) -> None:
    """Run a triggerer until something holds, then let it die with all its triggers."""
    runner.to_create.extend(workloads(triggers))
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
        asyncio.run(a_triggerers_life(first, alias_waits(), lambda: len(server.requests) >= 4))
        # Each look is one request, however many wait; those few that start while the runner makes the others too.
        assert len(first.triggers) == SENSORS
        assert len(server.requests) <= 5
        assert not first.events
        assert not first.failed_triggers

        registry.down, asked = True, len(server.requests)
        second = TriggerRunner()

        async def outage() -> None:
            life = asyncio.create_task(a_triggerers_life(second, alias_waits(), lambda: len(second.events) >= SENSORS))
            while len(server.requests) < asked + 3:
                await asyncio.sleep(INTERVAL / 10)
            assert not second.events
            registry.version, registry.down = "2", False
            await life

        asyncio.run(outage())

    assert len(second.events) == len(told(second)) == SENSORS
    assert not second.failed_triggers


def told(runner: Any) -> set[int]:
    """Return which triggers have fired."""
    return {(entry[0] if isinstance(entry, tuple) else entry.trigger_id) for entry in runner.events}


def test_a_thousand_waits_for_verdicts_read_each_record_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sensors of thirty days of one model: a look reads what is new, for all of them, and each fires once."""
    monkeypatch.setenv("AIRFLOW_DISABLE_GREENBACK_PORTAL", "true")
    reads: Counter[str] = Counter()
    read = LocalStore.read

    def counted(store: LocalStore, name: str) -> bytes | None:
        found = read(store, name)
        reads[name] += found is not None
        return found

    days = [f"2020-06-{day:02}" for day in range(1, 31)]
    root, ledger = str(tmp_path), Ledger(tmp_path, "model/m")
    runner = TriggerRunner()

    def verdict(key: str, outcome: str) -> None:
        ledger.append(kind="drift", key=key + outcome, body={"partition_key": key, "kind": "feature"}, outcome=outcome)

    waits: list[BaseTrigger] = [
        DriftVerdictTrigger(
            model_name="m",
            partition_key=days[number % len(days)],
            kind="feature",
            outcomes=["FAIL"],
            ledger_root=root,
            poll_interval=INTERVAL,
        )
        for number in range(SENSORS)
    ]
    for key in days:
        verdict(key, "PASS")
    monkeypatch.setattr(LocalStore, "read", counted)

    async def verdicts_come() -> None:
        life = asyncio.create_task(a_triggerers_life(runner, waits, lambda: len(runner.events) >= SENSORS))
        while not reads:
            await asyncio.sleep(INTERVAL / 10)
        assert not runner.events
        for key in days:
            verdict(key, "FAIL")
        await life

    asyncio.run(verdicts_come())

    assert len(runner.events) == len(told(runner)) == SENSORS
    assert not runner.failed_triggers
    # Once by the looks of all thousand, and once by the ledger that writes them here.
    assert max(reads.values()) <= 2
