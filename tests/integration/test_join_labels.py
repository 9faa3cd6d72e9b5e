"""Joining labels to predictions, from every kind of source, early, late and corrected."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.prediction_log import find_labelled, read_labelled
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.lab import SYNTHETIC, Lab
from tests.support.synthetic import rows_of

KEY = "2020-03"
MATURED, EARLY = "2020-04-04T00:00:00+00:00", "2020-04-03T23:59:59+00:00"


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """March is scored."""
    return make_lab("scored")


def join(lab: Lab, **arguments: Any) -> dict[str, Any]:
    """Join the labels of the partition."""
    return lab.run("labels", **{"partition_key": KEY, "as_of": MATURED, **arguments})


def labels_now(lab: Lab, *, immature: bool = False) -> list[float | None]:
    """Read the newest labels."""
    found = find_labelled(lab.ledger().records(), [KEY])
    table = pa.Table.from_batches(read_labelled(Storage(), found, ["row_id"], immature=immature))
    assert table["row_id"].to_pylist() == rows_of(KEY)["row_id"].tolist()
    found_labels: list[float | None] = table["label"].to_pylist()
    return found_labels


def expected() -> list[float | None]:
    """The labels of the month, None where there is none."""
    late = rows_of(KEY)["late"]
    return [None if label != label else label for label in late]  # noqa: PLR0124 - NaN


def newest(lab: Lab) -> Record:
    """Return the newest record."""
    return lab.records("labels")[-1]


def test_labels_stand_beside_the_predictions(lab: Lab) -> None:
    """Every prediction has its label; rows that never get one are counted as censored."""
    result = join(lab)
    body = newest(lab).body

    assert labels_now(lab) == expected()
    known = sum(label is not None for label in expected())
    assert (result["rows"], result["labelled"], result["censored"], result["missing"]) == (800, known, 800 - known, 0)
    assert (body["matured"], body["maturity_seconds"], body["as_of"]) == (True, 3 * 86_400, MATURED)
    assert body["predictions_record"] == lab.records("predictions")[-1].hash
    assert (body["source"], body["corrects"], body["changed"]) == (f"{SYNTHETIC}:labels", None, 0)


def test_same_labels_are_found(lab: Lab) -> None:
    """Joining the same labels again finds their record, whenever that is."""
    first = join(lab)
    before = lab.census()

    assert join(lab, as_of=None, run_id="another") == first
    assert lab.census() == before


def test_early_labels_are_not_matured(lab: Lab) -> None:
    """Before all are due the record says so; once they are due the same labels are recorded as matured."""
    early = join(lab, as_of=EARLY)
    assert early["matured"] is False
    assert [one.matured for one in find_labelled(lab.ledger().records())] == [False]

    late = join(lab)
    assert (late["matured"], late["labels_id"]) == (True, early["labels_id"])
    assert len(lab.records("labels")) == 2


def test_what_is_known_later_does_not_count(lab: Lab) -> None:
    """A label that was known after the moment that is asked about is missing then."""
    result = join(lab, as_of="2020-03-15T00:00:00+00:00")

    assert result["missing"] == newest(lab).body["not_yet_known"] > 300
    assert labels_now(lab, immature=True)[:100] == expected()[:100]


def test_corrected_labels_make_a_new_record(lab: Lab) -> None:
    """Labels that change later make a new record, the older one stays; going back to them makes a third."""
    join(lab)
    first = newest(lab)
    join(lab, labels=sources.function(f"{SYNTHETIC}:labels", {"changed": 5}))
    second = newest(lab)

    assert (second.body["corrects"], second.body["changed"], second.body["corrected"]) == (first.hash, 5, 5)
    turned = [new for old, new in zip(expected(), labels_now(lab), strict=True) if old != new]
    assert len(turned) == 5
    join(lab)
    assert (newest(lab).body["corrects"], newest(lab).body["changed"]) == (second.hash, 5)
    assert labels_now(lab) == expected()
    with pytest.raises(AirflowFailException, match="recorded already"):
        join(lab, as_of=EARLY)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("repeated", "20 duplicates"),
        ("contradicting", "40 conflicting"),
        ("unknown", "20 unknown"),
        ("nameless", "20 unknown"),
    ],
)
def test_labels_that_cannot_be_used(lab: Lab, kind: str, why: str) -> None:
    """Repeated, contradicting and unknown labels are counted; above the bound nothing is joined."""
    source = sources.function(f"{SYNTHETIC}:odd_labels", {"kind": kind})
    with pytest.raises(AirflowFailException, match=rf"{why}; at most 1\.00% may"):
        join(lab, labels=source, label_time_column=None)
    assert lab.records("labels") == []

    result = join(lab, labels=source, label_time_column=None, max_unusable_share=0.1)
    # A row of which labels contradict each other has none.
    lost = 20 if kind == "contradicting" else 0
    assert result["labelled"] == sum(label is not None for label in expected()) - lost


def test_labels_that_are_missing(lab: Lab) -> None:
    """Rows that the source does not name are missing; a source may name none at all."""
    for kind, labelled in (("nothing", 0), ("half", 300)):
        source = sources.function(f"{SYNTHETIC}:odd_labels", {"kind": kind})
        result = join(lab, labels=source, label_time_column=None)
        assert (result["labelled"], result["missing"]) == (labelled, 800 - labelled)
    assert newest(lab).body["changed"] == 300


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"labels": f"{SYNTHETIC}:nowhere"}, "nowhere"),
        ({"labels": None}, "either labels= or labels_dataset="),
        ({"labels_dataset": "events"}, "either labels= or labels_dataset="),
        ({"label_column": "nothing"}, "no column 'nothing'"),
        ({"label_column": ""}, "label_column must be a text"),
        ({"label_time_column": "late"}, "not times"),
        ({"as_of": "soon"}, "as_of must be a time"),
        ({"maturity": None}, "maturity must be a timedelta"),
        ({"max_unusable_share": 2}, "max_unusable_share"),
        ({"partition_key": "2020-02"}, "no predictions of 2020-02; score the partition first"),
        ({"partition_key": "x/y"}, "neither a month"),
        ({"model_name": "../x"}, "Model name"),
        ({"labels": sources.function(f"{SYNTHETIC}:odd_labels", {"kind": "third_class"})}, "late|time"),
    ],
)
def test_bad_arguments(lab: Lab, arguments: dict[str, Any], why: str) -> None:
    """What cannot be is refused before anything is stored."""
    before = lab.census()["logs"]
    with pytest.raises(AirflowFailException, match=why):
        join(lab, **arguments)
    assert (lab.census()["logs"], lab.records("labels")) == (before, [])


def test_labels_of_a_dataset(lab: Lab) -> None:
    """The accepted snapshot of a dataset gives the labels too."""
    join(lab, labels=None, labels_dataset="events", label_time_column="time")
    assert labels_now(lab) == expected()
    assert newest(lab).body["source_hash"] == lab.facts["snapshots"][KEY]

    with pytest.raises(AirflowFailException, match="has no accepted snapshot of 2020-03"):
        join(lab, labels=None, labels_dataset="other")


def test_labels_of_files(lab: Lab) -> None:
    """Files of any format give them, relative to the Dag bundle."""
    rows = rows_of(KEY)[["row_id", "late"]]
    rows.to_csv(lab.root / "labels.csv", index=False)
    rows.to_parquet(lab.root / "labels.parquet")
    for kind in ("csv", "parquet"):
        join(lab, labels=sources.files(f"labels.{kind}", kind), label_time_column=None)
        assert labels_now(lab) == expected()
    assert len(lab.records("labels")) == 1


def test_labels_of_a_query(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A query through an Airflow connection gives them, with the bounds of the partition bound."""
    with closing(sqlite3.connect(tmp_path / "labels.db")) as database, database:
        database.execute("CREATE TABLE labels (row_id TEXT, late REAL, day TEXT)")
        rows = [(row, label, "2020-03-05") for row, label in zip(rows_of(KEY)["row_id"], expected(), strict=True)]
        database.executemany("INSERT INTO labels VALUES (?, ?, ?)", rows)
    monkeypatch.setenv("AIRFLOW_CONN_LABELS", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "labels.db")}))
    query = "SELECT row_id, late FROM labels WHERE day >= :start AND day < :end ORDER BY row_id"
    schema = {"row_id": "string", "late": "float64"}
    join(lab, labels=sources.sql("labels", query, schema=schema), label_time_column=None)

    assert labels_now(lab) == expected()


def test_audit_reads_no_source(lab: Lab) -> None:
    """An audit proves the recorded labels and returns them; changed ones fail it."""
    with pytest.raises(AirflowSkipException, match="no recorded labels"):
        join(lab, run_type="backfill")
    first = join(lab)
    before = lab.census()
    assert join(lab, run_type="backfill", labels=f"{SYNTHETIC}:nowhere") == first
    assert lab.census() == before

    (part,) = lab.storage.glob("predictions/*/*/labels-*/part-00000.parquet")
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(AirflowFailException, match="was changed"):
        join(lab, run_type="backfill")


def test_dry_run_stores_nothing(lab: Lab) -> None:
    """A dry run joins and reports; nobody who reads labels finds them."""
    before = lab.census()["logs"]
    result = join(lab, conf={"mode": "dry_run"})

    assert result["matured"] is True
    assert lab.census()["logs"] == before
    assert [one.labels for one in find_labelled(lab.ledger().records())] == [None]
