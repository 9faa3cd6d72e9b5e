"""The reference Dag that scores flights day by day: its own tasks, on real flights."""

import runpy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.hooks.prediction_log import find_labelled, read_labelled
from airflow_provider_mlops.hooks.storage import Storage
from include.flights import spec
from include.flights.source import read_labels
from tests.conftest import ROOT, MakeLab
from tests.support.airflow import fake_context
from tests.support.flights import accept_flights, train_flights
from tests.support.lab import Lab

DAY = "2013-03-08"
FILES = {"suite": "include/flights/suites/flights_served.yaml", "contract": "include/flights/contract_served.yaml"}


@pytest.fixture
def lab(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A small model of flights, trained on a week and registered; no champion."""
    lab = make_lab("empty")
    lab.model = spec.MODEL
    for key in ("2013-02-27", "2013-02-28"):
        accept_flights(lab, key)
    trained = train_flights(lab, "2013-02-28", max_iter=5)
    lab.run("register", manifest_hash=trained["manifest_hash"])
    return lab


def test_a_day_is_scored_and_labelled(lab: Lab) -> None:
    """Its tasks take the day without labels, score every flight, and join the labels once all have landed."""
    dag = runpy.run_path(str(ROOT / "dags" / "flight_delays_score.py"))["dag"]
    found: dict[str, Any] = {}
    for name, arguments in (
        ("snapshot", {}),
        ("validate", {name: str(ROOT / path) for name, path in FILES.items()}),
        ("score", {"version": "1"}),
        ("labels_due", {}),
        ("join_labels", {}),
    ):
        task = dag.get_task(name)
        given = {"partition_key": DAY, **arguments}
        if name in ("validate", "score"):
            given["snapshot_id"] = found["snapshot"]["snapshot_id"]
        for field, value in given.items():
            setattr(task, field, value)
        found[name] = task.execute(fake_context(task, Path(lab.root), partition_key=DAY))

    (labels,) = list(read_labels(Partition.parse(DAY)))
    assert found["score"]["rows"] == found["score"]["scored"] == len(labels) == 978
    assert (found["join_labels"]["censored"], found["join_labels"]["missing"]) == (labels[spec.LABEL].isna().sum(), 0)
    assert found["join_labels"]["matured"] is True
    logged = find_labelled(lab.ledger().records(), [DAY], dataset=spec.SERVED)
    table = pa.Table.from_batches(read_labelled(Storage(), logged, ["row_id", "score"]))
    assert table["row_id"].to_pylist() == labels[spec.ROW_ID].tolist()
    assert table["score"].null_count == 0
