"""Who may take the alias."""

from typing import Any

import pytest

from airflow_provider_mlops.core.alias_moves import Withdrawn
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.promotion import decide_promotion
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, Verdict

GATE = {
    "kind": "gate",
    "hash": "sha256:1",
    "outcome": "PASS",
    "body": {"candidate_version": "7", "model_digest": "sha256:m"},
}


def decide(**changes: Any) -> Verdict:
    """Decide on a candidate that may be promoted, but for the changes."""
    return decide_promotion(
        **{
            "candidate_version": "7",
            "candidate_digest": "sha256:m",
            "partition_key": "2013-03",
            "gate": GATE,
            "validations": {"s1": "PASS", "s2": "PASS"},
            "current_champion": "5",
            "evaluated_champion": "5",
            "champion_partition_key": "2013-02",
            **changes,
        }
    )


def failed(verdict: Verdict) -> list[str]:
    """Return the names of the rules that failed."""
    return [rule.rule for rule in verdict.rules if rule.outcome is Outcome.FAIL]


def gate(outcome: str | None = "PASS", kind: str = "gate", **body: str | None) -> dict[str, Any]:
    """Return the gate's record with changes."""
    return GATE | {"outcome": outcome, "kind": kind, "body": {**GATE["body"], **body}}  # type: ignore[dict-item]


def test_a_gated_candidate_on_validated_data_takes_the_alias() -> None:
    """Every rule passes and says why."""
    verdict = decide()

    assert verdict.passed
    assert [r.rule for r in verdict.rules] == [
        "gate_passed",
        "training_data_validated",
        "champion_unchanged",
        "not_older",
        "not_withdrawn",
        "governance",
        "policy_pinned",
        "training_data_checked",
    ]


def test_the_first_champion_needs_no_predecessor() -> None:
    """No version holds the alias, and none was compared with."""
    assert decide(current_champion=None, evaluated_champion=None, champion_partition_key=None).passed


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "no gate record"),
        (gate("FAIL"), "said FAIL"),
        (gate("INCONCLUSIVE"), "said INCONCLUSIVE"),
        (gate(None), "said None"),
        (gate(kind="evaluation"), "'evaluation' record"),
        (gate(candidate_version="6"), "judged version 6, not 7"),
        (gate(model_digest="sha256:x"), "digest sha256:x"),
        (gate(model_digest=None), "digest None"),
        ({"kind": "gate", "outcome": "PASS"}, "judged version None"),
    ],
)
def test_only_a_pass_for_this_very_model_counts(record: dict[str, Any] | None, words: str) -> None:
    """A gate record of another version, or of other bytes, is none."""
    verdict = decide(gate=record)

    assert failed(verdict) == ["gate_passed"]
    assert words in verdict.reasons[0]


@pytest.mark.parametrize("outcome", ["FAIL", "INCONCLUSIVE", None])
def test_every_training_snapshot_must_have_passed(outcome: str | None) -> None:
    """The snapshot without PASS is named."""
    verdict = decide(validations={"s1": "PASS", "s2": outcome})

    assert failed(verdict) == ["training_data_validated"]
    assert f"s2 ({outcome or 'no validation record'})" in verdict.reasons[0]
    assert "s1" not in verdict.reasons[0]


def test_a_training_without_snapshots_proves_nothing() -> None:
    """Nothing to check is not a PASS."""
    assert failed(decide(validations={})) == ["training_data_validated"]


@pytest.mark.parametrize(("current", "evaluated"), [("6", "5"), (None, "5"), ("6", None)])
def test_an_alias_that_moved_since_the_evaluation_stops_the_promotion(
    current: str | None, evaluated: str | None
) -> None:
    """The candidate was compared with another champion than it would replace."""
    verdict = decide(current_champion=current, evaluated_champion=evaluated)

    assert failed(verdict) == ["champion_unchanged"]
    assert "judge it again" in verdict.reasons[0]


def test_a_promotion_that_was_done_already_passes_again() -> None:
    """A retry after the alias moved finds it on the candidate."""
    assert decide(current_champion="7", champion_partition_key="2013-03").passed


@pytest.mark.parametrize("key", ["2013-04", "2013-03-31", "2014-01"])
def test_a_champion_of_a_newer_partition_is_never_replaced(key: str) -> None:
    """Days and months compare by the end of their data."""
    older = decide(champion_partition_key=key, partition_key="2013-03-30")

    assert failed(older) == ["not_older"]
    assert key in older.reasons[0]


@pytest.mark.parametrize("key", ["2013-03", "2012-12", "2013-03-31"])
def test_the_same_or_an_older_partition_is_replaced(key: str) -> None:
    """A retraining for the champion's own partition may win."""
    assert decide(champion_partition_key=key).passed


def test_a_champion_from_outside_the_ledger_can_be_replaced_and_is_marked() -> None:
    """A registry that had a champion before can be taken over; the record shows it."""
    verdict = decide(champion_partition_key=None)

    assert verdict.passed
    assert verdict.marks == ("champion_without_record",)
    assert "outside this ledger" in verdict.rules[3].reason


def test_all_reasons_are_given_at_once() -> None:
    """Whoever reads a refusal sees all that stands in the way."""
    verdict = decide(gate=None, validations={}, current_champion="6", champion_partition_key="2013-09")

    assert len(failed(verdict)) == len(verdict.reasons) == 4


def test_a_key_that_is_no_partition_is_an_error() -> None:
    """A decision about nonsense is not made."""
    with pytest.raises(BadInput):
        decide(partition_key="march")


UNDECIDED = gate("INCONCLUSIVE")


