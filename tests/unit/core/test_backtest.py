"""The back-test of a policy: which evaluations are judged again, and what is counted."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.backtest import Case, Retried, cases_of, first_change, summarise, summary_text
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def verdict(*outcomes: Outcome) -> Verdict:
    """Return a verdict of the rules r0, r1, ..."""
    return Verdict.from_rules(
        RuleResult(rule=f"r{index}", outcome=outcome, reason=f"{outcome} of r{index}.")
        for index, outcome in enumerate(outcomes)
    )


def evaluate(ledger: Ledger, name: str, key: str, snapshot: str = "s", mode: str = "live") -> Record:
    """Record an evaluation."""
    body = {"evaluation_id": name, "partition_key": key, "test": {"snapshot_id": snapshot}, "golden": None}
    return ledger.append(kind="evaluation", key=f"e/{name}", body=body, mode=mode)


def gate(ledger: Ledger, name: str, outcome: Outcome, looks: int = 1, policy: str = "p", mode: str = "live") -> Record:
    """Record a verdict."""
    body = {"evaluation_id": name, "looks": looks, "verdict": verdict(outcome).to_dict()}
    return ledger.append(kind="gate", key=f"g/{name}/{policy}", body=body, outcome=outcome, mode=mode)


def promote(ledger: Ledger, gate_record: Record, version: str) -> None:
    """Record a promotion."""
    body = {"alias": "champion", "version": version, "gate_record_hash": gate_record.hash}
    ledger.append(kind="promotion", key=f"p/{version}", body=body, outcome="PASS")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """January promoted, February refused and then promoted by another policy, March never judged, an audit of it."""
    ledger = Ledger(tmp_path, "model/m")
    evaluate(ledger, "jan", "2013-01")
    promote(ledger, gate(ledger, "jan", PASS), "1")
    evaluate(ledger, "feb", "2013-02")
    passed = gate(ledger, "feb", PASS, looks=2, policy="mild")
    promote(ledger, passed, "2")
    gate(ledger, "feb", FAIL, looks=2, policy="strict")
    evaluate(ledger, "mar", "2013-03")
    gate(ledger, "mar", FAIL, mode="audit")
    evaluate(ledger, "audit", "2013-03", mode="audit")
    return ledger


def test_every_live_evaluation_is_a_case_with_the_verdict_that_counted(ledger: Ledger) -> None:
    """Of two verdicts it is the one that led to a promotion; audits are no cases."""
    cases = cases_of(ledger.records())

    assert [(c.evaluation.body["evaluation_id"], c.promoted, c.looks) for c in cases] == [
        ("jan", True, 1),
        ("feb", True, 2),
        ("mar", False, 3),
    ]
    assert [c.recorded.outcome if c.recorded else None for c in cases] == [PASS, PASS, None]


def test_facts_are_those_of_the_time(ledger: Ledger) -> None:
    """What was promoted later does not count among the releases since the golden version."""
    body = {
        "evaluation_id": "apr",
        "partition_key": "2013-04",
        "test": {"snapshot_id": "s"},
        "golden": {"version": "1"},
    }
    ledger.append(kind="evaluation", key="e/apr", body=body)
    judged = gate(ledger, "apr", PASS)
    promote(ledger, judged, "3")
    (case,) = cases_of(ledger.records(), since="2013-04")

    assert case.facts["releases_since_golden"] == 1


@pytest.mark.parametrize(
    ("since", "until", "names"),
    [
        ("2013-02", None, ["feb", "mar"]),
        (None, "2013-02", ["jan", "feb"]),
        ("2013-02", "2013-02", ["feb"]),
        ("2013-02-01", "2013-03-31", ["feb", "mar"]),
        ("2014-01", None, []),
    ],
)
def test_partitions_are_chosen_by_their_time(
    ledger: Ledger, since: str | None, until: str | None, names: list[str]
) -> None:
    """Both ends are included; a day may bound months."""
    assert [c.evaluation.body["evaluation_id"] for c in cases_of(ledger.records(), since=since, until=until)] == names


@pytest.mark.parametrize(
    ("since", "until", "error"), [("Febr", None, "neither a month"), ("2013-03", "2013-01", "exchange")]
)
def test_keys_that_choose_nothing_are_refused(ledger: Ledger, since: str, until: str | None, error: str) -> None:
    """A typing error is no empty back-test."""
    with pytest.raises(BadInput, match=error):
        cases_of(ledger.records(), since=since, until=until)


@pytest.mark.parametrize(
    ("recorded", "new", "reason"),
    [
        ((PASS, PASS), (PASS, FAIL), "r1: FAIL of r1."),
        ((INCONCLUSIVE, PASS), (INCONCLUSIVE, FAIL), "r1: FAIL of r1."),
        ((FAIL, PASS), (INCONCLUSIVE, PASS), "r0: INCONCLUSIVE of r0."),
        ((FAIL,), (PASS,), "no longer: FAIL of r0."),
        ((PASS,), (PASS, INCONCLUSIVE), "r1: INCONCLUSIVE of r1."),
        ((PASS,), (), "no rule was judged"),
    ],
)
def test_the_first_change_is_named(recorded: tuple[Outcome, ...], new: tuple[Outcome, ...], reason: str) -> None:
    """It is a reason of the outcome that stands now, and one that did not stand then if there is one."""
    assert first_change(verdict(*recorded), verdict(*new)) == reason


def retried(recorded: Outcome | None, new: Outcome | None, *, promoted: bool = False, ledger: Ledger) -> Retried:
    name = f"{len(ledger.records())}"
    record = evaluate(ledger, name, "2013-01")
    judged = gate(ledger, name, recorded) if recorded else None
    case = Case(evaluation=record, gate=judged, promoted=promoted, looks=1, facts={})
    return Retried(case=case, verdict=verdict(new) if new else None, problem="" if new else "gone")


def test_the_summary_counts_what_would_have_changed(tmp_path: Path) -> None:
    """Blocked promotions, refused candidates let through, what is undecided and what could not be judged."""
    ledger = Ledger(tmp_path, "model/m")
    outcomes: list[tuple[Any, Any, bool]] = [
        (PASS, PASS, True),
        (PASS, FAIL, True),
        (PASS, INCONCLUSIVE, True),
        (INCONCLUSIVE, INCONCLUSIVE, True),  # a human approved it, and would be asked again
        (INCONCLUSIVE, FAIL, True),
        (FAIL, PASS, False),
        (FAIL, FAIL, False),
        (None, INCONCLUSIVE, False),
        (PASS, None, True),
    ]
    found = [retried(old, new, promoted=moved, ledger=ledger) for old, new, moved in outcomes]
    counts = summarise(found)

    assert counts == {
        "evaluations": 9,
        "judged": 8,
        "not_judged": 1,
        "changed": 4,
        "promotions": 5,
        "blocked_promotions": 3,
        "undecided_promotions": 1,
        "refused": 2,
        "let_through": 1,
        "inconclusive": 3,
    }
    assert summary_text(counts) == (
        "would have blocked 3 of 5 promotions (1 undecided), would have let through 1 of 2 refused candidates; "
        "3 of 8 evaluations undecided, 1 not judged"
    )
    assert [one.reason for one in found][-2:] == ["INCONCLUSIVE of r0.", "gone"]
    assert found[0].reason == ""
