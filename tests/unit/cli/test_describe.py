"""What a record is about, in a few words."""

from typing import Any

import pytest

from airflow_provider_mlops.cli.describe import describe
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict


def record(kind: str, body: dict[str, Any]) -> Record:
    """Return a record with this body; nothing else of it is read."""
    return Record(
        schema=1,
        chain="model/m",
        seq=1,
        prev_hash=None,
        kind=kind,
        key="k",
        mode="live",
        time="2026-11-21T04:35:36.000001Z",
        outcome=None,
        body=body,
        run={},
        hash="sha256:0",
    )


def muted() -> dict[str, Any]:
    """Return the body of a skew that somebody accepted."""
    numbers = {"muted": "wind muted until May by ann: new station"}
    rules = (
        RuleResult(rule="rain", outcome=Outcome.PASS, reason="still"),
        RuleResult(rule="wind", outcome=Outcome.FAIL, reason="moved", numbers=numbers),
    )
    return {"kind": "skew", "verdict": Verdict(outcome=Outcome.PASS, rules=rules).to_dict()}


def judged(*outcomes: str, marks: tuple[str, ...] = (), **body: Any) -> dict[str, Any]:
    """Return a body whose verdict has one rule per outcome."""
    rules = [RuleResult(rule=f"r{i}", outcome=Outcome(o), reason=f"reason {i}") for i, o in enumerate(outcomes)]
    return {"verdict": Verdict.from_rules(rules, marks).to_dict(), **body}


def trained(*keys: str) -> dict[str, Any]:
    """Return the body of a training on these partitions."""
    return {"rows": 49855, "manifest": {"train": {"snapshots": [{"partition_key": key} for key in keys]}}}


def evaluated(champion: float | None, **candidate: float | None) -> dict[str, Any]:
    """Return the body of an evaluation."""
    theirs = None if champion is None else {"value": champion}
    return {
        "candidate": {"version": "2"},
        "champion": None if champion is None else {"version": "1"},
        "metrics": {name: {"candidate": {"value": value}, "champion": theirs} for name, value in candidate.items()},
    }


