"""What a gate knows besides the scores."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.alias_moves import releases_since
from airflow_provider_mlops.core.gate_facts import FACTS, gate_facts
from airflow_provider_mlops.core.ledger import Ledger

CHAIN = "model/m"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Versions 1 to 4 became champion, version 3 was refused once, 9 was looked at in a dry run."""
    ledger = Ledger(tmp_path, CHAIN)
    promote(ledger, "1")
    promote(ledger, "2")
    promote(ledger, "3", outcome="FAIL")
    promote(ledger, "3")
    promote(ledger, "9", mode="dry_run")
    promote(ledger, "4", alias="golden")
    promote(ledger, "4")
    return ledger


def promote(ledger: Ledger, version: str, *, alias: str = "champion", **how: Any) -> None:
    body = {"alias": alias, "version": version}
    key = f"{version}/{alias}/{how}"
    ledger.append(kind="promotion", key=key, body=body, **{"outcome": "PASS", **how})


@pytest.mark.parametrize(("version", "releases"), [("1", 3), ("2", 2), ("4", 0), ("9", None), (None, None)])
def test_releases_are_counted_from_the_golden_version(ledger: Ledger, version: str | None, releases: int) -> None:
    """Only live promotions of the champion that passed count."""
    assert releases_since(ledger.records(), version) == releases


def test_a_rollback_to_the_golden_version_starts_the_count_anew(ledger: Ledger) -> None:
    """What was lost since is lost no more."""
    ledger.append(kind="promotion", key="back", body={"alias": "champion", "version": "1"}, outcome="PASS")

    assert releases_since(ledger.records(), "1") == 0


def test_the_facts_are_those_of_the_record(ledger: Ledger) -> None:
    """What the evaluation measured is handed on; the metrics are not: the gate measures anew."""
    body = {"golden": {"version": "2"}, "leakage": {"row_overlap": 0}, "as_of": "2013-03-01T00:00:00Z", "metrics": {}}
    evaluation = ledger.append(kind="evaluation", key="e", body=body)
    facts = gate_facts(ledger.records(), evaluation)

    assert facts["leakage"] == {"row_overlap": 0}
    assert facts["as_of"] == "2013-03-01T00:00:00Z"
    assert facts["releases_since_golden"] == 2
    assert "metrics" not in facts


def test_what_an_older_evaluation_did_not_record_is_none(ledger: Ledger) -> None:
    """A record of an earlier version is judged by what it has; its time stands for the moment of the evaluation."""
    evaluation = ledger.append(kind="evaluation", key="e", body={"rows": 7})
    facts = gate_facts(ledger.records(), evaluation)

    assert (facts["rows"], facts["as_of"]) == (7, evaluation.time)
    assert {facts[name] for name in FACTS if name != "rows"} == {None}
    assert facts["releases_since_golden"] is None


@pytest.mark.parametrize(
    ("promoted", "candidate", "before"),
    [
        ([], "1", None),
        ([("1", None)], "2", "1"),
        ([("1", None)], "1", None),
        ([("1", None), ("2", "1")], "2", "1"),
        ([("1", None), ("2", "1")], None, "2"),
    ],
)
def test_the_ledger_knows_the_champion_that_the_registry_lost(
    tmp_path: Path, promoted: list[tuple[str, str | None]], candidate: str | None, before: str | None
) -> None:
    """Whoever was champion when the evaluation was made; the candidate itself is no baseline, later promotions none."""
    ledger = Ledger(tmp_path, CHAIN)
    for version, previous in promoted:
        body = {"alias": "champion", "version": version, "previous_version": previous}
        ledger.append(kind="promotion", key=version, body=body, outcome="PASS")
    evaluation = ledger.append(kind="evaluation", key="e", body={"candidate": {"version": candidate}})
    promote(ledger, "8")

    assert gate_facts(ledger.records(), evaluation)["last_champion"] == before
