"""The sensor that waits until labels are due."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.sensors.labels import LabelsMatureSensor
from tests.support.prediction_logs import log_labels, log_scores

KEY, MODEL = "2013-01-31", "late"
DUE = "2013-02-03T00:00:00+00:00"
TODAY = datetime.now(UTC).strftime("%Y-%m-%d")


def sensor(**arguments: Any) -> LabelsMatureSensor:
    """Make a sensor of two days of maturity."""
    return LabelsMatureSensor(task_id="wait", **{"maturity": timedelta(days=2), "partition_key": KEY, **arguments})


@pytest.mark.parametrize("deferrable", [True, False])
def test_what_is_due_is_not_waited_for(deferrable: bool) -> None:
    """No deferral, no look at a ledger."""
    found = sensor(deferrable=deferrable).execute({})
    assert found == {"partition_key": KEY, "due": DUE, "record": None}


def test_what_is_not_due_is_deferred() -> None:
    """The trigger knows until when; what it found comes back with its event alone."""
    waiting = sensor(partition_key=TODAY, deferrable=True, poke_interval=7, timeout=99)
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute({})
    path, arguments = deferred.value.trigger.serialize()
    due = (datetime.fromisoformat(TODAY).replace(tzinfo=UTC) + timedelta(days=3)).isoformat()

    assert path.endswith("triggers.labels.LabelsMatureTrigger")
    assert arguments == {
        "partition_key": TODAY,
        "due": due,
        "model_name": None,
        "ledger_root": None,
        "poll_interval": 7,
    }
    assert deferred.value.timeout == timedelta(seconds=99)
    event = {"schema": 1, "partition_key": TODAY, "due": due, "record": "sha256:1"}
    found = getattr(sensor(), deferred.value.method_name)({}, event=event)
    assert found == {"partition_key": TODAY, "due": due, "record": "sha256:1"}


def test_labels_that_must_be_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model the ledger must hold matured labels of the partition."""
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", str(tmp_path))
    with pytest.raises(TaskDeferred) as deferred:
        sensor(model_name=MODEL, deferrable=True).execute({})
    assert deferred.value.trigger.serialize()[1]["model_name"] == MODEL
    record = log_labels(Storage(), MODEL, log_scores(Storage(), MODEL, KEY, [0.5]), [1.0])

    assert sensor(model_name=MODEL, deferrable=True).execute({})["record"] == record.hash


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"partition_key": "yesterday"}, "neither a month"),
        ({"partition_key": ""}, "no partition key"),
        ({"maturity": timedelta(days=-1)}, "maturity"),
        ({"maturity": 2}, "maturity"),
        ({"model_name": "../x"}, "Model name"),
    ],
)
def test_what_waiting_cannot_help(arguments: dict[str, Any], why: str) -> None:
    """A malformed argument ends the wait."""
    for deferrable in (True, False):
        with pytest.raises(AirflowFailException, match=why):
            sensor(deferrable=deferrable, **arguments).execute({})


def test_without_deferring_it_pokes_until_its_timeout() -> None:
    """The usual life of a sensor."""
    with pytest.raises(AirflowSensorTimeout):
        sensor(partition_key=TODAY, deferrable=False, poke_interval=0.01, timeout=0.05).execute({})
