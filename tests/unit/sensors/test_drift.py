"""Waiting for a drift verdict: on the worker, on the triggerer, and a thousand at once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk._shared.module_loading import import_string
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from airflow_provider_mlops.core.drift_verdicts import verdicts_that_hold
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.sensors.drift import DriftSensor
from airflow_provider_mlops.triggers import drift as trigger_module
from airflow_provider_mlops.triggers.drift import DriftVerdictTrigger

KEY = "2020-04"


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger of a model."""
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", str(tmp_path))
    return model_ledger("m")


def add(ledger: Ledger, outcome: str, key: str = KEY, mode: str = "live", **body: Any) -> Record:
    """Write a verdict."""
    content = {"partition_key": key, **body}
    name = f"{outcome}{key}{mode}{body}{len(ledger.records())}"
    return ledger.append(kind="drift", key=name, body=content, mode=mode, outcome=outcome)


def sensor(**arguments: Any) -> DriftSensor:
    return DriftSensor(task_id="wait", **{"model_name": "m", "partition_key": KEY, **arguments})


def trigger(**arguments: Any) -> DriftVerdictTrigger:
    wanted: dict[str, Any] = {"partition_key": KEY, "kind": "feature", "outcomes": ["FAIL"], "poll_interval": 0.05}
    return DriftVerdictTrigger(model_name="m", **{**wanted, **arguments})


async def first(waiting: DriftVerdictTrigger) -> Any:
    """Return what a trigger's event says."""
    events = waiting.run()
    try:
        return (await anext(events)).payload
    finally:
        await events.aclose()


def test_the_newest_live_verdict_of_a_kind_holds(ledger: Ledger) -> None:
    """Audits and dry runs do not count, kinds are apart, and a record of the first release is of features."""
    add(ledger, "FAIL")
    add(ledger, "INCONCLUSIVE", kind="label")
    last = add(ledger, "PASS", kind="feature")
    add(ledger, "FAIL", mode="audit", kind="feature")
    found = {(v["partition_key"], v["kind"]): v for v in verdicts_that_hold(ledger.records())}

    assert found[KEY, "feature"]["record"] == last.hash
    assert {key: v["outcome"] for key, v in found.items()} == {(KEY, "feature"): "PASS", (KEY, "label"): "INCONCLUSIVE"}


def test_a_verdict_that_is_there_ends_the_wait_at_once(ledger: Ledger) -> None:
    """Also where it may defer: nothing is handed to the triggerer."""
    record = add(ledger, "FAIL")
    expected = {"model_name": "m", "partition_key": KEY, "kind": "feature", "outcome": "FAIL", "record": record.hash}

    assert sensor().poke({}).xcom_value == expected
    assert sensor(deferrable=True, outcomes="FAIL").execute({}) == expected


def test_another_outcome_partition_or_kind_is_waited_past(ledger: Ledger) -> None:
    """Only what was asked for ends the wait."""
    add(ledger, "PASS")
    add(ledger, "FAIL", key="2020-03")
    add(ledger, "FAIL", kind="skew")

    assert not sensor(outcomes=["FAIL"]).poke({}).is_done
    assert sensor(outcomes=["FAIL"], kind="skew").poke({}).is_done


def test_it_defers_with_all_that_the_wait_needs(ledger: Ledger) -> None:
    """The trigger is made again from its serialised form, and the event alone gives the result."""
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True, outcomes=["FAIL"], poke_interval=7).execute({})
    path, arguments = deferred.value.trigger.serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    record = add(ledger, "FAIL")
    event = asyncio.run(first(again))

    assert again.serialize() == (path, arguments)
    assert event["schema"] == 1
    assert sensor().execute_complete({}, event)["record"] == record.hash


def test_a_thousand_waits_are_one_look(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the partitions, kinds and outcomes that they wait for; a look reads only what is new."""
    for number in range(1, 10):
        add(ledger, "FAIL", key=f"2020-0{number}")
    looks = 0

    def counted(model: str, root: str | None) -> Ledger:
        nonlocal looks
        looks += 1
        return model_ledger(model, root)

    monkeypatch.setattr(trigger_module, "model_ledger", counted)

    async def wait() -> list[Any]:
        waits = [trigger(partition_key=f"2020-0{1 + number % 9}", poll_interval=60) for number in range(1_000)]
        return await asyncio.gather(*map(first, waits))

    found = asyncio.run(wait())

    assert looks == 1
    assert {event["partition_key"] for event in found} == {f"2020-0{number}" for number in range(1, 10)}


def test_a_wait_goes_on_until_the_verdict_comes(ledger: Ledger) -> None:
    """The next look finds what was written since."""
    add(ledger, "PASS")

    async def wait() -> Any:
        waiting = asyncio.create_task(first(trigger()))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await asyncio.to_thread(add, model_ledger("m"), "FAIL")
        return await waiting

    assert asyncio.run(wait())["outcome"] == "FAIL"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"kind": "concept"}, "kind='concept' must be one of"),
        ({"outcomes": ["DRIFT"]}, "'DRIFT'; valid: PASS, FAIL, INCONCLUSIVE"),
        ({"outcomes": []}, "outcomes must be a text or a list"),
        ({"partition_key": ""}, "no partition key"),
        ({"model_name": "../m"}, "Model name"),
    ],
)
def test_what_cannot_come_is_not_waited_for(ledger: Ledger, arguments: dict[str, Any], why: str) -> None:
    """A malformed argument fails at once, before anything is deferred."""
    with pytest.raises(AirflowFailException, match=why):
        sensor(**arguments, deferrable=True).execute({})
