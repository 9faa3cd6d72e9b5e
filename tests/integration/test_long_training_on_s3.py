"""Saved states of long trainings on S3, as moto's server plays it: gone on from, cut off, changed, removed."""

import logging
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.hooks import storage_remote
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.training_checkpoint import TrainingCheckpoint
from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.s3 import BUCKET

LOG = logging.getLogger(__name__)
LONG = "tests.support.learning:long"


def opened() -> TrainingCheckpoint:
    """Open the states of a training there."""
    storage = Storage(f"s3://minio@{BUCKET}/deep")
    return TrainingCheckpoint(storage, "model", "events", "sha256:a", "ab.live", (), LOG)


def states(bucket: Any) -> list[str]:
    """Name the objects of states."""
    return sorted(item.key.rpartition("/")[2] for item in bucket.objects.all() if "/checkpoints/" in item.key)


def test_the_newest_state_comes_back_and_goes(bucket: Any) -> None:
    """Earlier ones are removed as it is saved, the last one when the training is recorded: no object is left."""
    checkpoint = opened()
    assert checkpoint.load() is None
    for step in (1, 2):
        checkpoint.save({"weights": np.full(3, step)}, step)
    assert states(bucket) == ["manifest.json", "state.npz"]

    found = opened().load()
    assert found is not None
    assert found.step == 2
    np.testing.assert_equal(found.state, {"weights": np.full(3, 2)})
    opened().remove()
    assert states(bucket) == []


def test_an_upload_that_was_killed_is_no_state(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before it counts, and the step can be saved again."""
    checkpoint = opened()
    checkpoint.save({"epoch": 1}, 1)

    def breaks_off(*_: object) -> None:
        raise ConnectionError("the line is down")

    with monkeypatch.context() as patch:
        patch.setattr(storage_remote, "_create", breaks_off)
        with pytest.raises(ConnectionError):
            checkpoint.save({"epoch": 2}, 2)

    retry = opened()
    assert retry.load().state == {"epoch": 1}
    retry.save({"epoch": 2}, 2)
    assert opened().load().state == {"epoch": 2}


@pytest.mark.parametrize("how", ["cut", "gone", "changed"])
def test_a_state_that_is_not_whole_is_not_used(bucket: Any, how: str) -> None:
    """An object that is cut off, gone or has other bytes: named, removed, and the training begins again."""
    opened().save({"weights": np.ones(100)}, 4)
    (item,) = (item for item in bucket.objects.all() if item.key.endswith("state.npz"))
    raw = item.get()["Body"].read()
    match how:
        case "cut":
            bucket.put_object(Key=item.key, Body=raw[:-10])
        case "gone":
            item.delete()
        case _:
            bucket.put_object(Key=item.key, Body=raw[:100] + bytes([raw[100] ^ 1]) + raw[101:])

    checkpoint = opened()
    assert checkpoint.load() is None
    assert checkpoint.refused[0].startswith("step 4: state.npz ")
    assert states(bucket) == []
    checkpoint.save({"weights": np.ones(3)}, 1)
    assert opened().load().step == 1


def test_a_training_goes_on_there(make_lab: MakeLab, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry of a killed task begins at the saved step, says so, and leaves nothing behind."""
    lab: Lab = make_lab("empty")
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", f"s3://minio@{BUCKET}/deep")
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(lab.storage / "ledger"))
    for key in ("2020-01", "2020-02"):
        lab.accept(key)
    asked = {"partition_key": "2020-02", "train_function": LONG}
    save = TrainingCheckpoint.save

    class Killed(BaseException):
        pass

    def die(self: Any, state: Any, step: int) -> None:
        save(self, state, step)
        if step == 5:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(TrainingCheckpoint, "save", die)
        with pytest.raises(Killed):
            lab.run("train", **asked)
    assert states(bucket) == ["manifest.json", "state.skops"]
    lab.run("train", **asked)

    (record,) = lab.records("training")
    assert record.body["resumed"] == {"step": 5, "refused": []}
    assert states(bucket) == []
    audit = lab.run("train", run_type="backfill", run_id="audit", **asked)
    assert audit["replay"] == {"level": "L0", "differences": []}
