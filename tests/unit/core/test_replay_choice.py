"""Choosing the trainings to replay."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.replay_choice import chosen_trainings, cited_records, recorded_trainings

RUN = {"dag_id": "lifecycle", "run_id": "r", "task_id": "t"}


@pytest.fixture
def records(tmp_path: Any) -> list[Record]:
    """Three trainings, one of them a retraining of a day; one that had nothing to train on; two versions."""
    ledger = Ledger(tmp_path, "model/m")
    for key, manifest in (("2013-02", "a"), ("2013-03", "b"), ("2013-04-17", "c")):
        ledger.append(kind="training", key=manifest, body={"partition_key": key, "manifest_hash": manifest}, run=RUN)
    ledger.append(kind="training", key="none", body={"partition_key": "2013-01"}, run=RUN, outcome="INCONCLUSIVE")
    ledger.append(kind="registration", key="1", body={"version": "1", "manifest_hash": "b"}, run=RUN)
    ledger.append(kind="adoption", key="2", body={"version": "2", "manifest_hash": "x"}, run=RUN)
    return ledger.records()


def keys(found: list[Record]) -> list[str]:
    """Return their partitions."""
    return [record.body["partition_key"] for record in found]


def test_only_trainings_that_made_a_model_count(records: list[Record]) -> None:
    """Nothing to train on leaves nothing to replay."""
    assert keys(recorded_trainings(records)) == ["2013-02", "2013-03", "2013-04-17"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["2013-02", "2013-03", "2013-04-17"]),
        ({"version": "1"}, ["2013-03"]),
        ({"partition_key": "2013-02"}, ["2013-02"]),
        ({"since": "2013-03"}, ["2013-03", "2013-04-17"]),
        ({"until": "2013-03"}, ["2013-02", "2013-03"]),
        ({"since": "2013-03", "until": "2013-04"}, ["2013-03", "2013-04-17"]),
        ({"since": "2014-01"}, []),
    ],
)
def test_by_version_partition_or_range(records: list[Record], asked: dict[str, str], found: list[str]) -> None:
    """Both ends of a range are included, a month with all its days."""
    assert keys(chosen_trainings(records, "m", **asked)) == found


def test_an_adopted_version_has_nothing_to_replay(records: list[Record]) -> None:
    """It was trained elsewhere; a version that nobody knows is refused too."""
    with pytest.raises(BadInput, match="not trained here"):
        chosen_trainings(records, "m", version="2")
    with pytest.raises(Refused, match="Version 7"):
        chosen_trainings(records, "m", version="7")


def test_two_questions_at_once_are_refused(records: list[Record]) -> None:
    """A version and a partition may contradict each other."""
    with pytest.raises(BadInput, match="one of them"):
        chosen_trainings(records, "m", version="1", since="2013-01")


def judged(ledger: Ledger, key: str, evaluation: str, outcome: str) -> Record:
    """Record a verdict."""
    return ledger.append(kind="gate", key=key, body={"evaluation_id": evaluation}, run=RUN, outcome=outcome)


def test_the_verdict_that_a_promotion_rests_on_counts(tmp_path: Any) -> None:
    """Whoever judges again afterwards, by another policy say, does not hide why the model is in production."""
    ledger = Ledger(tmp_path, "model/m")
    training = ledger.append(kind="training", key="a", body={"partition_key": "2013-02", "manifest_hash": "a"}, run=RUN)
    for number in ("e1", "e2"):
        body = {"evaluation_id": number, "candidate": {"manifest_hash": "a"}}
        ledger.append(kind="evaluation", key=number, body=body, run=RUN)
    first = judged(ledger, "1", "e1", "PASS")
    assert cited_records(ledger.records(), training)["gate"] is None  # of the newest evaluation there is none

    second = judged(ledger, "2", "e2", "PASS")
    refused = ledger.append(kind="promotion", key="r", body={"gate_record_hash": second.hash}, run=RUN, outcome="FAIL")
    found = cited_records(ledger.records(), training)
    assert (found["gate"], found["promotion"]) == (second, refused)

    move = ledger.append(kind="promotion", key="p", body={"gate_record_hash": first.hash}, run=RUN, outcome="PASS")
    judged(ledger, "3", "e2", "INCONCLUSIVE")
    found = cited_records(ledger.records(), training)
    assert (found["gate"], found["promotion"]) == (first, move)
    assert found["evaluation"] is not None
    assert found["evaluation"].body["evaluation_id"] == "e1"
    assert cited_records(ledger.records(), training, second.hash)["gate"] == second
    assert cited_records(ledger.records(), training, "sha256:other")["gate"] == first
