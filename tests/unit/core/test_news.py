"""Whether a verdict of monitoring says anything new."""

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_mlops.core.news import unchanged_before, what_it_says
from airflow_provider_mlops.core.record import Record

WEEK = timedelta(days=7)


def rule(name: str, outcome: str, feature: str, effect: float = 0.2) -> dict[str, Any]:
    """Make a rule of a verdict."""
    return {"rule": name, "outcome": outcome, "reason": "", "numbers": {"feature": feature, "effects": {"ks": effect}}}


def verdict(day: int, *features: str, version: str = "1", effect: float = 0.2, **fields: Any) -> Record:
    """Make the drift verdict of a day of May, in which some features have drifted."""
    rules = [rule("drift", "FAIL", name, effect) for name in features] + [rule("drift", "PASS", "still")]
    body = {
        "partition_key": f"2013-05-{day:02d}",
        "dataset": fields.pop("dataset", "served"),
        "kind": fields.pop("kind", "feature"),
        "champion_version": version,
        "verdict": {"rules": rules},
    }
    return Record(
        chain="model/m",
        seq=day,
        prev_hash=None,
        kind="drift",
        key=str(day),
        mode=fields.pop("mode", "live"),
        time=f"2013-05-{day:02d}T06:00:00.000000Z",
        outcome="FAIL" if features else "PASS",
        body=body,
        run={},
        hash=f"sha256:{day}",
    )


def test_figures_are_no_news() -> None:
    """The same features, another effect and another day: the same; another feature, version or outcome: news."""
    said = what_it_says(verdict(1, "wind", "rain"))

    assert what_it_says(verdict(2, "rain", "wind", effect=0.3)) == said
    others = (verdict(2, "wind"), verdict(2, "wind", "rain", version="2"), verdict(2))
    assert said not in {what_it_says(other) for other in others}


def test_the_row_ends_where_something_else_was_said() -> None:
    """A day without drift between two days with it makes the second one news."""
    days = [verdict(1, "wind"), verdict(2), verdict(3, "wind"), verdict(4, "wind")]

    assert [record.seq for record in unchanged_before(days, days[3], WEEK)] == [3]
    assert unchanged_before(days, days[2], WEEK) == []


def test_the_row_ends_with_the_time() -> None:
    """What was said longer ago does not count."""
    days = [verdict(1, "wind"), verdict(5, "wind"), verdict(9, "wind")]

    assert [record.seq for record in unchanged_before(days, days[2], WEEK)] == [5]


@pytest.mark.parametrize("other", [{"kind": "prediction"}, {"dataset": "archive"}, {"mode": "audit"}])
def test_other_questions_do_not_count(other: dict[str, Any]) -> None:
    """Another kind of drift, another dataset, an audit: neither ends the row nor belongs to it."""
    days = [verdict(1, "wind"), verdict(2, **other), verdict(3, "wind", **other), verdict(4, "wind")]

    assert [record.seq for record in unchanged_before(days, days[3], WEEK)] == [1]


def test_decisions_are_always_news() -> None:
    """Only what comes with each partition is held back."""
    first, second = (Record(**{**verdict(day).to_dict(), "kind": "gate"}) for day in (1, 2))

    assert unchanged_before([first, second], second, WEEK) == []


def undecided(day: int, name: str = "wind", **numbers: Any) -> Record:
    """Make a drift verdict of a day of May that could not decide."""
    rules = [{"rule": name, "outcome": "INCONCLUSIVE", "reason": "", "numbers": {"feature": name, **numbers}}]
    whole = verdict(day).to_dict()
    return Record(**{**whole, "outcome": "INCONCLUSIVE", "body": {**whole["body"], "verdict": {"rules": rules}}})


def test_another_cause_of_an_open_verdict_is_news() -> None:
    """Too few rows today, no profile tomorrow: told again. Other figures of the same cause are not."""
    few = undecided(1, underpowered=True, effects={"ks": 0.01}, thresholds={"ks": 0.1})
    same = undecided(2, underpowered=True, effects={"ks": 0.02}, thresholds={"ks": 0.1})
    others = [
        undecided(2, effects={"ks": 0.2}, thresholds={"ks": 0.1}),
        undecided(2, "rain", underpowered=True),
        undecided(2, "profiles", partition_keys=["2013-05-02"]),
    ]

    assert what_it_says(few) == what_it_says(same)
    assert [record.seq for record in unchanged_before([few, same], same, WEEK)] == [1]
    assert what_it_says(few) not in {what_it_says(other) for other in others}
    assert what_it_says(others[2]) == what_it_says(undecided(3, "profiles", partition_keys=["2013-05-03"]))


def test_an_open_rule_beside_drift_is_no_news() -> None:
    """The drift is told; whether another feature could be judged that day changes nothing about it."""
    plain, beside = verdict(1, "wind"), verdict(2, "wind").to_dict()
    beside["body"]["verdict"]["rules"].append({"rule": "rain", "outcome": "INCONCLUSIVE", "reason": "", "numbers": {}})

    assert what_it_says(plain) == what_it_says(Record(**beside))
