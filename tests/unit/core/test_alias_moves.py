"""Moves of an alias, of whatever kind: who is, was and served as champion, and that one move wins."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core import alias_moves as moves
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts

RUN = RunFacts(
    dag_id="d",
    run_id="r",
    task_id="t",
    try_number=1,
    map_index=-1,
    partition_key=None,
    run_type="manual",
    mode=Mode.LIVE,
)


@pytest.fixture
def model(tmp_path: Path) -> Ledger:
    """An empty chain of a model."""
    return Ledger(tmp_path, "model/delays")


def add(ledger: Ledger, kind: str, outcome: str | None = "PASS", *, mode: str = "live", **body: Any) -> Record:
    """Append a record."""
    key = f"{len(ledger.records())}"
    body = {"alias": "champion", "partition_key": "2013-01", "previous_version": None, **body}
    return ledger.append(kind=kind, key=key, body=body, outcome=outcome, mode=mode)


def promotion(ledger: Ledger, version: str, key: str, before: str | None, outcome: str = "PASS", **more: Any) -> Record:
    """Append a promotion record."""
    body = {"version": version, "partition_key": key, "previous_version": before, "gate_record_hash": f"g{version}"}
    return add(ledger, "promotion", outcome, **{**body, **more})


def rollback(ledger: Ledger, version: str, before: str, key: str, own: str) -> Record:
    """Append a rollback's record."""
    body = {"version": version, "previous_version": before, "partition_key": key, "version_partition_key": own}
    return add(ledger, "rollback", **body, reason="bad")


def version_of(record: Record | None) -> str | None:
    """Return the version that a move names."""
    return record.body["version"] if record else None


def test_champions(model: Ledger) -> None:
    """Only live promotions that moved the alias count; who served a partition was judged on an earlier one."""
    promotion(model, "1", "2013-02", None)
    promotion(model, "2", "2013-03", "1", "FAIL")
    promotion(model, "3", "2013-03", "1", mode="dry_run")
    promotion(model, "4", "2013-04", "1")
    promotion(model, "5", "2013-05", "4", alias="golden")
    records = model.records()

    served = [version_of(moves.champion_that_served(records, f"2013-0{month}")) for month in (2, 3, 4, 5)]
    latest = moves.latest_move(records)
    assert version_of(latest) == "4"
    assert served == [None, "1", "1", "4"]
    assert (moves.baseline_of(records, "4"), moves.baseline_of(records, "1")) == ("1", None)
    assert moves.promotion_of_gate(records, "g4") == latest
    assert moves.promotion_of_gate(records, "g2") is None
    assert moves.aliases_of(records) == ["champion", "golden"]


def test_days_are_served_after_the_month_that_was_judged(model: Ledger) -> None:
    """A champion that a month was judged on never served a day of that month: it would know its labels."""
    promotion(model, "1", "2013-02", None)
    promotion(model, "2", "2013-03", "1")
    promotion(model, "3", "2013-04-10", "2")
    records = model.records()
    days = ("2013-02-28", "2013-03-01", "2013-03-31", "2013-04-01", "2013-04-10", "2013-04-11")

    served = [version_of(moves.champion_that_served(records, day)) for day in days]
    assert served == [None, "1", "1", "2", "2", "3"]
    assert [version_of(moves.champion_that_served(records, month)) for month in ("2013-04", "2013-05")] == ["2", "3"]


def test_golden_version(model: Ledger) -> None:
    """The alias names the golden version, else it is the first champion; the candidate is no baseline of itself."""
    assert moves.golden_of(model.records(), None, "1") is None
    promotion(model, "9", "p", None, alias="shadow")
    promotion(model, "1", "p", None, "FAIL")
    promotion(model, "8", "p", None, mode="dry_run")
    promotion(model, "2", "p", None)
    promotion(model, "3", "p", "2")

    assert moves.golden_of(model.records(), None, "4") == "2"
    assert moves.golden_of(model.records(), None, None) == "2"
    assert moves.golden_of(model.records(), None, "2") is None
    assert moves.golden_of(model.records(), "3", "4") == "3"
    assert moves.golden_of(model.records(), "3", "3") == "2"