def approval(outcome: str = "PASS", gate_hash: str = "sha256:1") -> dict[str, Any]:
    """Return a human's answer."""
    return {"hash": "sha256:a", "outcome": outcome, "body": {"gate_record_hash": gate_hash, "approver": "Ada"}}


def test_a_human_may_approve_what_the_gate_could_not_decide() -> None:
    """The verdict says who, and is marked."""
    verdict = decide(gate=UNDECIDED, approval=approval())

    assert verdict.passed
    assert verdict.marks == ("approved_by_human",)
    assert "Ada approved version 7" in verdict.rules[0].reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gate": gate("FAIL"), "approval": approval()}, "The gate said FAIL"),
        ({"gate": UNDECIDED}, "The gate said INCONCLUSIVE"),
        ({"gate": UNDECIDED, "approval": approval("FAIL")}, "Ada rejected version 7"),
        ({"gate": UNDECIDED, "approval": approval(gate_hash="sha256:2")}, "Ask for one of this very verdict"),
        ({"gate": UNDECIDED, "approval": approval(), "judged_again": "sha256:3"}, "judged again since its approval"),
        ({"gate": gate("INCONCLUSIVE", model_digest="sha256:n"), "approval": approval()}, "find out who changed it"),
    ],
)
def test_an_approval_passes_nothing_else(changes: dict[str, Any], reason: str) -> None:
    """No FAIL, no rejection, no other verdict, no other model."""
    verdict = decide(**changes)

    assert failed(verdict) == ["gate_passed"]
    assert reason in verdict.rules[0].reason
    assert verdict.marks == ()


def test_a_rejection_holds_back_a_pass_too() -> None:
    """Who asks a human of every verdict is answered by him: a rejected candidate is not promoted by a later run."""
    verdict = decide(approval=approval("FAIL"))

    assert failed(verdict) == ["gate_passed"]
    assert verdict.rules[0].reason == "The gate passed version 7. Ada rejected version 7."
    assert decide(approval=approval("FAIL", gate_hash="sha256:2")).passed


@pytest.mark.parametrize("later", ["FAIL", "INCONCLUSIVE"])
def test_a_pass_that_was_taken_back_counts_no_more(later: str) -> None:
    """A tightened policy judged the version again: the PASS of before is no way around it."""
    verdict = decide(judged_again="sha256:3", judged_again_as=later)

    assert failed(verdict) == ["gate_passed"]
    assert f"judged again since, as {later}" in verdict.rules[0].reason
    assert decide(judged_again="sha256:3", judged_again_as="PASS").passed


def test_an_approval_of_a_pass_changes_nothing() -> None:
    """The gate decided; the mark is for what it could not decide."""
    assert decide(approval=approval()).marks == ()


TIERED = gate(approval={"without_human": ["low"]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "passes", "reason"),
    [
        ({"risk_tier": "low"}, True, "with this digest"),
        ({"risk_tier": "high"}, False, "the risk tier is 'high'. Ask for one"),
        ({}, False, "the risk tier is unknown. Ask for one"),
        ({"risk_tier": "high", "approval": approval()}, True, "Ada approved version 7"),
        ({"risk_tier": "low", "approval": approval("FAIL")}, False, "Ada rejected version 7"),
    ],
)
def test_a_policy_may_demand_a_human_for_a_pass(changes: dict[str, Any], passes: bool, reason: str) -> None:
    """Who needs one is decided by the risk tier; a human's yes that was needed is marked."""
    verdict = decide(gate=TIERED, **changes)

    assert verdict.passed is passes
    assert reason in verdict.rules[0].reason
    assert verdict.marks == (("approved_by_human",) if passes and "approval" in changes else ())


def withdrawn(kind: str) -> Withdrawn:
    """Return the record that withdrew version 7."""
    body = {"reason": "it was wrong", "retired_version": "7", "previous_version": "7", "version": None}
    return Withdrawn(
        Record("model/m", 1, None, kind, "k", "live", "2013-04-01T00:00:00.000000Z", "PASS", body, {}, "sha256:w")
    )


def test_a_version_that_was_rolled_back_from_needs_a_reason() -> None:
    """A rollback stands against a promotion, and says why; a reason overrides it, and is marked."""
    refused = decide(withdrawn=withdrawn("rollback"))
    assert failed(refused) == ["not_withdrawn"]
    assert "was rolled back from on 2013-04-01: it was wrong" in refused.reasons[0]

    forced = decide(withdrawn=withdrawn("rollback"), force_reason="the feature is mended")
    assert (forced.passed, forced.marks) == (True, ("forced",))
    assert forced.rules[4].numbers["forced"] == "the feature is mended"


def test_a_retired_version_never_comes_back() -> None:
    """No reason overrides a retirement."""
    assert failed(decide(withdrawn=withdrawn("retirement"), force_reason="please")) == ["not_withdrawn"]


def test_an_older_partition_needs_a_reason() -> None:
    """An older partition's model replaces a newer one only with a reason; other rules no reason overrides."""
    older = {"champion_partition_key": "2013-05"}
    assert failed(decide(**older)) == ["not_older"]
    assert decide(**older, force_reason="bad labels in May").marks == ("forced",)
    assert failed(decide(**older, gate=gate("FAIL"), force_reason="bad labels in May")) == ["gate_passed"]
    assert decide(force_reason="nothing to force").marks == ()


def test_tags_that_the_policy_demands() -> None:
    """What is missing is named, with how to set it."""
    found = decide(required_tags=["owner", "risk_tier"], governance={"risk_tier": "low"})
    assert failed(found) == ["governance"]
    assert "Version 7 lacks the tag 'owner': set it on the version or on the registered model" in found.reasons[0]
    assert decide(required_tags=["owner"], governance={"owner": "ops"}).passed