MOVED: dict[str, Any] = {"alias": "champion", "version": "2", "previous_version": "1"}


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("snapshot", {"rows": 26865}, "26,865 rows"),
        ("snapshot", {"rows": 1}, "1 row"),
        ("validation", judged("PASS", "PASS"), "2 rules hold"),
        ("validation", judged("PASS", "FAIL"), "reason 1"),
        ("validation", {**judged("PASS", "PASS"), "quarantine": {"rows": 32}}, "2 rules hold; 32 rows set aside"),
        ("contract", {"diff": []}, "the columns are those of the contract"),
        ("contract", {"diff": ["+ added: x (double)", "- removed: y"]}, "+ added: x (double) and 1 more difference"),
        ("data_check", {**judged("PASS"), "train": [{"partition_key": "2013-01"}]}, "1 rule holds for 2013-01"),
        ("data_check", {**judged("FAIL"), "train": []}, "reason 0"),
        ("training", trained("2013-01", "2013-02"), "49,855 rows of 2013-01, 2013-02"),
        ("training", trained("01", "02", "03", "04"), "49,855 rows of 01 to 04"),
        ("training", judged("INCONCLUSIVE"), "reason 0"),
        ("registration", {"version": "2"}, "version 2"),
        ("pruning", {"snapshots": [{}, {}], "scores": []}, "2 snapshots removed"),
        ("pruning", {"snapshots": [{}], "scores": [{}]}, "1 snapshot, 1 file of scores removed"),
        (
            "erasure",
            {"reason": "DSR-1", "snapshots": [{"rows_erased": 2}, {"rows_erased": 1}], "scores": []},
            "3 rows of 2 snapshots erased: DSR-1",
        ),
        ("erasure", {"reason": "DSR-1", "scores": [{"rows_erased": 1}]}, "1 row of 1 file of scores erased: DSR-1"),
        ("evaluation", evaluated(0.6547, brier=0.1, roc_auc=0.7051), "roc_auc 0.705 vs 0.655 (version 2 vs 1)"),
        ("evaluation", evaluated(0.6547, brier=0.1), "brier 0.100 vs 0.655 (version 2 vs 1)"),
        ("evaluation", evaluated(None, brier=0.1, roc_auc=None), "brier 0.100 (version 2)"),
        ("evaluation", {**evaluated(None, brier=0.1), "candidate": {"version": None}}, "brier 0.100 (not registered)"),
        (
            "evaluation",
            {**evaluated(None, rmse=0.1, mae=0.2), "leakage": {"row_overlap": 7, "time_ordered": False}},
            "rmse 0.100 (version 2); 7 rows of the training, trained on later rows",
        ),
        (
            "evaluation",
            {**evaluated(0.6, roc_auc=0.7), "leakage": {"row_overlap": 0}, "infrastructure": {"loads": False}},
            "roc_auc 0.700 vs 0.600 (version 2 vs 1); does not load",
        ),
        ("gate", judged("PASS", "PASS"), "all 2 rules hold"),
        ("gate", judged("PASS", marks=("no_baseline",)), "1 rule holds [no_baseline]"),
        ("gate", judged("PASS", "INCONCLUSIVE", "FAIL"), "reason 1"),
        (
            "approval",
            {"version": "3", "decision": "approved", "approver": "ada", "reason": "seen"},
            "version 3 approved by ada: seen",
        ),
        (
            "approval",
            {"version": "3", "decision": "rejected", "approver": "ada", "reason": ""},
            "version 3 rejected by ada",
        ),
        ("promotion", judged("PASS", **MOVED), "champion: version 1 -> 2"),
        ("promotion", judged("PASS", **{**MOVED, "previous_version": None}), "champion: version 2"),
        ("promotion", judged("PASS", **{**MOVED, "version": None}), "champion: version 1 -> not registered"),
        ("promotion", judged("FAIL", reason="FAIL: reason 0", **MOVED), "reason 0"),
        ("promotion", {"reason": "refused"}, "refused"),
        ("drift", judged("PASS", "PASS"), "no drift of features in 2 checks"),
        ("drift", {**judged("PASS"), "kind": "label"}, "no shift of labels in 1 check"),
        ("drift", {**judged("FAIL", "PASS"), "kind": "prediction"}, "drift of predictions: r0"),
        ("drift", judged("FAIL", "PASS", "INCONCLUSIVE", "FAIL"), "drift of features: r0, r3"),
        ("drift", judged("INCONCLUSIVE"), "drift of features: reason 0"),
        (
            "drift",
            muted(),
            "no skew between training and serving in 1 check; muted: wind muted until May by ann: new station",
        ),
        ("performance", judged("PASS", "PASS", champion_version="3"), "version 3 keeps 2 rules"),
        ("performance", judged("FAIL", "INCONCLUSIVE", "FAIL", champion_version="3"), "version 3 breaks r0, r2"),
        ("performance", judged("INCONCLUSIVE", champion_version="3"), "reason 0"),
        ("rollback", {**MOVED, "reason": "bad"}, "champion: version 1 -> 2: bad"),
        (
            "retirement",
            {"retired_version": "1", "alias": None, "retain_until": "2030-12-31", "reason": "old"},
            "version 1 retired, kept until 2030-12-31: old",
        ),
        ("reconciliation", {"action": "heal", "text": "Alias on 1."}, "put back: Alias on 1."),
        ("retrain_claim", {"drift_record_hashes": ["sha256:1"]}, "1 drift record"),
        ("retrain_claim", {"drift_record_hashes": ["sha256:1", "sha256:2"]}, "2 drift records"),
        (
            "retrain_claim",
            {"drift_record_hashes": ["sha256:1"], "performance_record_hashes": ["sha256:2"]},
            "1 drift record and 1 performance record",
        ),
        (
            "retrain",
            {"training_partition_key": "2013-04", "triggers": ["drift:label"], "verdict": {"outcome": "PASS"}},
            "retrains on 2013-04: drift:label",
        ),
        (
            "retrain",
            {"verdict": {"outcome": "FAIL", "rules": [{"rule": "budget", "outcome": "FAIL", "reason": "Spent."}]}},
            "avoided: Spent.",
        ),
        (
            "mute",
            {"feature": "wind", "rule": None, "until": "2013-05-01T00:00:00Z", "who": "ann", "why": "new station"},
            "wind until 2013-05-01T00:00:00Z by ann: new station",
        ),
        ("unmute", {"who": "bob", "why": "mended"}, "by bob: mended"),
        ("replay", {"level": "L0", "differences": []}, "L0"),
        ("replay", {"level": "L1", "differences": ["numpy: 1, 2", "b"]}, "L1: numpy: 1, 2"),
    ],
)
def test_each_kind_says_what_it_is_about(kind: str, body: dict[str, Any], text: str) -> None:
    """The words come from the body alone."""
    assert describe(record(kind, body)) == text


def test_an_unknown_kind_says_its_first_reason() -> None:
    """A newer version may write kinds that this one does not know."""
    assert describe(record("erasure", judged("PASS", "FAIL"))) == "reason 1"
    assert describe(record("erasure", {"who": "me"})) == ""


KINDS = (
    "snapshot",
    "contract",
    "validation",
    "data_check",
    "training",
    "registration",
    "evaluation",
    "gate",
    "promotion",
    "rollback",
    "retirement",
    "reconciliation",
    "drift",
    "performance",
    "retrain_claim",
    "replay",
    "approval",
    "erasure",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": {"outcome": "MAYBE"}},
        {"verdict": 3, "rows": "many", "manifest": [], "metrics": 1, "champion": 1, "level": 1, "differences": 1},
        {"verdict": {"outcome": "PASS", "rules": [1]}, "candidate": {"version": "1"}, "metrics": {"a": {}}},
        {"rows": 1, "manifest": {"train": {"snapshots": [{"partition_key": 3}]}}, "level": None, "differences": []},
    ],
)
def test_a_body_of_another_form_is_no_error(kind: str, body: dict[str, Any]) -> None:
    """The table shows a chain that verifies, whatever its records hold."""
    assert isinstance(describe(record(kind, body)), str)
