"""Checking training data before anything is trained on it."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.partition import Partition
from tests.conftest import MakeLab
from tests.support.lab import DATASET, Lab
from tests.support.synthetic import rows_of

CHAIN = f"dataset/{DATASET}"


def repeated(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month that has the rows of the month before once more."""
    yield pd.concat([rows_of("2020-02"), rows_of(partition.key)])


def once_more(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month with each row twice."""
    yield pd.concat([rows_of(partition.key)] * 2)


def one_group(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month of one group only."""
    yield rows_of(partition.key).assign(group="a")


def outcomes(lab: Lab) -> dict[str, str]:
    """Return what did not pass in the newest check."""
    verdict = lab.records("data_check", CHAIN)[-1].body["verdict"]
    return {rule["rule"]: rule["outcome"] for rule in verdict["rules"] if rule["outcome"] != "PASS"}


def test_sane_rows_pass(make_lab: MakeLab) -> None:
    """The record names which rows, and each check has its numbers; a second run finds it."""
    lab = make_lab("accepted")
    result = lab.run("check", partition_key="2020-03", window=2)
    record = lab.records("data_check", CHAIN)[-1]

    assert result["verdict"]["outcome"] == "PASS"
    assert result["verdict"]["marks"] == ["no_baseline"]
    assert [item["partition_key"] for item in record.body["train"]] == ["2020-01", "2020-02"]
    assert len(record.body["verdict"]["rules"]) == 6
    assert lab.run("check", partition_key="2020-03", window=2) == result


def test_first_partition_has_nothing_to_check(make_lab: MakeLab) -> None:
    """As there is nothing to train on; the training says so, and no record is needed."""
    lab = make_lab("accepted")

    assert lab.run("check", partition_key="2020-01")["record"] is None
    assert lab.records("data_check", CHAIN) == []


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        ("repeated", {"no_overlap": "FAIL", "in_order": "FAIL", "usual_rows": "FAIL"}),
        ("once_more", {"no_duplicates": "FAIL", "usual_rows": "FAIL", "labelled": "FAIL"}),
        ("one_group", {"groups": "FAIL"}),
    ],
)
def test_what_is_refused(make_lab: MakeLab, source: str, broken: dict[str, str]) -> None:
    """Each check sees what it is there for; a refusal is final, recorded, and found again."""
    lab = make_lab("accepted")
    taken = lab.run("snapshot", partition_key="2020-04", source=f"{__name__}:{source}")
    (lab.root / "lax.yaml").write_text((lab.root / "suite.yaml").read_text())
    lab.run("validate", partition_key="2020-04", snapshot_id=taken["snapshot_id"], suite="lax.yaml")
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="Refused: The training data of partition 2020-04"):
            lab.run("check", partition_key="2020-04")

    assert outcomes(lab) == broken
    assert len(lab.records("data_check", CHAIN)) == 1


def test_end_of_the_partition_is_held_out(make_lab: MakeLab) -> None:
    """With ``holdout_days`` the head of the partition is trained on, and no row is on both sides."""
    lab = make_lab("accepted")
    result = lab.run("check", partition_key="2020-03", holdout_days=5, time_column="time")
    record = lab.records("data_check", CHAIN)[-1]

    assert result["verdict"]["outcome"] == "PASS"
    assert record.body["train"][-1]["partition_key"] == "2020-03"
    assert record.body["cutoff"] is not None


def test_audit_compares(make_lab: MakeLab) -> None:
    """It judges again, and says whether the record said the same."""
    lab = make_lab("accepted")
    live = lab.run("check", partition_key="2020-03")
    lab.run("check", partition_key="2020-03", run_type="backfill")
    recorded = lab.records("data_check", CHAIN)[-1].body["recorded"]

    assert recorded == {
        "record": live["record"],
        "outcome": "PASS",
        "comparable": True,
        "agrees": True,
        "same_rows": True,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema: 1\nname: c\nchecks: []\n", "checks"),
        ("schema: 1\nname: c\nchecks: [{name: a, kind: magic}]\n", "allowed: row_count, duplicates"),
        ("schema: 1\nname: c\nchecks: [{name: a, kind: duplicates, colour: red}]\n", "unknown key 'colour'"),
        ("schema: 1\nname: c\nchecks: [{name: a, kind: duplicates, key: [x]}]\n", "unknown key 'key'"),
        ("schema: 1\nname: c\nchecks: [{name: a, kind: time_order, column: tme}]\n", "Column 'tme' is not among"),
        ("schema: 1\nname: c\nchecks: [{name: a, kind: groups, column: row_id}]\n", "these are no groups"),
        (
            "schema: 1\nname: c\nchecks: [{name: a, kind: time_order, column: group}]\n",
            "Column 'group' holds no times, but values of the type VARCHAR",
        ),
    ],
)
def test_bad_checks(make_lab: MakeLab, text: str, words: str) -> None:
    """A file that is not what it must be, or names what is not there, judges nothing."""
    lab = make_lab("accepted")
    (lab.root / "checks.yaml").write_text(text)
    with pytest.raises(AirflowFailException, match=words):
        lab.run("check", partition_key="2020-03")
    assert lab.records("data_check", CHAIN) == []


def test_unaccepted_partition(make_lab: MakeLab) -> None:
    """It cannot be tested on."""
    lab = make_lab("accepted")
    arguments: dict[str, Any] = {"partition_key": "2020-05"}
    with pytest.raises(AirflowFailException, match="Partition '2020-05' of dataset 'events' has no accepted snapshot"):
        lab.run("check", **arguments)
