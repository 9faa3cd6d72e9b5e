"""What a policy demands of humans."""

from typing import Any

import pytest

from airflow_provider_mlops.core.approval_policy import (
    ApprovalPolicy,
    approval_need,
    demand_of,
    demand_text,
    read_approval,
)
from airflow_provider_mlops.core.errors import BadInput, Refused

LOW = read_approval({"without_human": ["Low ", "minimal"]}, "approval")


def test_a_section_is_read_and_survives_its_record() -> None:
    """Tiers are compared without regard to case; what the record holds reads as the same."""
    section = read_approval(
        {
            "without_human": "LOW",
            "risk_tier": "High",
            "inconclusive": "refuse",
            "groups": ["owners"],
            "timeout_hours": 1.5,
            "four_eyes": False,
        },
        "approval",
    )

    assert section == ApprovalPolicy(
        without_human=("low",),
        risk_tier="high",
        inconclusive="refuse",
        groups=("owners",),
        timeout_hours=1.5,
        four_eyes=False,
    )
    assert demand_of({"approval": section.to_dict()}) == section
    assert demand_of({"approval": read_approval({}, "approval").to_dict()}) == ApprovalPolicy()
    assert demand_of({}) is None


def test_a_section_is_told_in_words() -> None:
    """As `airflow mlops policy check` shows it."""
    section = {"without_human": ["low"], "risk_tier": "high", "groups": ["a", "b"], "timeout_hours": 2}

    assert demand_text(read_approval(section, "approval")) == (
        "A PASS of the risk tiers low needs no human, every other one does. The risk tier is high. "
        "INCONCLUSIVE needs one, too. A member of a or b must answer. No answer within 2 hours is a rejection."
    )
    assert demand_text(read_approval({"inconclusive": "refuse"}, "approval")) == (
        "Every PASS needs a human. INCONCLUSIVE is refused."
    )
    assert demand_text(None).startswith("A PASS needs no human")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"tiers": ["low"]}, "unknown key 'tiers'"),
        ({"without_human": []}, "list of different texts"),
        ({"timeout_hours": 0}, "above 0"),
        ({"timeout_hours": float("nan")}, "finite"),
        ({"inconclusive": "pass"}, "human, refuse"),
        ({"four_eyes": "no"}, "true or false"),
        ("low", "must be a mapping"),
    ],
)
def test_a_section_that_is_none_is_an_error(section: Any, words: str) -> None:
    """Unknown words never mean that nobody is asked."""
    with pytest.raises(BadInput, match=words):
        read_approval(section, "approval")


@pytest.mark.parametrize(
    ("outcome", "demand", "tier", "human"),
    [
        ("PASS", None, None, False),
        ("PASS", None, "high", False),
        ("INCONCLUSIVE", None, None, True),
        ("INCONCLUSIVE", LOW, "low", True),
        ("PASS", LOW, " LOW", False),
        ("PASS", LOW, "minimal", False),
        ("PASS", LOW, "high", True),
        ("PASS", LOW, "lowish", True),
        ("PASS", LOW, None, True),
        ("PASS", LOW, "", True),
        ("PASS", ApprovalPolicy(), "low", True),
        ("PASS", ApprovalPolicy(without_human=("low",), risk_tier="low"), None, False),
        ("PASS", ApprovalPolicy(without_human=("low",), risk_tier="low"), "high", True),
        ("PASS", ApprovalPolicy(without_human=("low",), risk_tier="high"), "low", True),
    ],
)
def test_who_needs_a_human(outcome: str, demand: ApprovalPolicy | None, tier: str | None, human: bool) -> None:
    """Only a tier that the policy names goes without; an unknown one, or two that differ, do not."""
    assert approval_need(outcome, demand, tier).human is human


@pytest.mark.parametrize(
    ("outcome", "demand"),
    [("FAIL", None), (None, None), ("FAIL", LOW), ("INCONCLUSIVE", ApprovalPolicy(inconclusive="refuse"))],
)
def test_what_no_human_can_approve(outcome: str | None, demand: ApprovalPolicy | None) -> None:
    """The gate's no, and what the policy does not leave to humans."""
    with pytest.raises(Refused, match="not for approval"):
        approval_need(outcome, demand, "low")