def test_rollback_is_a_move(model: Ledger) -> None:
    """After a rollback the older version is champion, serves what comes after, and counts for its own partition."""
    promotion(model, "1", "2013-02", None)
    promotion(model, "2", "2013-03", "1")
    back = rollback(model, "1", "2", "2013-03", "2013-02")
    records = model.records()

    assert moves.latest_move(records) == back
    assert moves.partition_of(back) == "2013-02"
    assert [version_of(moves.champion_that_served(records, f"2013-0{month}")) for month in (3, 4)] == ["1", "1"]
    # What it was compared with when it was promoted, not the version that was rolled back from.
    assert moves.baseline_of(records, "1") is None
    assert moves.golden_of(records, None, "3") == "1"


def test_withdrawn_versions(model: Ledger) -> None:
    """What was rolled back from or retired is withdrawn; a later promotion lifts the first, nothing the second."""
    promotion(model, "1", "2013-02", None)
    promotion(model, "2", "2013-03", "1")
    rollback(model, "1", "2", "2013-03", "2013-02")
    found = moves.withdrawn_versions(model.records())
    assert {version: one.for_good for version, one in found.items()} == {"2": False}
    assert found["2"].why.endswith(": bad")

    promotion(model, "2", "2013-03", "1")
    assert moves.withdrawn_versions(model.records()) == {}

    add(model, "retirement", version=None, previous_version="2", retired_version="2", reason="leak")
    promotion(model, "2", "2013-03", None)
    assert moves.withdrawn_versions(model.records())["2"].for_good


def test_retired_champion_serves_nobody(model: Ledger) -> None:
    """After the champion's retirement there is no champion, and none that served."""
    promotion(model, "1", "2013-02", None)
    retired = add(model, "retirement", partition_key="2013-02", version=None, previous_version="1", retired_version="1")
    assert moves.latest_move(model.records()) == retired
    assert moves.champion_that_served(model.records(), "2013-04") is None
    assert moves.partition_of(retired) is None


def test_reconciliation_decides_nothing(model: Ledger) -> None:
    """What restores the ledger's truth is a move to follow, and no decision about who is champion."""
    first = promotion(model, "1", "2013-02", None)
    healed = add(model, "reconciliation", version="1", previous_version="7")
    assert moves.latest_move(model.records()) == healed
    assert moves.deciding_move(model.records()) == first
    assert moves.champion_that_served(model.records(), "2013-04") == first
    assert moves.withdrawn_versions(model.records()) == {}


def test_adopted_champion(model: Ledger) -> None:
    """What was adopted is champion and golden, and served whatever came before."""
    adopted = add(model, "adoption", version="1", partition_key=None)
    assert moves.champion_that_served(model.records(), "1999-01") == adopted
    assert moves.golden_of(model.records(), None, "2") == "1"
    assert moves.partition_of(adopted) is None


def test_releases_after_a_rollback(model: Ledger) -> None:
    """A rollback gives the margins back that the releases since may have lost."""
    for number, before in (("1", None), ("2", "1"), ("3", "2")):
        promotion(model, number, "2013-02", before)
    assert moves.releases_since(model.records(), "1") == 2
    rollback(model, "2", "3", "2013-02", "2013-02")
    assert moves.releases_since(model.records(), "1") == 1
    promotion(model, "4", "2013-03", "2")
    assert moves.releases_since(model.records(), "1") == 2
    assert moves.releases_since(model.records(), "9") is None


@pytest.mark.parametrize("other", moves.KINDS)
def test_one_of_two_moves_wins(model: Ledger, other: str) -> None:
    """Two moves that follow the same one, of whatever kinds: the ledger takes one and returns it to both."""
    before = promotion(model, "1", "2013-02", None)
    body = {"alias": "champion", "previous_version": "1", "retired_version": "1"}
    won = moves.record_move(model, other, before=before, body={**body, "version": "2"}, run=RUN)
    lost = moves.record_move(model, "promotion", before=before, body={**body, "version": "3"}, run=RUN)

    assert lost == won
    assert won.kind == other
    assert [record.seq for record in moves.alias_moves(model.records())] == [1, 2]


def test_retired_version_takes_no_alias(model: Ledger) -> None:
    """A retirement that comes between the decision and its record forbids the move."""
    retired = add(model, "retirement", alias=None, version=None, retired_version="2")
    body = {"alias": "champion", "version": "2", "previous_version": None}
    assert moves.record_move(model, "promotion", before=None, body=body, run=RUN) == retired
