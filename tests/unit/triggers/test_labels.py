"""The trigger that waits for labels."""

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk._shared.module_loading import import_string

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.triggers import labels
from airflow_provider_mlops.triggers.labels import LabelsMatureTrigger
from tests.support.prediction_logs import log_labels, log_scores

MODEL, KEY = "late", "2013-01-31"
PAST = "2013-02-02T00:00:00+00:00"


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A storage with its ledgers."""
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", str(tmp_path))
    return Storage()


async def fired(trigger: LabelsMatureTrigger) -> dict[str, Any]:
    """Return what the event says."""
    async with aclosing(trigger.run()) as events:  # type: ignore[type-var]
        async for event in events:
            return dict(event.payload)
    raise AssertionError


def test_serialized_form_makes_the_same_trigger() -> None:
    """The triggerer makes it again from path and arguments, all of which are there."""
    made = LabelsMatureTrigger(partition_key=KEY, due=PAST, model_name=MODEL, ledger_root="/l", poll_interval=3)
    path, arguments = made.serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))

    assert again.serialize() == (path, arguments)
    assert arguments == {
        "partition_key": KEY,
        "due": PAST,
        "model_name": MODEL,
        "ledger_root": "/l",
        "poll_interval": 3,
    }


def test_clock_alone() -> None:
    """Without a model it fires as soon as the labels are due, and not before."""
    due = (datetime.now(UTC) + timedelta(milliseconds=50)).isoformat()
    event = asyncio.run(fired(LabelsMatureTrigger(partition_key=KEY, due=due)))

    assert event == {"schema": 1, "partition_key": KEY, "due": due, "record": None}
    assert datetime.now(UTC) >= datetime.fromisoformat(due)


def test_joined_labels(storage: Storage) -> None:
    """With a model it waits for labels that are matured; those that were joined too early do not count."""
    predictions = log_scores(storage, MODEL, KEY, [0.5])
    log_labels(storage, MODEL, predictions, [1.0], matured=False, key="early")

    async def wait() -> tuple[bool, dict[str, Any], str]:
        waiting = asyncio.create_task(
            fired(LabelsMatureTrigger(partition_key=KEY, due=PAST, model_name=MODEL, poll_interval=0.05))
        )
        await asyncio.sleep(0.2)
        early = waiting.done()
        record = await asyncio.to_thread(log_labels, storage, MODEL, predictions, [1.0])
        return early, await waiting, record.hash

    early, event, record = asyncio.run(wait())
    assert early is False
    assert event == {"schema": 1, "partition_key": KEY, "due": PAST, "record": record}


def test_a_thousand_share_their_looks(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait for one model, one of them looks at the ledger."""
    keys = [f"2013-{month:02}-{day:02}" for month in range(1, 3) for day in range(1, 26)]
    logs = {key: log_scores(storage, MODEL, key, [0.5]) for key in keys}
    looks: list[int] = []
    real = labels.matured_labels

    def counted(records: Any) -> dict[str, str]:
        looks.append(len(records))
        return real(records)

    monkeypatch.setattr(labels, "matured_labels", counted)

    async def wait() -> list[dict[str, Any]]:
        waiting = [
            asyncio.create_task(
                fired(LabelsMatureTrigger(partition_key=key, due=PAST, model_name=MODEL, poll_interval=0.3))
            )
            for key in keys * 20
        ]
        await asyncio.sleep(0.1)
        for predictions in logs.values():
            log_labels(storage, MODEL, predictions, [1.0])
        return await asyncio.gather(*waiting)

    events = asyncio.run(wait())
    assert len(events) == 1_000
    assert sorted({event["partition_key"] for event in events}) == keys
    assert len(looks) < 20
    assert Ledger(f"{storage.root}/ledger", f"model/{MODEL}").verify() == []
