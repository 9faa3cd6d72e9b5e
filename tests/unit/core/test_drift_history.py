"""Since when a feature has drifted, and what changed upstream just then."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.drift_brief import cause_lines
from airflow_provider_mlops.core.drift_history import BROKEN, Look, look_of, looks_before, since
from airflow_provider_mlops.core.drift_upstream import acts_between, origin_of, upstream_changes
from airflow_provider_mlops.core.ledger import Ledger


def look(key: str, **sizes: float) -> Look:
    failed = frozenset(name for name, size in sizes.items() if size >= 1)
    return Look(partition_key=key, outcome=None, sizes=sizes, failed=failed)


def body(key: str, outcome: str = "FAIL", **more: Any) -> dict[str, Any]:
    numbers = {"feature": "x", "effects": {"ks": 0.3}, "thresholds": {"ks": 0.1}}
    rules = [{"rule": "x", "outcome": outcome, "reason": "", "numbers": numbers}]
    return {"partition_key": key, "champion_version": "1", "verdict": {"outcome": outcome, "rules": rules}, **more}


def test_since_is_the_start_of_the_unbroken_row() -> None:
    """An earlier drift that ended is another story; a partition that did not look at the feature breaks nothing."""
    looks = [
        look("2013-01", x=2.0),
        look("2013-02", x=0.5),
        look("2013-03", x=1.5),
        look("2013-04", y=1),
        look("2013-05", x=3),
    ]

    assert (since(looks, "x").first, since(looks, "x").clean) == ("2013-03", "2013-02")
    assert since(looks[-1:], "x").clean is None


def test_a_break_without_a_measure_is_as_large_as_can_be() -> None:
    """A column that is gone has no effect to measure."""
    gone = body("2013-01")
    gone["verdict"]["rules"][0]["numbers"] = {"feature": "x"}

    assert look_of(gone).sizes == {"x": BROKEN}


def test_what_too_few_rows_left_open_is_no_clean_partition() -> None:
    """Who could not look has not seen that nothing had drifted."""
    open_ = body("2013-02", "INCONCLUSIVE")
    open_["verdict"]["rules"][0]["numbers"] = {"feature": "x", "n_current": 30}

    assert look_of(open_).sizes == {}
    assert since([look_of(open_), look("2013-03", x=2.0)], "x").clean is None


def test_only_live_verdicts_of_the_same_kind_count(tmp_path: Path) -> None:
    """Audits, other kinds and later partitions are no history."""
    ledger = Ledger(tmp_path, "model/m")
    ledger.append(kind="drift", key="a", body=body("2013-01"), mode="live", outcome="FAIL")
    ledger.append(kind="drift", key="b", body=body("2013-02"), mode="audit", outcome="FAIL")
    ledger.append(kind="drift", key="c", body=body("2013-02", kind="prediction"), mode="live", outcome="FAIL")
    ledger.append(kind="drift", key="d", body=body("2013-04"), mode="live", outcome="FAIL")

    assert [item.partition_key for item in looks_before(ledger.records(), body("2013-03"))] == ["2013-01"]


@pytest.fixture
def dataset(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path, "dataset/d")
    for number, (query, code) in enumerate([("q0", "a"), ("q1", "a"), ("q2", "b")]):
        run = {"dag_id": "d", "run_id": f"r{number}", "task_id": "t"}
        taken = {"snapshot_id": f"s{number}", "rows": 100, "query_hash": query, "source_code_hash": code}
        ledger.append(kind="snapshot", key=f"s{number}", body=taken, run=run, mode="live")
        judged = {"snapshot_id": f"s{number}", "accepted_snapshot_id": f"s{number}", "suite_hash": "x"}
        ledger.append(kind="validation", key=f"v{number}", body=judged, run=run, mode="live", outcome="PASS")
        if number == 1:
            ledger.append(kind="erasure", key="e", body={}, run=run, mode="live")
    return ledger


def test_what_changed_just_then_is_told_and_what_always_changes_is_not(dataset: Ledger) -> None:
    """A query that names the month differs each month; the code differs once."""
    before, clean, drifted = (
        origin_of(dataset.records(), f"s{n}", {"x": "double", **({"y": "string"} if n == 2 else {})}) for n in range(3)
    )

    found = upstream_changes(clean, drifted, [before])

    assert [(item.what, item.before, item.after) for item in found] == [
        ("source_code_hash", "a", "b"),
        ("columns", "y: not there", "y: string"),
    ]
    assert [item["did"] for item in acts_between(dataset.records(), clean, drifted)] == ["erasure"]
    assert drifted.runs[0]["run_id"] == "r2"


def test_a_cause_reads_as_lines() -> None:
    """Empty where there is none."""
    assert cause_lines({}) == []
    assert cause_lines({"features": [{"feature": "x", "how": [], "slices": [], "since": None}]}) == ["x: moved"]


def test_a_drift_that_was_never_seen_clean_may_be_older() -> None:
    """The first partition that was looked at is not when it began."""
    told = {"feature": "x", "how": ["rose"], "slices": [], "since": "2013-05"}

    assert cause_lines({"features": [told | {"clean": "2013-04"}]}) == ["x: rose (since 2013-05)"]
    assert cause_lines({"features": [told | {"clean": None}]}) == ["x: rose (since 2013-05 or earlier)"]
